//! A deleted thread's tombstone, and the log behind it.

use std::time::Duration;

use shared::{App, Error, domain::ThreadId};

/// The shortest time before a postponed tombstone is looked at again.
const RECHECK_AFTER: Duration = Duration::from_mins(1);

/// Purges the log and the tombstone itself. Postponed while a cleanup of the thread is still to succeed: the log names
/// what the cleanup has to delete.
pub(crate) async fn purge(app: &App, tenant: &str, id: &ThreadId) -> Result<(), Error> {
    let cleanups = app.store.cleanups_of_thread(tenant, id).await?;
    match cleanups.iter().map(|cleanup| cleanup.schedule.due).max() {
        Some(due) => app.store.tombstone_postpone(tenant, id, due.max(app.now() + RECHECK_AFTER)).await,
        None => app.store.thread_purge(tenant, id).await,
    }
}
