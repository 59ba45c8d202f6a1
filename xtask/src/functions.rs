//! `cargo xtask sizes` and `cargo xtask build-functions`: the functions, built for Lambda.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Stdio},
};

use clap::Args;
use serde_json::Value;

use crate::{
    report::{Outcome, Report, check},
    tools::{Python, cargo},
};

/// The limit of the authorizer's stripped binary. Size is cold-start time, and the authorizer runs before every first
/// request.
const MAX_AUTHORIZER_BYTES: u64 = 4_500_000;
/// The limit of the other functions' one binary.
const MAX_BUNDLE_BYTES: u64 = 12_000_000;

/// The packages that the template names, with a binary of the same name each.
const DEPLOYED: [&str; 2] = ["authorizer", "bundle"];

#[derive(Args)]
pub(crate) struct Sizes {
    /// Only these packages of `functions/` [default: those that are deployed]
    functions: Vec<String>,
}

/// Builds the functions in the profile that SAM uses and compares their sizes with the limits.
///
/// They are built one after the other, as SAM builds them: built together, the authorizer would get the bundle's
/// features of the crates that both use, half a megabyte that is not its own.
pub(crate) fn sizes(options: &Sizes) -> Report {
    let mut report = Report::default();
    let chosen = options.functions.iter().map(String::as_str);
    let functions: Vec<_> = if options.functions.is_empty() { DEPLOYED.to_vec() } else { chosen.collect() };
    for function in functions {
        let build = || {
            let mut build = cargo();
            build.args(["build", "--release", "--package", function, "--bins"]);
            build
        };
        if report.step(&format!("cargo build --release --package {function}"), || check(&mut build())) {
            report.step(&format!("size of {function}"), || size(function, build()));
        }
    }
    report
}

/// Has SAM and cargo-lambda build every function of the template into `.aws-sam/`.
pub(crate) fn build() -> Report {
    let mut report = Report::default();
    report.step("sam build", || match Python::ready() {
        Ok(python) => check(python.sam().arg("build")),
        Err(how) => Outcome::CouldNotRun { how },
    });
    report
}

/// Compares the size of a package's binary with its limit. `build` has run, so that it only names the binary now.
fn size(function: &str, mut build: Command) -> Outcome {
    let limit = match function {
        "authorizer" => MAX_AUTHORIZER_BYTES,
        _ => MAX_BUNDLE_BYTES,
    };
    let messages = build.args(["--message-format", "json"]).stderr(Stdio::null()).output();
    let messages = messages.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    let Some(binary) = messages.lines().find_map(executable) else {
        return Outcome::failed(&format!("{function} has no binary"));
    };
    match fs::metadata(&binary) {
        Ok(file) if file.len() <= limit => {
            println!("{} bytes of at most {limit}", file.len());
            Outcome::PASSED
        }
        Ok(file) => Outcome::failed(&format!("{} bytes, {} over the limit of {limit}", file.len(), file.len() - limit)),
        Err(error) => Outcome::failed(&format!("{}: {error}", binary.display())),
    }
}

/// The path of a binary, from one line of cargo's JSON messages.
fn executable(message: &str) -> Option<PathBuf> {
    let message: Value = serde_json::from_str(message).ok()?;
    Some(message["executable"].as_str()?.into())
}
