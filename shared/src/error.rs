//! The error type of all functions, in the caller's terms and independent of any transport.

use std::error::Error as Cause;

use crate::domain::Person;

/// The reason why a request failed. [`crate::http::respond`] maps each variant to a status. `Display` is the `detail`
/// that a caller reads, so it never contains a cause: causes are only logged.
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
    /// The idempotency key or `client_id` was already used for a different request.
    #[error("{0} was already used with different content")]
    Mismatch(&'static str),
    /// A budget or rate limit is used up; `exceeded` names it, such as `visitor.messages_per_minute`.
    #[error("the limit {exceeded} ({limit}) is used up; try again in {retry_after} s")]
    OverBudget {
        exceeded: String,
        limit: u64,
        /// Seconds until the next window.
        retry_after: u64,
    },
    /// OpenAI rejected the request or could not be reached, and the request cannot be completed without it.
    #[error("{0}")]
    Upstream(&'static str),
    /// Too many concurrent writers, or a throttled table. The same request may be sent again.
    #[error("the service is busy; try again")]
    Busy,
    /// The table's storage failed, for this reason. DynamoDB has no such error, an embedded table has.
    #[error("{0}")]
    Storage(String),
    #[error("an internal error occurred")]
    Internal(#[source] Box<dyn Cause + Send + Sync>),
}

/// The cause of a conflict, where a caller can use it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConflictWith {
    /// The agent who holds the line.
    Agent(Person),
    /// The version that was written in the meantime.
    Version(u64),
}

impl Error {
    pub fn invalid(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Invalid { field: field.into(), reason: reason.into() }
    }

    pub fn conflict(detail: impl Into<String>) -> Self {
        Self::Conflict { detail: detail.into(), with: None }
    }

    pub fn conflict_with(with: ConflictWith) -> Self {
        let detail = match &with {
            ConflictWith::Agent(agent) => format!("{} holds the line", agent.label()),
            ConflictWith::Version(version) => {
                format!("the chatbot was changed by another request; read it again (current version: {version})")
            }
        };
        Self::Conflict { detail, with: Some(with) }
    }

    pub fn internal(cause: impl Into<Box<dyn Cause + Send + Sync>>) -> Self {
        Self::Internal(cause.into())
    }
}

/// The error and its causes as one line.
pub(crate) fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
