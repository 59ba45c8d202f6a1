//! The programs that the tests need besides Rust: installed into `.tools/`, and as root on Debian with `apt-get`.

pub(crate) mod apt;
mod browser;
mod command;
mod nginx;
mod node;
mod python;

use std::{
    env,
    io::{self, IsTerminal},
    process::Command,
};

use crate::report::{Outcome, Report};

pub(crate) use {
    browser::{Browser, Engine},
    nginx::Nginx,
    node::Node,
    python::{Environment, Python},
};

/// A tool, or else an error that says how to install it.
pub(crate) type Installed<Tool> = Result<Tool, String>;

/// Installs a tool as a step of the report.
pub(crate) fn install<Tool>(
    report: &mut Report,
    name: &str,
    ready: impl FnOnce() -> Installed<Tool>,
) -> Installed<Tool> {
    let mut tool = Err(String::new());
    report.step(name, || {
        tool = ready();
        match &tool {
            Ok(_) => Outcome::PASSED,
            Err(how) => Outcome::CouldNotRun { how: how.clone() },
        }
    });
    tool
}

/// The cargo that runs this program. Its output goes through a pipe, so colours are asked for if a terminal shows it.
pub(crate) fn cargo() -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    if env::var_os("CARGO_TERM_COLOR").is_none() && io::stdout().is_terminal() {
        cargo.env("CARGO_TERM_COLOR", "always");
    }
    cargo
}
