//! `cargo xtask schedules`: random schedules, each generated from a seed and checked against the invariants.

use clap::Args;

use crate::{
    bench::{self, benches},
    report::Report,
};

#[derive(Args)]
pub(crate) struct Schedules {
    /// Number of seeds
    #[arg(long, default_value_t = 10_000)]
    seeds: u64,
    /// The first seed
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
    let mut schedules = benches();
    schedules.args(["--", "schedules", "--seeds", &seeds.to_string(), "--from", &from.to_string()]);
    bench::step(report, &format!("{seeds} random schedules"), &mut schedules);
}
