//! The conversation that a run speaks in: a cache of the log, which may be built anew at any time.

use std::sync::OnceLock;

use shared::{
    domain::chatbot::Memory,
    store::{Commit, Removal},
};

use super::{Run, Trouble};

impl Run {
    /// The conversation to speak in: none with local memory, a new one where the thread's is in doubt or was never
    /// made. A new one's id is saved under the run before anything goes into it.
    pub(super) async fn conversation(&mut self) -> Result<Option<String>, Trouble> {
        if self.app.memory_of(self.chatbot()?) == Memory::Local {
            return Ok(None);
        }
        let current = self.thread.openai.conversation_id.clone();
        if let Some(current) = current.clone().filter(|_| !self.in_doubt) {
            self.mirror(&current).await?;
            return Ok(Some(current));
        }
        let created = self.created().await?;
        let old = current.map(|old| Removal::of_conversation(&self.thread, old, self.app.after_lease()));
        let details_at = self.details_at;
        let saved = self.save(|mut thread| {
            thread.openai.conversation_id = Some(created.clone());
            thread.openai.synced_through = 0;
            // Whatever came between may have changed the title.
            thread.openai.stale = thread.version != details_at;
            let mut commit = Commit::new(thread);
            commit.removal.clone_from(&old);
            commit
        });
        match saved.await {
            Ok(Some(_)) => {
                self.details_at = self.thread.version;
                self.in_doubt = false;
                self.removals.extend(old);
                Ok(Some(created))
            }
            refused => {
                self.uncreate(&created).await;
                refused?;
                Err(Trouble::Lost)
            }
        }
    }

    /// A new conversation at OpenAI. One that comes to be after the line was lost is deleted again.
    async fn created(&self) -> Result<String, Trouble> {
        let metadata = self.details.mirrored(&self.thread.id);
        let created = OnceLock::new();
        let creating = async {
            let id = self.app.openai.conversation_create(&metadata).await?;
            Ok(created.get_or_init(|| id).clone())
        };
        let held = self.holding(creating).await;
        if held.is_err()
            && let Some(created) = created.get()
        {
            self.uncreate(created).await;
        }
        held
    }

    /// Nothing points to it. One that cannot be deleted now is lost.
    async fn uncreate(&self, conversation: &str) {
        let _ = self.app.openai.conversation_delete(conversation).await;
    }

    /// Tells OpenAI of a title or metadata that it has missed. Nothing depends on it, so a failure waits for the next run.
    async fn mirror(&mut self, conversation: &str) -> Result<(), Trouble> {
        if !self.thread.openai.stale {
            return Ok(());
        }
        let metadata = self.details.mirrored(&self.thread.id);
        match self.holding(self.app.openai.conversation_update(conversation, &metadata)).await {
            Err(Trouble::OpenAi(_)) => return Ok(()),
            told => told?,
        }
        let details_at = self.details_at;
        let saved = self.save(|mut thread| {
            thread.openai.stale = thread.version != details_at;
            Commit::new(thread)
        });
        saved.await?.ok_or(Trouble::Lost)?;
        self.details_at = self.thread.version;
        Ok(())
    }
}
