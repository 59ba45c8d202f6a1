//! Deleting at OpenAI what nothing refers to any more.

use std::time::Duration;

use tokio::time::timeout;

use crate::{
    App, Error,
    domain::{At, thread::LEASE},
    openai::Failure,
    store::{Cleanup, RemoteObject},
};

/// The longest that one attempt may take: a request that causes a cleanup has 29 s in all.
const CLEANUP_TIMEOUT: Duration = Duration::from_secs(15);

/// The time after which a run whose lease has ended has certainly stopped writing.
const LEASE_MARGIN: Duration = Duration::from_secs(5);

impl App {
    /// Attempts a cleanup now. `false`: it failed and stays due.
    ///
    /// One that is due only after a run's lease is attempted now and stays due, because the run may still add to the
    /// conversation.
    pub async fn clean_up(&self, cleanup: &Cleanup) -> bool {
        match timeout(CLEANUP_TIMEOUT, self.delete_remote(&cleanup.object)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(%error, "deleting at OpenAI failed; will retry");
                return false;
            }
            Err(_) => {
                tracing::warn!("deleting at OpenAI timed out; will retry");
                return false;
            }
        }
        if cleanup.schedule.due > self.now() {
            return true;
        }
        if let Err(error) = self.store.outbox_delete(&cleanup.clone().into()).await {
            tracing::warn!(%error, "a cleanup succeeded but could not be deleted from the outbox; it will run again");
        }
        true
    }

    /// Deletes an object at OpenAI, or fails half-way. One that is gone already counts as deleted.
    pub async fn delete_remote(&self, object: &RemoteObject) -> Result<(), Error> {
        let deleted = |outcome: Result<(), Failure>| outcome.map_err(|failure| Error::internal(failure.to_string()));
        match object {
            RemoteObject::Conversation { tenant, thread_id, conversation_id } => {
                for response in self.store.response_ids(tenant, thread_id, conversation_id).await? {
                    deleted(self.openai.response_delete(&response).await)?;
                }
                deleted(self.openai.conversation_delete(conversation_id).await)
            }
            RemoteObject::Knowledge { vector_store_id, file_ids } => {
                deleted(self.openai.vector_store_delete(vector_store_id).await)?;
                for file in file_ids {
                    deleted(self.openai.file_delete(file).await)?;
                }
                Ok(())
            }
        }
    }

    /// The time at which a run that holds its lease now has certainly stopped writing.
    pub fn after_lease(&self) -> At {
        self.now() + LEASE + LEASE_MARGIN
    }
}
