//! The outcome of each step, and the summary at the end of a run.

use std::{
    io,
    process::{Command, ExitCode},
};

use crate::output::{Ended, pass_on};

/// The outcome of a step.
pub(crate) enum Outcome {
    /// The counts of a test runner, or one for a check that answers yes or no.
    Ran { passed: usize, failed: usize },
    /// A failure with its counts, the signal that ended it, if one did, and lines that the summary repeats.
    Failed { passed: usize, failed: usize, signal: Option<String>, lines: Vec<String> },
    /// A failure too: an untested part is not known to work. `how` says what to install.
    CouldNotRun { how: String },
    /// Left out on purpose, because of an option.
    LeftOut { why: String },
}

impl Outcome {
    pub(crate) const PASSED: Outcome = Outcome::Ran { passed: 1, failed: 0 };

    /// A failure for one reason, which is printed here and in the summary.
    pub(crate) fn failed(reason: &str) -> Outcome {
        println!("{reason}");
        Outcome::Failed { passed: 0, failed: 1, signal: None, lines: reason.lines().map(str::to_owned).collect() }
    }

    fn of(passed: usize, failed: usize, ended: Ended) -> Outcome {
        if ended.succeeded() {
            return Outcome::Ran { passed, failed };
        }
        Outcome::Failed { passed, failed: failed.max(1), signal: ended.signal(), lines: ended.last_lines() }
    }

    pub(crate) fn passed(&self) -> usize {
        self.counts().0
    }

    /// Tests passed and failed.
    fn counts(&self) -> (usize, usize) {
        match *self {
            Outcome::Ran { passed, failed } | Outcome::Failed { passed, failed, .. } => (passed, failed),
            Outcome::CouldNotRun { .. } => (0, 1),
            Outcome::LeftOut { .. } => (0, 0),
        }
    }

    /// The summary's words, without the step's name.
    fn verdict(&self) -> String {
        let counted = match self.counts() {
            (1, 0) => "passed".to_owned(),
            (passed, 0) => format!("passed ({passed})"),
            (0, _) => "FAILED".to_owned(),
            (passed, failed) => format!("FAILED ({failed} of {})", passed + failed),
        };
        match self {
            Outcome::Ran { .. } => counted,
            Outcome::Failed { signal, lines, .. } => {
                let signal = signal.iter().map(|signal| format!(": {signal}"));
                let lines = lines.iter().map(|line| format!("\n    | {line}"));
                signal.chain(lines).fold(counted, |verdict, more| verdict + &more)
            }
            Outcome::CouldNotRun { how } => format!("COULD NOT RUN: {how}"),
            Outcome::LeftOut { why } => format!("left out: {why}"),
        }
    }
}

/// The steps so far, in order. The name of each is printed as it begins and once more in the summary.
#[derive(Default)]
pub(crate) struct Report {
    steps: Vec<(String, Outcome)>,
}

impl Report {
    /// Runs a step under its name and keeps the outcome. `true` if nothing in it failed.
    pub(crate) fn step(&mut self, name: &str, step: impl FnOnce() -> Outcome) -> bool {
        println!("\n== {name}");
        let outcome = step();
        let (_, failed) = outcome.counts();
        self.steps.push((name.to_owned(), outcome));
        failed == 0
    }

    pub(crate) fn left_out(&mut self, name: &str, why: &str) {
        self.steps.push((name.to_owned(), Outcome::LeftOut { why: why.to_owned() }));
    }

    /// Prints one line per step, the last lines of one that failed, and at the very end `N passed, N failed`.
    pub(crate) fn conclude(self) -> ExitCode {
        println!("\n== Summary");
        let (mut all_passed, mut all_failed) = (0, 0);
        for (name, outcome) in self.steps {
            let (passed, failed) = outcome.counts();
            println!("{name}: {}", outcome.verdict());
            all_passed += passed;
            all_failed += failed;
        }
        println!("\n{all_passed} passed, {all_failed} failed");
        if all_failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

/// Runs a command that answers by its exit code; its output goes to ours.
pub(crate) fn check(command: &mut Command) -> Outcome {
    match pass_on(command, |_| ()) {
        Ok(ended) => Outcome::of(usize::from(ended.succeeded()), 0, ended),
        Err(error) => cannot_start(command, &error),
    }
}

/// Runs `cargo test` and counts the tests by the line that each test binary ends with.
/// A failure outside any test, such as code that does not compile, counts as one.
pub(crate) fn count_tests(command: &mut Command) -> Outcome {
    let (mut all_passed, mut all_failed, mut names) = (0, 0, Vec::new());
    let ended = pass_on(command, |line| {
        if let Some((passed, failed)) = counts(line) {
            all_passed += passed;
            all_failed += failed;
        } else if line.starts_with("test ") && line.ends_with(" ... FAILED") {
            names.push(line.to_owned());
        }
    });
    let mut outcome = match ended {
        Ok(ended) => Outcome::of(all_passed, all_failed, ended),
        Err(error) => cannot_start(command, &error),
    };
    // Other binaries' tests may have run since, so the last lines alone need not name the ones that failed.
    if let Outcome::Failed { lines, .. } = &mut outcome {
        lines.splice(0..0, names);
    }
    outcome
}

/// The counts in a line: `test result: ok. 12 passed; 0 failed; …` is `(12, 0)`.
fn counts(line: &str) -> Option<(usize, usize)> {
    let (_verdict, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let mut counts = counts.split("; ");
    let passed = counts.next()?.strip_suffix(" passed")?;
    let failed = counts.next()?.strip_suffix(" failed")?;
    Some((passed.parse().ok()?, failed.parse().ok()?))
}

fn cannot_start(command: &Command, error: &io::Error) -> Outcome {
    Outcome::CouldNotRun { how: format!("{} does not start: {error}", command.get_program().display()) }
}

#[cfg(test)]
mod tests {
    use super::{check, count_tests, counts};
    use std::process::Command;

    fn shell(script: &str) -> Command {
        let mut shell = Command::new("sh");
        shell.args(["-c", script]);
        shell
    }

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

    #[test]
    fn a_check_that_fails_prints_its_last_lines_in_the_summary() {
        assert_eq!(check(&mut shell("echo fine")).verdict(), "passed");
        let failed = check(&mut shell("echo first; echo 'error: no such field' >&2; exit 101"));
        assert_eq!(failed.verdict(), "FAILED\n    | first\n    | error: no such field");
        assert_eq!(failed.counts(), (0, 1));
    }

    #[test]
    fn a_check_that_was_killed_says_so() {
        let killed = check(&mut shell("echo building; kill -KILL $$"));
        assert_eq!(killed.verdict(), "FAILED: killed by signal 9 (SIGKILL); out of memory?\n    | building");
    }

    #[test]
    fn a_program_that_is_not_there_could_not_run() {
        let absent = check(&mut Command::new("no-such-program"));
        assert!(absent.verdict().starts_with("COULD NOT RUN: no-such-program does not start: "));
        assert_eq!(absent.counts(), (0, 1));
    }

    #[test]
    fn tests_that_fail_are_named_in_the_summary() {
        let binaries = "echo 'test a::b ... FAILED'; echo 'test a::c ... ok'; \
                        echo 'test result: FAILED. 1 passed; 1 failed; 0 ignored'; \
                        seq 1 30; echo 'test result: ok. 7 passed; 0 failed; 0 ignored'";
        let passed = count_tests(&mut shell("echo 'test result: ok. 7 passed; 0 failed; 0 ignored'"));
        assert_eq!(passed.verdict(), "passed (7)");
        let failed = count_tests(&mut shell(&format!("{binaries}; exit 101")));
        assert_eq!(failed.counts(), (8, 1));
        let verdict = failed.verdict();
        assert!(verdict.starts_with("FAILED (1 of 9)\n    | test a::b ... FAILED\n    | 12\n"), "{verdict}");
    }

    #[test]
    fn code_that_does_not_compile_counts_as_one_failure() {
        assert_eq!(count_tests(&mut shell("echo 'error: could not compile'; exit 101")).counts(), (0, 1));
    }
}
