//! `DELETE /threads/{thread_id}`: delete a thread, from the table and from OpenAI.

use shared::{
    App, Error,
    domain::{Act, Identity, ThreadId},
    retry_on_conflict,
    store::Cleanup,
};

/// Deletes the thread by one write, a tombstone: from then on it cannot be found. Its log and its conversation at
/// OpenAI are deleted at once, or by the sweep where that fails.
pub(crate) async fn delete(app: &App, identity: &Identity, id: &ThreadId) -> Result<(), Error> {
    identity.may(Act::ThreadDelete)?;
    let cleanup = retry_on_conflict(|| async {
        let (before, _) = app.thread(identity, id).await?;
        let cleanup = Cleanup::of_thread(&before, app.now());
        let deleted = app.store.thread_tombstone(&before, cleanup.clone(), app.now()).await?;
        Ok(deleted.then_some(cleanup))
    });
    let cleaned_up = match cleanup.await? {
        Some(cleanup) => app.clean_up(&cleanup).await && cleanup.schedule.due <= app.now(),
        None => true,
    };
    // The log names the responses that a cleanup has to delete, so it is purged last.
    if cleaned_up && let Err(error) = app.store.thread_purge(&identity.tenant, id).await {
        tracing::warn!(thread.id = %id, %error, "purging a deleted thread was postponed");
    }
    Ok(())
}
