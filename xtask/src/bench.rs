//! `cargo xtask bench`: measurements of CPU time, latency and memory.

use std::process::Command;

use clap::Args;

use crate::{
    report::{Outcome, Report, check},
    tools::{Browser, Engine, Node, Python, cargo, install},
};

#[derive(Args)]
pub(crate) struct Bench {
    /// The bench: `turns`, `stream`, `fanout`, `burst`, `pages` (in a browser) or `churn` (checks that no message is
    /// missed)
    #[arg(default_value = "turns")]
    name: String,
    /// Compares the memories instead, for the bench `turns`: `local`
    #[arg(long)]
    memory: Option<String>,
    /// The length of the longest thread, in messages, for `--memory local` [default: 2000]
    #[arg(long, requires = "memory")]
    history: Option<u64>,
}

/// Runs a bench in one process, so that the figures of one run can be compared with each other; not with another run's.
pub(crate) fn bench(options: &Bench) -> Report {
    let mut report = Report::default();
    let mut bench = benches();
    bench.args(["--", &options.name]);
    if let Some(memory) = &options.memory {
        bench.args(["--memory", memory]);
    }
    if let Some(history) = options.history {
        bench.args(["--history", &history.to_string()]);
    }
    if options.name == "pages" {
        let python = install(&mut report, "Python tools", Python::ready);
        let node = install(&mut report, "Node tools", || Node::ready(&python));
        let browser = install(&mut report, "Chromium", || Browser::ready(Engine::Chromium));
        let (Ok(node), Ok(browser)) = (node, browser) else { return report };
        bench.env("NODE", node.program()).env("NODE_TOOLS", node.folder()).env("CHROMIUM", browser.program());
    }
    step(&mut report, &format!("bench {}", options.name), &mut bench);
    report
}

/// `cargo bench` for the one target that holds all benches, in the laptop's profile.
pub(crate) fn benches() -> Command {
    let mut cargo = cargo();
    cargo.args(["bench", "--package", "tests", "--bench", "bench", "--profile", "fast"]);
    cargo
}

/// Builds the benches and runs one. The build is a step of its own, so that its failure does not look like the bench's.
pub(crate) fn step(report: &mut Report, name: &str, bench: &mut Command) {
    if report.step("cargo bench --no-run", || check(benches().arg("--no-run"))) {
        report.step(name, || check(bench));
    } else {
        report.step(name, || Outcome::CouldNotRun { how: "needs the build above".to_owned() });
    }
}
