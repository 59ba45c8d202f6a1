//! Schemathesis: requests drawn from `web/openapi.json`, valid ones and others, and a check of each answer.

use std::{env, fs, path::Path, process::Command};

use crate::{
    output::pass_on,
    report::{Outcome, Report, check},
    switchboard::{Role, Switchboard},
    tools::{Environment, Python, cargo, install},
};

const PACKAGES: Environment =
    Environment { name: "schemathesis", packages: "schemathesis==4.32.5\n", options: &[], oldest: (3, 10) };

/// The settings, and the rules that a JSON Schema cannot say.
const SETTINGS: &str = "tests/schemathesis/schemathesis.toml";
const RULES: &str = "tests/schemathesis";
/// The data and the logs of the last run.
const FOLDER: &str = "target/schemathesis";
/// The fewest cases of both runs together.
const MIN_CASES: usize = 20_000;

/// A run over the operations of one role.
struct Run {
    role: Role,
    name: &'static str,
    /// The most cases that are drawn for one operation in one phase.
    max_examples: &'static str,
    /// Only operations with such paths.
    paths: &'static str,
}

const RUNS: [Run; 2] = [
    Run { role: Role::Admin, name: "admin", max_examples: "600", paths: "." },
    Run { role: Role::Customer, name: "customer", max_examples: "600", paths: "chat$|escalate$|messages$|^/threads$" },
];

/// The test alone, after a build of Switchboard.
pub(crate) fn schemathesis() -> Report {
    let mut report = Report::default();
    if report.step("cargo build", || check(cargo().args(["build", "--package", "local"]))) {
        step(&mut report);
    }
    report
}

/// Runs it on a Switchboard that is built.
pub(crate) fn step(report: &mut Report) {
    let python = install(report, "Schemathesis' packages", || Python::with(&PACKAGES));
    report.step("Schemathesis", || match &python {
        Err(_) => Outcome::CouldNotRun { how: "needs the packages above".to_owned() },
        Ok(python) => match runs(python) {
            Ok(cases) if cases >= MIN_CASES => Outcome::Ran { passed: cases, failed: 0 },
            Ok(cases) => Outcome::failed(&format!("{cases} cases are fewer than {MIN_CASES}")),
            Err(error) => Outcome::failed(&error),
        },
    });
}

/// All runs on one Switchboard, whose logs have to be right in the end. Returns the number of cases.
fn runs(python: &Python) -> Result<usize, String> {
    let folder = Path::new(FOLDER);
    // Missing at the first run.
    let _ = fs::remove_dir_all(folder);
    fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let board = Switchboard::start(&folder.join("data"), &[], &folder.join("switchboard.log"))?;
    let cases = RUNS.iter().map(|run| cases(python, &board, run)).sum::<Result<_, _>>()?;
    board.stop()?;
    Ok(cases)
}

/// One run; the error names its failures. Returns the number of cases.
fn cases(python: &Python, board: &Switchboard, run: &Run) -> Result<usize, String> {
    let rules = env::current_dir().map_err(|error| error.to_string())?.join(RULES);
    let token = board.token(run.role)?;
    let mut command: Command = python.command("schemathesis");
    command
        .args(["--config-file", SETTINGS, "run", &format!("{}/openapi.json", board.url())])
        .args(["--header", &format!("Authorization: Bearer {token}"), "--workers", "2"])
        .args(["--max-examples", run.max_examples, "--include-path-regex", run.paths])
        .env("SCHEMATHESIS_HOOKS", "rules")
        .env("PYTHONPATH", rules)
        .env("URL", board.url())
        .env("ROLE", run.name)
        .env("ADMIN", board.token(Role::Admin)?);
    let mut cases = 0;
    // A failure is shown with the request that repeats it, which may be a megabyte.
    let ended = pass_on(&mut command, |line| cases = cases_in(line).unwrap_or(cases))
        .map_err(|error| format!("schemathesis: {error}"))?;
    if ended.succeeded() {
        return Ok(cases);
    }
    Err(format!("as {}:\n{}", run.name, ended.last_lines().join("\n")))
}

/// The number in `  20417 generated, 2 found 2 unique failures`.
fn cases_in(line: &str) -> Option<usize> {
    let (cases, _) = line.split_once(" generated")?;
    cases.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::cases_in;

    #[test]
    fn the_cases_are_counted_in_the_summary() {
        assert_eq!(cases_in("  20417 generated, 20417 passed, 49 skipped"), Some(20_417));
        assert_eq!(cases_in("Test cases:"), None);
    }
}
