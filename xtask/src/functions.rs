//! The functions as Lambda gets them: `cargo xtask sizes` and `cargo xtask build-functions`.

use crate::{
    report::{Outcome, Report, check},
    test::cargo,
    tools::Python,
};
use clap::Args;
use serde_json::Value;
use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Stdio,
};

/// Bytes a stripped binary may have. Size is cold-start time, and the authorizer stands before every first request.
const AUTHORIZER_LIMIT: u64 = 4_500_000;
const FUNCTION_LIMIT: u64 = 9_000_000;

#[derive(Args)]
pub(crate) struct Sizes {
    /// Only these functions [default: all]
    functions: Vec<String>,
}

/// Builds in the profile that SAM builds in, and lists the sizes.
pub(crate) fn sizes(options: &Sizes) -> Report {
    let mut report = Report::default();
    let mut binaries = Vec::new();
    report.step("cargo build --release", || match functions(options).and_then(|functions| built(&functions)) {
        Ok(paths) if !paths.is_empty() => {
            binaries = paths;
            Outcome::PASSED
        }
        Ok(_) => Outcome::FAILED,
        Err(error) => Outcome::CouldNotRun { how: error.to_string() },
    });
    for (function, path) in binaries {
        report.step(&function, || size(&function, &path));
    }
    report
}

/// SAM reads the template and has cargo-lambda build every function of it into `.aws-sam/`.
pub(crate) fn build() -> Report {
    let mut report = Report::default();
    report.step("sam build", || match Python::ready() {
        Ok(python) => check(python.sam().arg("build")),
        Err(how) => Outcome::CouldNotRun { how },
    });
    report
}

/// Every folder of `functions/` is a package of its name, with one binary of its name.
fn functions(options: &Sizes) -> io::Result<Vec<String>> {
    if !options.functions.is_empty() {
        return Ok(options.functions.clone());
    }
    let folders = fs::read_dir("functions")?;
    let mut names =
        folders.map(|folder| Ok(folder?.file_name().to_string_lossy().into_owned())).collect::<io::Result<Vec<_>>>()?;
    names.sort();
    Ok(names)
}

/// Each function's name and binary; nothing where a build failed. One after the other, as SAM builds them: together they
/// would get each other's features of what they share, and the authorizer half a megabyte that is not its own.
fn built(functions: &[String]) -> io::Result<Vec<(String, PathBuf)>> {
    let mut binaries = Vec::new();
    for function in functions {
        let build = cargo()
            .args(["build", "--release", "--package", function, "--bins"])
            .args(["--message-format", "json-render-diagnostics"])
            .stderr(Stdio::inherit())
            .output()?;
        if !build.status.success() {
            return Ok(Vec::new());
        }
        binaries.extend(String::from_utf8_lossy(&build.stdout).lines().filter_map(executable));
    }
    Ok(binaries)
}

/// The binary that one line of cargo's JSON tells of, if it does.
fn executable(message: &str) -> Option<(String, PathBuf)> {
    let message: Value = serde_json::from_str(message).ok()?;
    let name = message["target"]["name"].as_str()?;
    let path = message["executable"].as_str()?;
    Some((name.to_owned(), path.into()))
}

fn size(function: &str, binary: &Path) -> Outcome {
    let limit = match function {
        "authorizer" => AUTHORIZER_LIMIT,
        _ => FUNCTION_LIMIT,
    };
    match fs::metadata(binary) {
        Ok(file) => {
            println!("{} bytes of at most {limit}", file.len());
            if file.len() <= limit { Outcome::PASSED } else { Outcome::FAILED }
        }
        Err(error) => Outcome::CouldNotRun { how: format!("{}: {error}", binary.display()) },
    }
}
