//! `cargo xtask bench`: what things cost.

use crate::{
    report::{Report, check},
    test::cargo,
};
use clap::Args;

#[derive(Args)]
pub(crate) struct Bench {
    /// What to measure: `turns`, `stream`, `fanout`, or `churn` that none of its clients misses a message
    #[arg(default_value = "turns")]
    name: String,
}

/// In the laptop's profile, in one process: figures of one run can be held against each other, not against yesterday's.
pub(crate) fn bench(options: &Bench) -> Report {
    let mut report = Report::default();
    report.step(&format!("bench {}", options.name), || {
        check(cargo().args([
            "bench",
            "--package",
            "tests",
            "--bench",
            "bench",
            "--profile",
            "fast",
            "--",
            &options.name,
        ]))
    });
    report
}
