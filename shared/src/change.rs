//! Reading a thread for a caller, and changing its owner.

use crate::{
    App, Error,
    domain::{Identity, Message, Thread, ThreadId, ThreadMetadata, audit::AuditEntry, status::Status, thread::Changed},
    metrics::Metric,
    retry_on_conflict,
    sockets::Event,
    store::{Cleanup, Commit, Committed, OutboxItem},
};

/// The reason that listeners are given when a run's deltas are void.
pub const LINE_LOST: &str = "the line changed hands";

impl App {
    /// The thread, where the caller may see it; [`Error::NotFound`] otherwise. A visitor's token is checked as
    /// [`check_access`](Self::check_access) does.
    pub async fn thread(&self, identity: &Identity, id: &ThreadId) -> Result<(Thread, ThreadMetadata), Error> {
        let (found, ()) = tokio::try_join!(self.thread_seen(identity, id), self.check_access(identity))?;
        Ok(found)
    }

    /// The same without that check, for a caller who makes a closer one.
    pub async fn thread_seen(&self, identity: &Identity, id: &ThreadId) -> Result<(Thread, ThreadMetadata), Error> {
        let found = self.store.thread_get(&identity.tenant, id).await?;
        found.filter(|(thread, _)| identity.sees(thread)).ok_or(Error::NotFound("thread"))
    }

    /// Changes the owner for a caller: reads the thread, asks `change` for the new one, writes that in one transaction
    /// over what was read, and announces it. Where `change` returns `None` nothing is written or announced.
    pub async fn change_owner(
        &self,
        identity: &Identity,
        id: &ThreadId,
        change: impl Fn(&Thread) -> Result<Option<Changed>, Error>,
    ) -> Result<(Thread, ThreadMetadata), Error> {
        let changing = retry_on_conflict(|| async {
            let (before, metadata) = self.thread(identity, id).await?;
            let Some(changed) = change(&before)? else { return Ok(Some((before, metadata, Vec::new()))) };
            let audit = self.audit_of_change(identity, &changed);
            let written = self.commit_change(&before, changed, &metadata, audit).await?;
            Ok(written.map(|(thread, outbox)| (thread, metadata, outbox)))
        });
        let (thread, metadata, outbox) = changing.await?;
        self.attempt_at_once(&outbox).await;
        Ok((thread, metadata))
    }

    /// Changes the owner for the sweep. The outbox items are not attempted here: the sweep retries them when they are
    /// due. `None` where nothing changed.
    pub async fn change_by_system(
        &self,
        tenant: &str,
        id: &ThreadId,
        change: impl Fn(&Thread) -> Result<Option<Changed>, Error>,
    ) -> Result<Option<Thread>, Error> {
        let changing = retry_on_conflict(|| async {
            let Some((before, metadata)) = self.store.thread_get(tenant, id).await? else { return Ok(Some(None)) };
            let Some(changed) = change(&before)? else { return Ok(Some(None)) };
            let written = self.commit_change(&before, changed, &metadata, None).await?;
            Ok(written.map(|(thread, _)| Some(thread)))
        });
        changing.await
    }

    /// Writes a change of owner and announces it. `None` on a conflict.
    async fn commit_change(
        &self,
        before: &Thread,
        mut changed: Changed,
        metadata: &ThreadMetadata,
        audit: Option<AuditEntry>,
    ) -> Result<Option<(Thread, Vec<OutboxItem>)>, Error> {
        let mut commit = Commit::of_change(&changed, self.outbox_of(&changed, metadata).await?);
        commit.audit = audit;
        if matches!(changed.thread.status, Status::Ended { .. }) {
            commit.outbox.extend(Cleanup::of_thread(before, changed.message.at).map(OutboxItem::from));
            commit.thread.openai.forget();
        }
        let outbox = commit.outbox.clone();
        let Committed::Done(thread) = self.store.thread_commit(before, commit).await? else { return Ok(None) };
        changed.thread = *thread;
        self.announce(&changed, metadata, None).await;
        Ok(Some((changed.thread, outbox)))
    }

    /// Broadcasts a change of owner to the thread's listeners and the tenant's inbox; to the listeners also the message
    /// that was posted with it.
    pub async fn announce(&self, changed: &Changed, metadata: &ThreadMetadata, posted: Option<&Message>) {
        match (&changed.before, &changed.thread.status) {
            (_, Status::Queued { reason, .. }) => self.record(Metric::HandOver { reason: *reason }),
            (Status::Queued { since, .. }, Status::Agent { since: claimed, .. }) => {
                self.record(Metric::Claim { waited: claimed.since(*since) });
            }
            _ => {}
        }
        let updated = Event::thread(changed.thread.view(metadata));
        let mut events = Vec::with_capacity(5);
        if let Some(run) = &changed.discarded {
            events.push(Event::discarded(&changed.thread, &run.id, LINE_LOST));
        }
        events.push(Event::message(&changed.message));
        events.extend(changed.note.as_ref().map(Event::note));
        events.push(updated.clone());
        events.extend(posted.map(Event::message));
        let inbox = self.broadcast_to_inbox(&changed.thread.tenant, &updated);
        tokio::join!(self.broadcast(&changed.thread, &events), inbox);
    }
}
