//! What is left of a deleted thread.

use std::time::Duration;

use shared::{App, Error, domain::ThreadId};

/// Before it is looked at again.
const RECHECK_AFTER: Duration = Duration::from_mins(1);

/// Deletes its log and the tombstone itself, unless something of it is still to be removed at OpenAI: the log names
/// what, so it stays until that is done or given up.
pub(crate) async fn empty(app: &App, tenant: &str, id: &ThreadId) -> Result<(), Error> {
    let cleanups = app.store.cleanups_of_thread(tenant, id).await?;
    match cleanups.iter().map(|cleanup| cleanup.schedule.due).max() {
        Some(due) => app.store.tombstone_postpone(tenant, id, due.max(app.now() + RECHECK_AFTER)).await,
        None => app.store.thread_purge(tenant, id).await,
    }
}
