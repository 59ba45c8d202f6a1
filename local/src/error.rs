//! Errors of starting Switchboard and of its commands, as the command line prints them.

use std::{io, net::IpAddr, path::PathBuf};

use dynoxide::DynoxideError;
use shared::domain::ThreadId;

use crate::{StackError, dynamo::fault};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("port {0} is in use; choose another with --port")]
    PortTaken(u16),
    #[error("this machine has no address {0}; choose one of its own with --listen")]
    NoAddress(IpAddr),
    #[error(
        "another switchboard is using {dir}; stop it first, or choose another directory with --data-dir",
        dir = .0.display()
    )]
    InUse(PathBuf),
    #[error("no switchboard is running on {dir}; start one with `cargo run` first", dir = .0.display())]
    NotRunning(PathBuf),
    #[error("cannot read or write {path}: {error}", path = .path.display())]
    File { path: PathBuf, error: io::Error },
    #[error("the embedded database failed: {}", fault(.0).map_or_else(|| .0.to_string(), str::to_owned))]
    Database(#[from] DynoxideError),
    #[error(transparent)]
    Template(#[from] crate::template::Error),
    #[error("the token secret is not valid: {0}; delete the file `secret` in the data directory to make a new one")]
    Secret(#[from] authorizer::Misconfigured),
    #[error("OPENAI_BASE_URL must be a URL that starts with http:// or https://, not {0}")]
    OpenAiUrl(String),
    #[error("OPENAI_MEMORY must be conversation or local, not {0}")]
    Memory(String),
    /// An environment variable that cannot be read; the text names it.
    #[error("{0}")]
    Setting(String),
    #[error(
        "{dir} holds no table; make one with `cargo run`, or choose another directory with --data-dir",
        dir = .0.display()
    )]
    NoTable(PathBuf),
    #[error("thread {0} does not exist in this tenant; choose another tenant with --tenant")]
    NoThread(ThreadId),
    #[error("{violations}\n{threads} of {checked} threads break an invariant")]
    Violations { threads: usize, checked: usize, violations: String },
    #[error("{0} {things} attention", things = if *.0 == 1 { "thing needs" } else { "things need" })]
    Findings(usize),
    #[error("the instance at {url} did not open its services: {cause}")]
    NotShared { url: String, cause: String },
    #[error("there is no event {name}; there are {names}")]
    NoEvent { name: String, names: String },
    #[error("{path} failed at {url}: {problem}")]
    Deployment { url: String, path: String, problem: String },
    #[error(transparent)]
    Stack(#[from] StackError),
    #[error("reading the table failed: {}", cause(.0))]
    Table(#[from] shared::Error),
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Error {
    /// An HTTP client that could not be built: the system's certificates cannot be read.
    pub(crate) fn http(error: reqwest::Error) -> Self {
        Self::Io(io::Error::other(error))
    }
}

/// The innermost cause of an error, which says more than "error sending request".
pub(crate) fn innermost(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

/// The cause of an error, which the functions only log: the user of the command line may see it.
fn cause(error: &shared::Error) -> String {
    std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string)
}
