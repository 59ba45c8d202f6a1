//! Deleting a thread, from the table and from OpenAI.

use shared::{
    App, Error, MAX_DECISIONS,
    domain::{Act, Identity, ThreadId},
    store::Commit,
};

/// One write buries the thread: from then on it is nowhere to be found. What it leaves, here and at OpenAI, is removed
/// at once where that works, and is due work where it does not.
pub(crate) async fn delete(app: &App, identity: &Identity, id: &ThreadId) -> Result<(), Error> {
    identity.may(Act::ThreadDelete)?;
    for _ in 0..MAX_DECISIONS {
        let (before, _) = app.thread(identity, id).await?;
        let mut commit = Commit::new(before.clone());
        commit.cleanup = app.forget_conversation(&before, &mut commit.thread, app.now());
        let cleanup = commit.cleanup.clone();
        if !app.store.thread_tombstone(&before, commit, app.now()).await? {
            continue;
        }
        let removed = match &cleanup {
            Some(cleanup) => app.remove(cleanup).await && cleanup.schedule.due <= app.now(),
            None => true,
        };
        // The log names the responses that are still to be removed, so it goes last.
        if removed && let Err(error) = app.store.thread_purge(&identity.tenant, id).await {
            tracing::warn!(thread.id = %id, %error, "a buried thread has to wait for its end");
        }
        return Ok(());
    }
    Err(Error::Busy)
}
