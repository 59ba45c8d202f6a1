//! `DELETE /threads/{thread_id}`: delete a thread, from the table and from OpenAI.

use shared::{
    App, ConflictWith, Error,
    domain::{Act, Identity, Status, Thread, ThreadId, audit::AuditedAct},
    retry_on_conflict,
    store::Cleanup,
};

/// Deletes the thread, for customers only where the deployment lets them, and while no person holds the line.
///
/// It is one write, a tombstone: from then on the thread cannot be found. Its log and its conversation at OpenAI are
/// deleted at once, or by the sweep where that fails.
pub(crate) async fn delete(app: &App, identity: &Identity, id: &ThreadId) -> Result<(), Error> {
    identity.may(Act::ThreadDelete)?;
    let cleanup = retry_on_conflict(|| async {
        let (before, _) = app.thread(identity, id).await?;
        if !identity.is_staff() {
            check_customer(app, &before)?;
        }
        let cleanup = Cleanup::of_thread(&before, app.now());
        let audit = app.audit_of_thread(identity, AuditedAct::ThreadDeleted, &before);
        let deleted = app.store.thread_tombstone(&before, cleanup.clone(), app.now(), audit.as_ref()).await?;
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

/// Checks that the customer whose thread it is may delete it.
fn check_customer(app: &App, thread: &Thread) -> Result<(), Error> {
    if !app.customers_may_delete {
        return Err(Error::Forbidden("customers may not delete threads here; a thread can be ended"));
    }
    match &thread.status {
        Status::Agent { agent, .. } => Err(Error::conflict_with(ConflictWith::Agent(agent.clone()))),
        _ => Ok(()),
    }
}
