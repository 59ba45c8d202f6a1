//! The one error of the system: what went wrong in the caller's terms, free of any transport.

use std::error::Error as Cause;

use crate::domain::Person;

/// Why a request was not done. [`crate::http::respond`] gives each its status; `Display` is the `detail` that a
/// caller reads, so it never carries a cause: that goes to the log alone.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{field}: {reason}")]
    Invalid { field: String, reason: String },
    #[error("{0}")]
    Unauthenticated(&'static str),
    #[error("{0}")]
    Forbidden(&'static str),
    #[error("there is no such {0}")]
    NotFound(&'static str),
    #[error("{detail}")]
    Conflict { detail: String, with: Option<ConflictWith> },
    #[error("{0}")]
    TooLarge(String),
    /// The same idempotency key or `client_id`, used for something else before.
    #[error("{0} was already used with different content")]
    Mismatch(&'static str),
    /// Too much was asked for from there; again after so many seconds.
    #[error("too many requests from this address; try again in {0} s")]
    OverBudget(u64),
    /// OpenAI refused or could not be reached, where nothing can go on without it.
    #[error("{0}")]
    Upstream(&'static str),
    /// Too many writers at once, or the database is throttled. The same request may be sent again.
    #[error("the service is busy; try again")]
    Busy,
    #[error("an internal error occurred")]
    Internal(#[source] Box<dyn Cause + Send + Sync>),
}

/// What stands against a request, where a caller can do something with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConflictWith {
    /// Who holds the line.
    Agent(Person),
    /// The version that was written meanwhile.
    Version(u64),
}

impl Error {
    pub fn invalid(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Invalid { field: field.into(), reason: reason.into() }
    }

    pub fn conflict(detail: impl Into<String>) -> Self {
        Self::Conflict { detail: detail.into(), with: None }
    }

    pub fn conflict_with(rival: ConflictWith) -> Self {
        let detail = match &rival {
            ConflictWith::Agent(agent) => format!("{} holds the line", agent.label()),
            ConflictWith::Version(version) => {
                format!("it was changed in the meantime; the current version is {version}")
            }
        };
        Self::Conflict { detail, with: Some(rival) }
    }

    pub fn internal(cause: impl Into<Box<dyn Cause + Send + Sync>>) -> Self {
        Self::Internal(cause.into())
    }
}
