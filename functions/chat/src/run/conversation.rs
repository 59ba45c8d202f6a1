//! The conversation at OpenAI that a run uses: a cache of the log, which a new one may replace at any time.

use std::sync::OnceLock;

use shared::{
    domain::chatbot::Memory,
    store::{Cleanup, Commit, OutboxItem},
};

use super::{Run, RunError};

impl Run {
    /// The id of the conversation to use: `None` with local memory, a new one where the thread has none or its own is
    /// in doubt. A new one's id is saved under the run before anything is added to it.
    pub(super) async fn conversation(&mut self) -> Result<Option<String>, RunError> {
        if self.app.memory_of(self.chatbot()?) == Memory::Local {
            return Ok(None);
        }
        let current = self.thread.openai.conversation_id.clone();
        if let Some(current) = current.clone().filter(|_| !self.in_doubt) {
            self.mirror(&current).await?;
            return Ok(Some(current));
        }
        let created = self.create_conversation().await?;
        let old = current.map(|old| Cleanup::of_conversation(&self.thread, old, self.app.after_lease()));
        let metadata_version = self.metadata_version;
        let saved = self.save(|mut thread| {
            thread.openai.conversation_id = Some(created.clone());
            thread.openai.synced_through = 0;
            // A write since the metadata was read may have changed the title.
            thread.openai.metadata_dirty = thread.version != metadata_version;
            let mut commit = Commit::new(thread);
            commit.outbox.extend(old.clone().map(OutboxItem::from));
            commit
        });
        match saved.await {
            Ok(Some(_)) => {
                self.metadata_version = self.thread.version;
                self.in_doubt = false;
                self.cleanups.extend(old);
                Ok(Some(created))
            }
            refused => {
                self.delete_conversation(&created).await;
                refused?;
                Err(RunError::Lost)
            }
        }
    }

    /// Creates a conversation at OpenAI. One that is created after the line was lost is deleted again.
    async fn create_conversation(&self) -> Result<String, RunError> {
        let pairs = self.metadata.mirrored(&self.thread.id);
        let created = OnceLock::new();
        let creating = async {
            let id = self.app.openai.conversation_create(&pairs).await?;
            Ok(created.get_or_init(|| id).clone())
        };
        let held = self.while_leased(creating).await;
        if held.is_err()
            && let Some(created) = created.get()
        {
            self.delete_conversation(created).await;
        }
        held
    }

    /// Deletes a conversation that no thread refers to. A failure leaves it at OpenAI for good.
    async fn delete_conversation(&self, conversation: &str) {
        let _ = self.app.openai.conversation_delete(conversation).await;
    }

    /// Sends a changed title or metadata to OpenAI. No answer depends on it, so after a failure the next run tries
    /// again.
    async fn mirror(&mut self, conversation: &str) -> Result<(), RunError> {
        if !self.thread.openai.metadata_dirty {
            return Ok(());
        }
        let pairs = self.metadata.mirrored(&self.thread.id);
        match self.while_leased(self.app.openai.conversation_update(conversation, &pairs)).await {
            Err(RunError::OpenAi(_)) => return Ok(()),
            updated => updated?,
        }
        let metadata_version = self.metadata_version;
        let saved = self.save(|mut thread| {
            thread.openai.metadata_dirty = thread.version != metadata_version;
            Commit::new(thread)
        });
        saved.await?.ok_or(RunError::Lost)?;
        self.metadata_version = self.thread.version;
        Ok(())
    }
}
