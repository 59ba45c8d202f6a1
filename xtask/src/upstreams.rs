//! `cargo xtask upstreams`: Switchboard in front of real servers of `/v1/responses`, with real models.

mod claims;
mod server;
mod story;
mod webhook;

use std::{collections::BTreeMap, fs, path::Path};

use clap::Args;

use crate::{
    report::{Outcome, Report, check},
    tools::{Installed, Python, cargo, install},
};
use claims::{COLUMNS, Verdict, Verdicts};
use server::Server;

/// The folder for data and logs of the last run.
const FOLDER: &str = ".tools/upstreams";

#[derive(Args)]
pub(crate) struct Upstreams {
    /// Only the servers whose name begins with this, as in `llama.cpp` (may be repeated)
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Start Switchboard with this `OPENAI_MEMORY`; without it, Switchboard finds out what the server can
    #[arg(long, value_name = "MEMORY")]
    memory: Option<String>,
}

/// Builds Switchboard, then tries the servers and prints the table.
pub(crate) fn upstreams(options: &Upstreams) -> Report {
    let mut report = Report::default();
    let is_chosen =
        |name: &str| options.only.iter().any(|start| name.to_lowercase().starts_with(&start.to_lowercase()));
    let servers: Vec<_> =
        Server::ALL.into_iter().filter(|server| options.only.is_empty() || is_chosen(server.name())).collect();
    if servers.is_empty() {
        let names = Server::ALL.map(Server::name).join("; ");
        report.step("servers", || Outcome::failed(&format!("--only has to begin one of these names: {names}")));
    } else if report.step("cargo build", || check(cargo().args(["build", "--package", "local"]))) {
        run(&mut report, &servers, options.memory.as_deref());
    }
    report
}

/// The servers that are tried by `cargo xtask test`, on a Switchboard that is built.
pub(crate) fn step(report: &mut Report) {
    run(report, &[Server::Gemma, Server::Qwen], None);
}

/// Installs each server, plays the story with it, and compares the row with what the docs claim.
fn run(report: &mut Report, servers: &[Server], memory: Option<&str>) {
    let mut table = vec![claims::header(), format!("|---|{}", "---|".repeat(COLUMNS.len()))];
    let mut installed: BTreeMap<&str, Installed<Python>> = BTreeMap::new();
    for &server in servers {
        let environments = server.environments().iter();
        let pythons: Result<Vec<_>, _> = environments
            .map(|environment| {
                let name = environment.name;
                let install = || install(report, &format!("Python packages of {name}"), || Python::with(environment));
                installed.entry(name).or_insert_with(install).clone()
            })
            .collect();
        report.step(server.name(), || try_server(server, pythons, memory, &mut table));
    }
    println!("\n{}", table.join("\n"));
}

/// Starts the server and plays the story. One count per cell: failed if the docs claim better.
fn try_server(
    server: Server,
    pythons: Installed<Vec<Python>>,
    memory: Option<&str>,
    table: &mut Vec<String>,
) -> Outcome {
    let Ok(pythons) = pythons else {
        return Outcome::CouldNotRun { how: "needs the Python packages above".to_owned() };
    };
    let folder = Path::new(FOLDER).join(server.folder());
    let played = claims::claimed(server.name()).and_then(|claimed| {
        // Missing at the first run.
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let running = server.start(&pythons, &folder)?;
        let mut variables = running.variables.clone();
        variables.extend(memory.map(|memory| ("OPENAI_MEMORY", memory.to_owned())));
        Ok((claimed, story::play(&variables, &folder)?))
    });
    match played {
        Ok((claimed, cells)) => {
            let verdicts = cells.each_ref().map(|cell| cell.as_ref().copied().unwrap_or(Verdict::No));
            table.push(claims::row(server.name(), verdicts));
            judged(claimed, &cells, &folder)
        }
        Err(error) => Outcome::failed(&error),
    }
}

/// Compares the cells with the claims; a cell that is better than its claim passes too.
fn judged(claimed: Verdicts, cells: &[story::Cell], folder: &Path) -> Outcome {
    let mut lines = Vec::new();
    for ((column, claim), cell) in COLUMNS.iter().zip(claimed).zip(cells) {
        let verdict = cell.as_ref().copied().unwrap_or(Verdict::No);
        let reason = cell.as_ref().err().map(|reason| format!(": {reason}")).unwrap_or_default();
        println!("{column}: {verdict}{reason}");
        if verdict < claim {
            lines.push(format!("{column}: {verdict}, but the docs claim {claim}{reason}"));
        }
    }
    let (failed, passed) = (lines.len(), cells.len() - lines.len());
    if lines.is_empty() {
        return Outcome::Ran { passed, failed };
    }
    lines.push(format!("logs: {}", folder.display()));
    Outcome::Failed { passed, failed, signal: None, lines }
}
