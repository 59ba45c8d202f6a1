//! `cargo xtask`: the developer's commands besides `cargo run`.

mod audit;
mod bench;
mod bugs;
mod cloud;
mod emulators;
mod engines;
mod functions;
mod fuzz;
mod imports;
mod output;
mod package;
mod process;
mod report;
mod sam_local;
mod sbom;
mod schedules;
mod schemathesis;
mod switchboard;
mod test;
mod tools;
mod upstreams;
mod web;

use std::{env, path::Path, process::ExitCode};

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "xtask", bin_name = "cargo xtask", about = "The developer's commands")]
struct Xtask {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Install what is missing into `.tools/`, then run every test and check
    Test(test::Options),
    /// Build the functions for Lambda and compare each binary with its size limit
    Sizes(functions::Sizes),
    /// Measure a chat turn's CPU time, round trips and capacity units, or run another bench
    Bench(bench::Bench),
    /// Put known bugs into a copy of the code, one at a time, and check that a test catches each (a build each)
    Bugs(bugs::Bugs),
    /// Run random schedules against the invariants, each from a seed that can be run again
    Schedules(schedules::Schedules),
    /// Run the fuzz targets for longer than `test` does, or one case again
    Fuzz(fuzz::Fuzz),
    /// Check the dependencies' licences, duplicates, sources and advisories, and write an SBOM to target/sbom.json
    Audit,
    /// Send Switchboard requests that Schemathesis draws from web/openapi.json
    Schemathesis,
    /// Try real servers of `/v1/responses` with real models, and compare the table in docs/models.md
    Upstreams(upstreams::Upstreams),
    /// Pack `web/` for npm, and try the package in bundlers, type checkers and runtimes
    Package,
    /// Play events by `sam local` in Docker, for which root's rights on Debian are needed
    SamLocal,
    /// Deploy the template to an emulator of AWS, drive it, upgrade it and delete it (Linux)
    Cloud(cloud::Cloud),
    /// Run `sam build`, which builds all of the template as a deployment does (minutes)
    BuildFunctions,
}

fn main() -> ExitCode {
    let command = Xtask::parse().command;
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    if let Err(error) = root.canonicalize().and_then(env::set_current_dir) {
        eprintln!("cannot enter the workspace at {}: {error}", root.display());
        return ExitCode::FAILURE;
    }
    let report = match command {
        Command::Test(options) => test::run(&options),
        Command::Sizes(options) => functions::sizes(&options),
        Command::Bench(options) => bench::bench(&options),
        Command::Bugs(options) => bugs::bugs(&options),
        Command::Schedules(options) => schedules::schedules(&options),
        Command::Fuzz(options) => fuzz::fuzz(&options),
        Command::Audit => audit::audit(),
        Command::Schemathesis => schemathesis::schemathesis(),
        Command::Upstreams(options) => upstreams::upstreams(&options),
        Command::Package => package::package(),
        Command::SamLocal => sam_local::sam_local(),
        Command::Cloud(options) => cloud::cloud(&options),
        Command::BuildFunctions => functions::build(),
    };
    report.conclude()
}
