//! `cargo xtask fuzz`: the fuzz targets of `tests/fuzz`, and the matrix of roles, which counts its cells as they count
//! their cases.

use std::{
    process::Command,
    time::{SystemTime, UNIX_EPOCH},
};

use clap::Args;

use crate::{
    output::pass_on,
    report::{Outcome, Report},
    tools::{Installed, Node, Python, cargo, install},
};

/// The tests that print their number of cases, by the beginnings of their names.
pub(crate) const COUNTED: [&str; 2] = ["fuzz::", "api::matrix::"];

#[derive(Args)]
pub(crate) struct Fuzz {
    /// Minutes for each target; they run at the same time
    #[arg(long, default_value_t = 5, conflicts_with = "seed")]
    minutes: u64,
    /// Run one case again, by the seed that its failure has named
    #[arg(long)]
    seed: Option<u64>,
    /// Only targets whose name contains this
    #[arg(default_value = COUNTED[0])]
    target: String,
}

/// Runs the targets, each case from a seed that no run has had before; or one case.
pub(crate) fn fuzz(Fuzz { minutes, seed, target }: &Fuzz) -> Report {
    let mut report = Report::default();
    let python = install(&mut report, "Python tools", Python::ready);
    let node = install(&mut report, "Node tools", || Node::ready(&python));
    let mut tests = tests(Some(&node));
    if let Some(seed) = seed {
        tests.env("FUZZ_SEED", seed.to_string());
    } else {
        // Seconds leave room for thousands of seeds each.
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        tests.env("FUZZ_SEED", (now * 10_000).to_string()).env("FUZZ_SECONDS", (minutes * 60).to_string());
    }
    tests.arg(target);
    report.step(&format!("fuzz targets {target}"), || count(&mut tests, 1));
    report
}

/// The short run, from the same seeds each time.
pub(crate) fn step(report: &mut Report, node: Option<&Installed<Node>>) {
    /// Far fewer would mean that a target was left out.
    const MIN_CASES: usize = 10_000;
    report.step("fuzz targets and the matrix of roles", || count(tests(node).args(COUNTED), MIN_CASES));
}

/// The test binary with its output. The workspace, so that the features are those of `cargo test --workspace`.
fn tests(node: Option<&Installed<Node>>) -> Command {
    let mut tests = cargo();
    tests.args(["test", "--workspace", "--test", "switchboard", "--", "--nocapture"]);
    if let Some(Ok(node)) = node {
        tests.env("NODE", node.program());
    }
    tests
}

fn count(tests: &mut Command, min_cases: usize) -> Outcome {
    let mut cases = 0;
    let ended = pass_on(tests, |line| cases += cases_in(line).unwrap_or_default());
    match ended {
        Ok(ended) if !ended.succeeded() => Outcome::failed(&ended.last_lines().join("\n")),
        Ok(_) if cases < min_cases => Outcome::failed(&format!("{cases} cases are fewer than {min_cases}")),
        Ok(_) => Outcome::Ran { passed: cases, failed: 0 },
        Err(error) => Outcome::failed(&format!("cargo does not start: {error}")),
    }
}

/// The number in `fuzz::streams: 1500 cases in 2.1s`, or in `the matrix: 345 cells of 23 operations`.
fn cases_in(line: &str) -> Option<usize> {
    let (_, counted) = line.split_once(": ")?;
    let (count, unit) = counted.split_once(' ')?;
    let is_count = ["cases in", "cells of"].iter().any(|start| unit.starts_with(start));
    is_count.then(|| count.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::cases_in;

    #[test]
    fn cases_and_cells_are_counted() {
        assert_eq!(cases_in("fuzz::streams: 1500 cases in 2.1s"), Some(1500));
        assert_eq!(cases_in("the matrix: 345 cells of 23 operations"), Some(345));
        assert_eq!(cases_in("test fuzz::markdown ... ok: 3 cases"), None);
    }
}
