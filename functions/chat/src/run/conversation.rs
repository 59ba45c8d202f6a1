//! The conversation that a run speaks in: a cache of the log, which may be built anew at any time.

use std::sync::OnceLock;

use shared::{
    domain::chatbot::Memory,
    store::{Cleanup, Commit},
};

use super::{Run, RunError};

impl Run {
    /// The conversation to speak in: none with local memory, a new one where the thread's is in doubt or was never
    /// made. A new one's id is saved under the run before anything goes into it.
    pub(super) async fn conversation(&mut self) -> Result<Option<String>, RunError> {
        if self.app.memory_of(self.chatbot()?) == Memory::Local {
            return Ok(None);
        }
        let current = self.thread.openai.conversation_id.clone();
        if let Some(current) = current.clone().filter(|_| !self.in_doubt) {
            self.mirror(&current).await?;
            return Ok(Some(current));
        }
        let created = self.created().await?;
        let old = current.map(|old| Cleanup::of_conversation(&self.thread, old, self.app.after_lease()));
        let metadata_version = self.metadata_version;
        let saved = self.save(|mut thread| {
            thread.openai.conversation_id = Some(created.clone());
            thread.openai.synced_through = 0;
            // Whatever came between may have changed the title.
            thread.openai.metadata_dirty = thread.version != metadata_version;
            let mut commit = Commit::new(thread);
            commit.cleanup.clone_from(&old);
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
                self.uncreate(&created).await;
                refused?;
                Err(RunError::Lost)
            }
        }
    }

    /// A new conversation at OpenAI. One that comes to be after the line was lost is deleted again.
    async fn created(&self) -> Result<String, RunError> {
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
            self.uncreate(created).await;
        }
        held
    }

    /// Nothing points to it. One that cannot be deleted now is lost.
    async fn uncreate(&self, conversation: &str) {
        let _ = self.app.openai.conversation_delete(conversation).await;
    }

    /// Tells OpenAI of a title or metadata that it has missed. Nothing depends on it, so a failure waits for the next run.
    async fn mirror(&mut self, conversation: &str) -> Result<(), RunError> {
        if !self.thread.openai.metadata_dirty {
            return Ok(());
        }
        let pairs = self.metadata.mirrored(&self.thread.id);
        match self.while_leased(self.app.openai.conversation_update(conversation, &pairs)).await {
            Err(RunError::OpenAi(_)) => return Ok(()),
            told => told?,
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
