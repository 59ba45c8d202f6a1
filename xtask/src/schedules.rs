//! `cargo xtask schedules`: one voice, in thousands of worlds whose every step is drawn from a seed.

use crate::{
    report::{Report, check},
    test::cargo,
};
use clap::Args;

#[derive(Args)]
pub(crate) struct Schedules {
    /// How many seeds
    #[arg(long, default_value_t = 10_000)]
    seeds: u64,
    /// The first one
    #[arg(long, default_value_t = 0)]
    from: u64,
}

impl Default for Schedules {
    fn default() -> Self {
        Self { seeds: 10_000, from: 0 }
    }
}

pub(crate) fn schedules(options: &Schedules) -> Report {
    let mut report = Report::default();
    step(&mut report, options);
    report
}

pub(crate) fn step(report: &mut Report, Schedules { seeds, from }: &Schedules) {
    report.step(&format!("{seeds} random schedules"), || {
        let bench = ["bench", "--package", "tests", "--bench", "bench", "--profile", "fast", "--", "schedules"];
        check(cargo().args(bench).args(["--seeds", &seeds.to_string(), "--from", &from.to_string()]))
    });
}
