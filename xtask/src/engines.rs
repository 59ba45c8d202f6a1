//! The stories of the pages in each browser engine, as steps that count them.

use std::process::Command;

use crate::{
    output::pass_on,
    report::{Outcome, Report},
    tools::{Browser, Engine, Installed},
};

/// The beginning of the names of the Rust tests that tell the stories, one for each engine.
pub(crate) const COUNTED: &str = "web::engines::";

/// Runs the stories in one engine. `tests` is a `cargo test` with the tools in its environment.
pub(crate) fn step(report: &mut Report, engine: Engine, browser: &Installed<Browser>, tests: Command) {
    report.step(&format!("the pages in {}", engine.name()), || match browser {
        Ok(_) => count(engine, tests),
        Err(_) => Outcome::CouldNotRun { how: format!("needs {} above", engine.name()) },
    });
}

fn count(engine: Engine, mut tests: Command) -> Outcome {
    let name = engine.name();
    tests.args(["--workspace", "--test", "switchboard", "--", "--nocapture"]);
    tests.arg(format!("{COUNTED}the_pages_work_in_{}", name.to_lowercase()));
    let (mut counts, mut names) = (None, Vec::new());
    let ended = pass_on(&mut tests, |line| {
        if let Some(found) = counts_in(line, name) {
            // They are run once more after a failure.
            counts = Some(found);
        } else if line.starts_with("✖ ") && !names.iter().any(|known| known == line) {
            names.push(line.to_owned());
        }
    });
    match (ended, counts) {
        (Ok(ended), Some((passed, 0))) if ended.succeeded() && passed > 0 => Outcome::Ran { passed, failed: 0 },
        (Ok(ended), counts) => {
            let (passed, failed) = counts.unwrap_or_default();
            let signal = ended.signal();
            let lines = if names.is_empty() { ended.last_lines() } else { names };
            Outcome::Failed { passed, failed: failed.max(1), signal, lines }
        }
        (Err(error), _) => Outcome::failed(&format!("cargo does not start: {error}")),
    }
}

/// The counts in `the pages in WebKit 2.50.6: 14 passed, 0 failed`.
fn counts_in(line: &str, engine: &str) -> Option<(usize, usize)> {
    let (_version, counts) = line.strip_prefix("the pages in ")?.strip_prefix(engine)?.split_once(": ")?;
    let (passed, failed) = counts.split_once(" passed, ")?;
    Some((passed.parse().ok()?, failed.strip_suffix(" failed")?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::{count, counts_in};
    use crate::{report::Outcome, tools::Engine};
    use std::process::Command;

    /// Counts what a script prints in place of `cargo test`.
    fn counted(script: &str) -> Outcome {
        let mut shell = Command::new("sh");
        shell.args(["-c", script]);
        count(Engine::WebKit, shell)
    }

    #[test]
    fn the_line_with_the_counts_of_an_engine_is_read() {
        let line = "the pages in WebKit 2.50.6: 14 passed, 1 failed";
        assert_eq!(counts_in(line, "WebKit"), Some((14, 1)));
        assert_eq!(counts_in(line, "Firefox"), None);
    }

    #[test]
    fn the_last_counts_are_those_of_the_step() {
        let twice = "echo 'the pages in WebKit 2.50.6: 13 passed, 1 failed'; echo '✖ a story (12ms)'; \
                     echo 'the pages in WebKit 2.50.6: 14 passed, 0 failed'";
        assert!(matches!(counted(twice), Outcome::Ran { passed: 14, failed: 0 }));
        let failed = counted(&format!("{twice}; exit 101"));
        let Outcome::Failed { passed, failed, lines, .. } = failed else { panic!("it failed") };
        assert_eq!((passed, failed, lines), (14, 1, vec!["✖ a story (12ms)".to_owned()]));
    }

    #[test]
    fn an_engine_in_which_nothing_ran_has_failed() {
        assert!(matches!(counted("echo 'test result: ok. 1 passed; 0 failed'"), Outcome::Failed { failed: 1, .. }));
    }
}
