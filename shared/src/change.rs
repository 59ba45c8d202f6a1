//! Reading a thread for somebody, and changing its owner for them.

use std::time::Duration;

use tokio::time::timeout;

use crate::{
    App, Error,
    domain::{
        At, Identity, Message, Thread, ThreadId, ThreadMetadata,
        status::Status,
        thread::{Changed, Conversation},
    },
    sockets::Event,
    store::{Cleanup, Commit, Committed, RemoteObject, WebhookDelivery},
};

/// How often a change that met another one is decided anew.
pub const MAX_DECISIONS: usize = 20;

/// Why what a run said is void.
pub const LINE_LOST: &str = "the line changed hands";

/// How long "at once" may take: the request that caused the removal has 29 s in all.
const CLEANUP_TIMEOUT: Duration = Duration::from_secs(15);

/// What a change of owner leaves to be done.
struct Left {
    cleanup: Option<Cleanup>,
    delivery: Option<WebhookDelivery>,
}

impl App {
    /// The thread, where the caller may know of it; else it does not exist.
    pub async fn thread(&self, identity: &Identity, id: &ThreadId) -> Result<(Thread, ThreadMetadata), Error> {
        let found = self.store.thread_get(&identity.tenant, id).await?;
        found.filter(|(thread, _)| identity.sees(thread)).ok_or(Error::NotFound("thread"))
    }

    /// Reads the thread, asks `change` what is to become of it, and writes that in one transaction over what was read;
    /// as often as somebody else is faster. Then tells everybody. Where `change` says `None` nothing is written or told.
    pub async fn change_owner(
        &self,
        identity: &Identity,
        id: &ThreadId,
        change: impl Fn(&Thread) -> Result<Option<Changed>, Error>,
    ) -> Result<(Thread, ThreadMetadata), Error> {
        for _ in 0..MAX_DECISIONS {
            let (before, metadata) = self.thread(identity, id).await?;
            let Some(changed) = change(&before)? else { return Ok((before, metadata)) };
            if let Some((thread, left)) = self.commit_change(&before, changed, &metadata).await? {
                let removed = async {
                    if let Some(cleanup) = left.cleanup {
                        self.remove(&cleanup).await;
                    }
                };
                tokio::join!(self.notify(left.delivery.as_ref()), removed);
                return Ok((thread, metadata));
            }
        }
        Err(Error::Busy)
    }

    /// The same for nobody in particular: a change that the clock asks for. What it leaves to be done stays due.
    /// `None` where nothing changed.
    pub async fn change_by_system(
        &self,
        tenant: &str,
        id: &ThreadId,
        change: impl Fn(&Thread) -> Result<Option<Changed>, Error>,
    ) -> Result<Option<Thread>, Error> {
        for _ in 0..MAX_DECISIONS {
            let Some((before, metadata)) = self.store.thread_get(tenant, id).await? else { return Ok(None) };
            let Some(changed) = change(&before)? else { return Ok(None) };
            if let Some((thread, _)) = self.commit_change(&before, changed, &metadata).await? {
                return Ok(Some(thread));
            }
        }
        Err(Error::Busy)
    }

    /// Writes a change of owner and tells everybody. `None`: somebody else was faster.
    async fn commit_change(
        &self,
        before: &Thread,
        mut changed: Changed,
        metadata: &ThreadMetadata,
    ) -> Result<Option<(Thread, Left)>, Error> {
        let mut commit = Commit::new(changed.thread.clone());
        if matches!(changed.thread.status, Status::Ended { .. }) {
            commit.cleanup = self.forget_conversation(before, &mut commit.thread, changed.message.at);
        }
        commit.messages.push(changed.message.clone());
        commit.note = changed.note.clone();
        commit.delivery = self.delivery(&changed, metadata).await?;
        let left = Left { cleanup: commit.cleanup.clone(), delivery: commit.delivery.clone() };
        let Committed::Done(thread) = self.store.thread_commit(before, commit).await? else { return Ok(None) };
        changed.thread = *thread;
        self.announce(&changed, metadata, None).await;
        Ok(Some((changed.thread, left)))
    }

    /// Tells the thread's listeners and the tenant's inbox that the line has changed hands, and the listeners what was said
    /// with it.
    pub async fn announce(&self, changed: &Changed, metadata: &ThreadMetadata, said: Option<&Message>) {
        let updated = Event::thread(changed.thread.view(metadata));
        let mut events = Vec::with_capacity(5);
        if let Some(run) = &changed.discarded {
            events.push(Event::discarded(&changed.thread, &run.id, LINE_LOST));
        }
        events.push(Event::message(&changed.message));
        events.extend(changed.note.as_ref().map(Event::note));
        events.push(updated.clone());
        events.extend(said.map(Event::message));
        tokio::join!(
            self.broadcast(&changed.thread, &events),
            self.broadcast_to_inbox(&changed.thread.tenant, &updated)
        );
    }

    /// Takes the conversation from a thread that needs it no more. The removal is to be written with the thread; it is
    /// due once more after the lease of a run that may still be writing to the conversation.
    pub fn forget_conversation(&self, before: &Thread, after: &mut Thread, now: At) -> Option<Cleanup> {
        let known = std::mem::take(&mut after.openai);
        after.openai = Conversation { synced_through: known.synced_through, ..Conversation::default() };
        let due = before.run.as_ref().map_or(now, |run| run.lease_until.max(now));
        Some(Cleanup::of_conversation(before, known.conversation_id?, due))
    }

    /// Removes at once what is due to be removed at OpenAI. What fails stays due, as does what a run may still add to.
    pub async fn remove(&self, cleanup: &Cleanup) -> bool {
        match timeout(CLEANUP_TIMEOUT, self.remove_at_openai(&cleanup.what)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(%error, "a removal at OpenAI has to wait");
                return false;
            }
            Err(_) => {
                tracing::warn!("a removal at OpenAI takes long and has to be gone on with later");
                return false;
            }
        }
        if cleanup.schedule.due > self.now() {
            return true;
        }
        if let Err(error) = self.store.cleanup_delete(cleanup).await {
            tracing::warn!(%error, "a removal that is done stays due");
        }
        true
    }

    /// Removes it, or fails half-way; what is gone already is as good as removed.
    pub async fn remove_at_openai(&self, what: &RemoteObject) -> Result<(), Error> {
        let gone =
            |done: Result<(), crate::openai::Failure>| done.map_err(|failure| Error::internal(failure.to_string()));
        match what {
            RemoteObject::Conversation { tenant, thread_id, conversation_id } => {
                for response in self.store.response_ids(tenant, thread_id, conversation_id).await? {
                    gone(self.openai.response_delete(&response).await)?;
                }
                gone(self.openai.conversation_delete(conversation_id).await)
            }
            RemoteObject::Knowledge { vector_store_id, file_ids } => {
                gone(self.openai.vector_store_delete(vector_store_id).await)?;
                for file in file_ids {
                    gone(self.openai.file_delete(file).await)?;
                }
                Ok(())
            }
        }
    }

    /// When something of now is certainly over: a lease and a little.
    pub fn after_lease(&self) -> At {
        self.now() + crate::domain::thread::LEASE + Duration::from_secs(5)
    }
}
