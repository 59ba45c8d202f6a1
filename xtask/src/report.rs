//! What became of each step, and the summary a run ends with.

use std::{
    io::{BufRead, BufReader},
    process::{Command, ExitCode, Stdio},
};

/// How a step ended.
pub(crate) enum Outcome {
    /// What was counted: a test runner's tests, or one for a check that answers yes or no.
    Ran { passed: usize, failed: usize },
    /// A failure too: what was not tried is not known to work. `how` says what to install.
    CouldNotRun { how: String },
    /// Left out on purpose.
    LeftOut,
}

impl Outcome {
    pub(crate) const PASSED: Outcome = Outcome::Ran { passed: 1, failed: 0 };
    pub(crate) const FAILED: Outcome = Outcome::Ran { passed: 0, failed: 1 };
}

/// The steps so far, in order. Each is named as it begins and once more in the summary.
#[derive(Default)]
pub(crate) struct Report {
    steps: Vec<(String, Outcome)>,
}

impl Report {
    /// Names a step, takes it, keeps its outcome.
    pub(crate) fn step(&mut self, name: &str, step: impl FnOnce() -> Outcome) {
        println!("\n== {name}");
        let outcome = step();
        self.steps.push((name.to_owned(), outcome));
    }

    pub(crate) fn left_out(&mut self, name: &str) {
        self.steps.push((name.to_owned(), Outcome::LeftOut));
    }

    /// Prints one line a step, and as the last line of all `N passed, N failed`.
    pub(crate) fn conclude(self) -> ExitCode {
        println!("\n== Summary");
        let (mut all_passed, mut all_failed) = (0, 0);
        for (name, outcome) in self.steps {
            let (verdict, passed, failed) = match outcome {
                Outcome::Ran { passed: 1, failed: 0 } => ("passed".to_owned(), 1, 0),
                Outcome::Ran { passed, failed: 0 } => (format!("passed ({passed})"), passed, 0),
                Outcome::Ran { passed: 0, failed } => ("FAILED".to_owned(), 0, failed),
                Outcome::Ran { passed, failed } => {
                    (format!("FAILED ({failed} of {})", passed + failed), passed, failed)
                }
                Outcome::CouldNotRun { how } => (format!("COULD NOT RUN: {how}"), 0, 1),
                Outcome::LeftOut => ("left out".to_owned(), 0, 0),
            };
            println!("{name}: {verdict}");
            all_passed += passed;
            all_failed += failed;
        }
        println!("\n{all_passed} passed, {all_failed} failed");
        if all_failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

/// Runs a command that answers by its exit code; its output goes to ours.
pub(crate) fn check(command: &mut Command) -> Outcome {
    match command.status() {
        Ok(status) if status.success() => Outcome::PASSED,
        Ok(_) => Outcome::FAILED,
        Err(error) => cannot_start(command, &error),
    }
}

/// Runs `cargo test` and counts the tests by the line that each test binary ends with.
/// A failure outside any test, such as code that does not compile, counts as one.
pub(crate) fn count_tests(command: &mut Command) -> Outcome {
    let mut child = match command.stdout(Stdio::piped()).spawn() {
        Ok(child) => child,
        Err(error) => return cannot_start(command, &error),
    };
    let (mut passed, mut failed) = (0, 0);
    for line in child.stdout.take().into_iter().flat_map(|out| BufReader::new(out).lines()).map_while(Result::ok) {
        println!("{line}");
        if let Some((this_passed, this_failed)) = counts(&line) {
            passed += this_passed;
            failed += this_failed;
        }
    }
    if !child.wait().is_ok_and(|status| status.success()) {
        failed = failed.max(1);
    }
    Outcome::Ran { passed, failed }
}

/// `test result: ok. 12 passed; 0 failed; …` is `(12, 0)`.
fn counts(line: &str) -> Option<(usize, usize)> {
    let (_verdict, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let mut counts = counts.split("; ");
    let passed = counts.next()?.strip_suffix(" passed")?;
    let failed = counts.next()?.strip_suffix(" failed")?;
    Some((passed.parse().ok()?, failed.parse().ok()?))
}

fn cannot_start(command: &Command, error: &std::io::Error) -> Outcome {
    Outcome::CouldNotRun { how: format!("{} does not start: {error}", command.get_program().display()) }
}

#[cfg(test)]
mod tests {
    use super::counts;

    #[test]
    fn a_test_binary_s_last_line_is_counted() {
        let passed = "test result: ok. 12 passed; 0 failed; 0 ignored; 0 measured; 3 filtered out; finished in 0.10s";
        let failed =
            "test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.10s";
        assert_eq!(counts(passed), Some((12, 0)));
        assert_eq!(counts(failed), Some((2, 1)));
    }

    #[test]
    fn any_other_line_is_not_counted() {
        assert_eq!(counts("test store::a_cursor_is_opaque ... ok"), None);
        assert_eq!(counts("running 3 tests"), None);
    }
}
