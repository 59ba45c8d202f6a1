//! Outcomes of calls to the table: errors, unmet conditions and retries.

use std::time::Duration;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

use crate::{Error, backoff::Backoff, error::causes};

/// The error of a failed call to the table, for outcomes that its caller does not handle.
pub(super) fn into_error<E, R>(error: SdkError<E, R>) -> Error
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    if error.code() == Some("StorageException") {
        return Error::Storage(error.message().unwrap_or("the table's storage failed").to_owned());
    }
    if is_retryable(&error) {
        tracing::warn!(cause = causes(&error), "the table cannot be reached, or is busy");
        return Error::Busy;
    }
    Error::internal(error)
}

/// The outcome of a conditional write: `false` where the condition was not met, and nothing was written.
pub(super) fn condition_met<T, E, R>(outcome: Result<T, SdkError<E, R>>) -> Result<bool, Error>
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    match outcome {
        Ok(_) => Ok(true),
        Err(error) if error.code() == Some("ConditionalCheckFailedException") => Ok(false),
        Err(error) => Err(into_error(error)),
    }
}

/// True where the same call may succeed a moment later: throttles, conflicts, and a table out of reach.
pub(super) fn is_retryable<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> bool {
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

/// The backoff of one call to the table: six attempts, with delays of at most 620 ms in all.
pub(super) fn backoff() -> Backoff {
    Backoff::new(6, Duration::from_millis(20), Duration::from_secs(1))
}

/// Waits before the next attempt; [`Error::Busy`] when there is none left.
pub(super) async fn wait(backoff: &mut Backoff) -> Result<(), Error> {
    tokio::time::sleep(backoff.next_delay().ok_or(Error::Busy)?).await;
    Ok(())
}
