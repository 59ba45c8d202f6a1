//! Schemathesis: requests drawn from `web/openapi.json`, valid ones and others, and a check of each answer.

use std::{
    env,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command},
};

use crate::{
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
    name: &'static str,
    role: Role,
    /// The most cases that are drawn for one operation in one phase.
    max_examples: &'static str,
    /// Only operations with such paths.
    paths: &'static str,
}

/// They run at the same time, each on a core of its own.
const RUNS: [Run; 3] = [
    Run { name: "admin-chatbots", role: Role::Admin, max_examples: "750", paths: "^/(chatbots|visitors)" },
    Run { name: "admin-threads", role: Role::Admin, max_examples: "750", paths: "^/(threads|chat/|chat$|agui)" },
    Run {
        name: "customer",
        role: Role::Customer,
        max_examples: "750",
        paths: "(chat|agui|escalate|messages|threads)$",
    },
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
    // No case waits for longer, as it would for a person.
    // Thousands of requests of one customer are its purpose, and that they delete threads too.
    let variables = [
        ("PERSON_WAIT_SECONDS", "1"),
        ("CUSTOMERS_MAY_DELETE", "true"),
        ("CUSTOMER_BUDGET", "off"),
        ("CHATBOT_BUDGET", "off"),
    ]
    .map(|(name, value)| (name, value.to_owned()));
    let board = Switchboard::start(&folder.join("data"), &variables, &folder.join("switchboard.log"))?;
    let running = RUNS.iter().map(|run| start(python, &board, run, folder)).collect::<Result<Vec<_>, _>>()?;
    let cases = running.into_iter().map(finished).collect::<Vec<_>>().into_iter().sum::<Result<_, _>>()?;
    board.stop()?;
    Ok(cases)
}

/// A run that has started, and the file that its output goes to.
struct Running {
    process: Child,
    log: PathBuf,
}

fn start(python: &Python, board: &Switchboard, run: &Run, folder: &Path) -> Result<Running, String> {
    let rules = env::current_dir().map_err(|error| error.to_string())?.join(RULES);
    let log = folder.join(format!("{}.log", run.name));
    let output = File::create(&log).map_err(|error| format!("{}: {error}", log.display()))?;
    let mut command: Command = python.command("schemathesis");
    command
        .args(["--config-file", SETTINGS, "run", &format!("{}/openapi.json", board.url())])
        .args(["--header", &format!("Authorization: Bearer {}", board.token(run.role)?)])
        .args(["--max-examples", run.max_examples, "--include-path-regex", run.paths])
        .env("SCHEMATHESIS_HOOKS", "rules")
        .env("PYTHONPATH", rules)
        .env("URL", board.url())
        .env("ROLE", if matches!(run.role, Role::Admin) { "admin" } else { "customer" })
        .env("ADMIN", board.token(Role::Admin)?)
        .stderr(output.try_clone().map_err(|error| error.to_string())?)
        .stdout(output);
    let process = command.spawn().map_err(|error| format!("schemathesis does not start: {error}"))?;
    Ok(Running { process, log })
}

/// Waits for a run; returns the number of its cases. The error names its failures.
fn finished(Running { mut process, log }: Running) -> Result<usize, String> {
    let status = process.wait().map_err(|error| error.to_string())?;
    let output = fs::read_to_string(&log).map_err(|error| format!("{}: {error}", log.display()))?;
    let summary = output.split_once("= SUMMARY =").map_or(output.as_str(), |(_, summary)| summary);
    if !status.success() {
        return Err(format!("{} failed:\n{}", log.display(), summary.trim_matches(['=', '\n'])));
    }
    let cases = summary.lines().find_map(cases_in).unwrap_or_default();
    println!("{}: {cases} cases", log.display());
    Ok(cases)
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
