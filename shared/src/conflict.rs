//! Optimistic concurrency: read, decide, write, and again after a conflict.

use crate::Error;

/// The most attempts of one change before the caller is told that the service is busy.
pub(crate) const MAX_ATTEMPTS: usize = 20;

/// Runs `attempt` until its write meets no conflict.
///
/// An attempt reads, decides and writes; `None` says that somebody else wrote first and nothing was written. It reads
/// and decides anew each time, so a decision is never older than the write that rests on it. [`Error::Busy`] after
/// [`MAX_ATTEMPTS`].
pub async fn retry_on_conflict<T, Attempt>(mut attempt: impl FnMut() -> Attempt) -> Result<T, Error>
where
    Attempt: Future<Output = Result<Option<T>, Error>>,
{
    for _ in 0..MAX_ATTEMPTS {
        if let Some(written) = attempt().await? {
            return Ok(written);
        }
    }
    Err(Error::Busy)
}
