//! `cargo xtask bench`: what things cost.

use crate::{
    report::{Report, check},
    test::{cargo, install},
    tools::{Browser, Node},
};
use clap::Args;

#[derive(Args)]
pub(crate) struct Bench {
    /// What to measure: `turns`, `stream`, `fanout`, `pages` in a browser, or `churn` that none of its clients misses a message
    #[arg(default_value = "turns")]
    name: String,
}

/// In the laptop's profile, in one process: figures of one run can be held against each other, not against yesterday's.
pub(crate) fn bench(options: &Bench) -> Report {
    let mut report = Report::default();
    let mut bench = cargo();
    if options.name == "pages" {
        let node = install(&mut report, "Node tools", Node::ready);
        let browser = install(&mut report, "Chromium", Browser::ready);
        let (Ok(node), Ok(browser)) = (node, browser) else { return report };
        bench.env("NODE_TOOLS", node.folder()).env("CHROMIUM", browser.program());
    }
    report.step(&format!("bench {}", options.name), || {
        check(bench.args(["bench", "--package", "tests", "--bench", "bench", "--profile", "fast", "--", &options.name]))
    });
    report
}
