//! Reading a thread for somebody, and changing its owner for them.

use std::time::Duration;

use tokio::time::timeout;

use crate::{
    App, Error,
    domain::{
        At, Details, Identity, Message, Thread, ThreadId,
        status::Status,
        thread::{Changed, Conversation},
    },
    sockets::Event,
    store::{Commit, Committed, Notice, Removal, Rubbish},
};

/// How often a change that met another one is decided anew.
pub const DECISIONS: usize = 20;

/// Why what a run said is void.
pub const LINE_LOST: &str = "the line changed hands";

/// How long "at once" may take: the request that caused the removal has 29 s in all.
const AT_ONCE: Duration = Duration::from_secs(15);

/// What a change of owner leaves to be done.
struct Left {
    removal: Option<Removal>,
    notice: Option<Notice>,
}

impl App {
    /// The thread, where the caller may know of it; else it does not exist.
    pub async fn thread(&self, identity: &Identity, id: &ThreadId) -> Result<(Thread, Details), Error> {
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
    ) -> Result<(Thread, Details), Error> {
        for _ in 0..DECISIONS {
            let (before, details) = self.thread(identity, id).await?;
            let Some(changed) = change(&before)? else { return Ok((before, details)) };
            if let Some((thread, left)) = self.commit_change(&before, changed, &details).await? {
                let removed = async {
                    if let Some(removal) = left.removal {
                        self.remove(&removal).await;
                    }
                };
                tokio::join!(self.notify(left.notice.as_ref()), removed);
                return Ok((thread, details));
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
        for _ in 0..DECISIONS {
            let Some((before, details)) = self.store.thread_get(tenant, id).await? else { return Ok(None) };
            let Some(changed) = change(&before)? else { return Ok(None) };
            if let Some((thread, _)) = self.commit_change(&before, changed, &details).await? {
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
        details: &Details,
    ) -> Result<Option<(Thread, Left)>, Error> {
        let mut commit = Commit::new(changed.thread.clone());
        if matches!(changed.thread.status, Status::Ended { .. }) {
            commit.removal = self.forget_conversation(before, &mut commit.thread, changed.message.at);
        }
        commit.messages.push(changed.message.clone());
        commit.note = changed.note.clone();
        commit.notice = self.notice(&changed, details).await?;
        let left = Left { removal: commit.removal.clone(), notice: commit.notice.clone() };
        let Committed::Done(thread) = self.store.thread_commit(before, commit).await? else { return Ok(None) };
        changed.thread = *thread;
        self.tell_change(&changed, details, None).await;
        Ok(Some((changed.thread, left)))
    }

    /// Tells the thread's listeners and the tenant's inbox that the line has changed hands, and the listeners what was said
    /// with it.
    pub async fn tell_change(&self, changed: &Changed, details: &Details, said: Option<&Message>) {
        let updated = Event::thread(changed.thread.view(details));
        let mut events = Vec::with_capacity(5);
        if let Some(run) = &changed.discarded {
            events.push(Event::discarded(&changed.thread, &run.id, LINE_LOST));
        }
        events.push(Event::message(&changed.message));
        events.extend(changed.note.as_ref().map(Event::note));
        events.push(updated.clone());
        events.extend(said.map(Event::message));
        tokio::join!(self.tell(&changed.thread, &events), self.tell_inbox(&changed.thread.tenant, &updated));
    }

    /// Takes the conversation from a thread that needs it no more. The removal is to be written with the thread; it is
    /// due once more after the lease of a run that may still be writing to the conversation.
    pub fn forget_conversation(&self, before: &Thread, after: &mut Thread, now: At) -> Option<Removal> {
        let known = std::mem::take(&mut after.openai);
        after.openai = Conversation { synced_through: known.synced_through, ..Conversation::default() };
        let due = before.run.as_ref().map_or(now, |run| run.lease_until.max(now));
        Some(Removal::of_conversation(before, known.conversation_id?, due))
    }

    /// Removes at once what is due to be removed at OpenAI. What fails stays due, as does what a run may still add to.
    pub async fn remove(&self, removal: &Removal) -> bool {
        match timeout(AT_ONCE, self.remove_at_openai(&removal.what)).await {
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
        if removal.tries.due > self.now() {
            return true;
        }
        if let Err(error) = self.store.removal_delete(removal).await {
            tracing::warn!(%error, "a removal that is done stays due");
        }
        true
    }

    /// Removes it, or fails half-way; what is gone already is as good as removed.
    pub async fn remove_at_openai(&self, what: &Rubbish) -> Result<(), Error> {
        let gone =
            |done: Result<(), crate::openai::Failure>| done.map_err(|failure| Error::internal(failure.to_string()));
        match what {
            Rubbish::Conversation { tenant, thread_id, conversation_id } => {
                for response in self.store.response_ids(tenant, thread_id, conversation_id).await? {
                    gone(self.openai.response_delete(&response).await)?;
                }
                gone(self.openai.conversation_delete(conversation_id).await)
            }
            Rubbish::Knowledge { vector_store_id, file_ids } => {
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
