//! The table: one DynamoDB table for everything, reached through the real SDK in the cloud and on the laptop.
//!
//! A change of a thread is a [`commit`]: one transaction over the thread as it was read. What is legal is the domain's
//! business; the table only decides who came first.

mod chatbot;
mod cleanup;
pub mod commit;
mod connection;
pub mod cursor;
mod delivery;
mod due;
mod idempotency;
pub mod key;
mod log;
mod rate_limit;
mod read;
mod read_marker;
mod row;
mod run;
mod thread;
mod write;

use aws_sdk_dynamodb::{
    Client,
    error::{ProvideErrorMetadata, SdkError},
};

pub use chatbot::ChatbotWrite;
pub use cleanup::{Cleanup, RemoteObject};
pub use commit::{Commit, Committed};
pub use connection::{Connection, SUBSCRIPTIONS_MAX, Subscriber};
pub use delivery::WebhookDelivery;
pub use due::{DuePage, DueThread};
pub use idempotency::{Created, Creation, Idempotency};
pub use log::{Client as ClientRow, LogPage, Noted};
pub use rate_limit::MAX_VISITOR_TOKENS;
pub use thread::ThreadPage;

use crate::{Error, domain::Timeouts};

#[derive(Clone)]
pub struct Store {
    dynamo: Client,
    table: String,
    timeouts: Timeouts,
}

impl Store {
    pub fn new(dynamo: Client, table: String) -> Self {
        Self { dynamo, table, timeouts: Timeouts::default() }
    }

    /// The same, for a system that waits so long: its threads are due accordingly.
    #[must_use]
    pub fn with(self, timeouts: Timeouts) -> Self {
        Self { timeouts, ..self }
    }

    /// Opens the connection to the table ahead of its first use, if it can be opened: a read of nothing.
    pub async fn connect(&self) {
        let key = key::Key { pk: "#".into(), sk: "#".into() };
        let _ = self.get(key).await;
    }
}

/// What a call to the table may end in, other than what its caller handles.
fn refused<E, R>(error: SdkError<E, R>) -> Error
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    if is_retryable(&error) { Error::Busy } else { Error::internal(error) }
}

/// Whether the same call may succeed a moment later: throttles, conflicts, and a table out of reach.
fn is_retryable<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> bool {
    match error {
        SdkError::TimeoutError(_) | SdkError::DispatchFailure(_) | SdkError::ResponseError(_) => true,
        SdkError::ServiceError(refusal) => matches!(
            refusal.err().code(),
            Some(
                "ThrottlingException"
                    | "ProvisionedThroughputExceededException"
                    | "RequestLimitExceeded"
                    | "TransactionConflictException"
                    | "TransactionInProgressException"
                    | "InternalServerError"
                    | "ServiceUnavailable"
            )
        ),
        _ => false,
    }
}
