//! Why Switchboard could not start, in words for whoever started it.

use std::{io, path::PathBuf};

use dynoxide::DynoxideError;
use shared::domain::ThreadId;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("port {0} is taken; choose another with --port")]
    PortTaken(u16),
    #[error("another switchboard works with {dir}; stop it first, or choose another place with --data-dir", dir = .0.display())]
    InUse(PathBuf),
    #[error("no switchboard works with {dir}; start one with `cargo run` first", dir = .0.display())]
    NotRunning(PathBuf),
    #[error("{path}: {error}", path = .path.display())]
    File { path: PathBuf, error: io::Error },
    #[error("the database: {0}")]
    Database(#[from] DynoxideError),
    #[error(transparent)]
    Template(#[from] crate::template::Error),
    #[error("the token secret is of no use: {0}")]
    Secret(#[from] authorizer::Misconfigured),
    #[error("OPENAI_BASE_URL is no URL: {0}")]
    OpenAiUrl(String),
    #[error("OPENAI_MEMORY must be conversation or local, not {0}")]
    Memory(String),
    /// Which variable, and what is wrong with it.
    #[error("{0}")]
    Setting(String),
    #[error("there is no table in {dir}", dir = .0.display())]
    NoTable(PathBuf),
    #[error("there is no thread {0}")]
    NoThread(ThreadId),
    #[error("{violations}\n{threads} of {checked} threads break an invariant")]
    Violations { threads: usize, checked: usize, violations: String },
    #[error("the table cannot be read: {}", cause(.0))]
    Table(#[from] shared::Error),
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// What our functions would only log: whoever runs this may know.
fn cause(error: &shared::Error) -> String {
    std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string)
}
