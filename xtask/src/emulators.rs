//! The emulators of AWS that the tests use, by other authors.

use std::path::PathBuf;

use crate::tools::{Environment, Installed, Python};

/// Every package is listed with its version, and none is built here.
const OPTIONS: &[&str] = &["--no-deps", "--only-binary", ":all:"];

/// DynamoDB alone is used of it.
const MOTO: Environment =
    Environment { name: "moto", packages: include_str!("../emulators/moto.txt"), options: OPTIONS, oldest: (3, 10) };
const MINISTACK: Environment = Environment {
    name: "ministack",
    packages: include_str!("../emulators/ministack.txt"),
    options: OPTIONS,
    oldest: (3, 10),
};
/// The client of an emulated account.
const AWS_CLI: Environment = Environment {
    name: "awscli",
    packages: include_str!("../emulators/awscli.txt"),
    options: OPTIONS,
    oldest: (3, 10),
};

/// The programs that start the emulators.
pub(crate) struct Emulators {
    pub(crate) moto: PathBuf,
    pub(crate) ministack: PathBuf,
}

impl Emulators {
    /// Installs what is missing. The error says what to install and how.
    pub(crate) fn ready() -> Installed<Self> {
        Ok(Self { moto: Python::with(&MOTO)?.program("moto_server"), ministack: ministack()? })
    }
}

/// The program `ministack`, installed if it is missing.
pub(crate) fn ministack() -> Installed<PathBuf> {
    Ok(Python::with(&MINISTACK)?.program("ministack"))
}

/// The AWS CLI, installed if it is missing.
pub(crate) fn aws_cli() -> Installed<Python> {
    Python::with(&AWS_CLI)
}
