//! Cleanups: objects at OpenAI that nothing refers to any more.

use serde::{Deserialize, Serialize};

use super::{
    Store,
    key::{self, Key},
    row,
};
use crate::{
    Error,
    domain::{At, Chatbot, RetrySchedule, Thread, ThreadId, chatbot::Knowledge},
};

/// An outbox item that deletes objects at OpenAI.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cleanup {
    /// The partition it is kept in: its thread's, or its chatbot's.
    partition: String,
    #[serde(flatten)]
    pub schedule: RetrySchedule,
    #[serde(rename = "what")]
    pub object: RemoteObject,
    /// True where an erasure waits for it: it is never given up.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_required: bool,
}

/// An object at OpenAI, with all that has to be deleted along with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum RemoteObject {
    /// A conversation with its items, and the responses that the log's messages came from.
    Conversation { tenant: String, thread_id: ThreadId, conversation_id: String },
    /// A vector store and its files.
    Knowledge { vector_store_id: String, file_ids: Vec<String> },
}

impl From<Knowledge> for RemoteObject {
    fn from(Knowledge { vector_store_id, file_ids }: Knowledge) -> Self {
        Self::Knowledge { vector_store_id, file_ids }
    }
}

impl RemoteObject {
    /// Its id at OpenAI.
    fn id(&self) -> &str {
        match self {
            Self::Conversation { conversation_id, .. } => conversation_id,
            Self::Knowledge { vector_store_id, .. } => vector_store_id,
        }
    }
}

impl Cleanup {
    /// Deletes one of a thread's conversations. `due`: after the lease of a run that may still write to it.
    pub fn of_conversation(thread: &Thread, conversation_id: String, due: At) -> Self {
        let (tenant, thread_id) = (thread.tenant.clone(), thread.id.clone());
        let partition = key::thread_partition(&tenant, &thread_id);
        let object = RemoteObject::Conversation { tenant, thread_id, conversation_id };
        Self { partition, schedule: RetrySchedule::from(due), object, is_required: false }
    }

    /// Deletes the conversation of a thread that is over. Due after the lease of a run that may still write to it.
    pub fn of_thread(thread: &Thread, now: At) -> Option<Self> {
        let due = thread.run.as_ref().map_or(now, |run| run.lease_until.max(now));
        Some(Self::of_conversation(thread, thread.openai.conversation_id.clone()?, due))
    }

    /// Deletes what a chatbot's documents were at OpenAI.
    pub fn of_knowledge(chatbot: &Chatbot, knowledge: Knowledge, due: At) -> Self {
        let partition = key::chatbot_partition(&chatbot.tenant, &chatbot.id);
        Self { partition, schedule: RetrySchedule::from(due), object: knowledge.into(), is_required: false }
    }

    /// The same, never given up.
    #[must_use]
    pub fn required(self) -> Self {
        Self { is_required: true, ..self }
    }

    pub(super) fn key(&self) -> Key {
        key::cleanup(&self.partition, self.object.id())
    }
}

impl Store {
    /// The cleanups that a thread still waits for.
    pub async fn cleanups_of_thread(&self, tenant: &str, id: &ThreadId) -> Result<Vec<Cleanup>, Error> {
        let found = self.get_beginning(&key::thread_partition(tenant, id), key::CLEANUP).await?;
        found.into_iter().map(row::read).collect()
    }

    /// The ids of the responses that a thread's messages came from, in one of its conversations.
    pub async fn response_ids(
        &self,
        tenant: &str,
        thread: &ThreadId,
        conversation_id: &str,
    ) -> Result<Vec<String>, Error> {
        let mut ids = Vec::new();
        let mut after = 0;
        loop {
            let page = self.log_after(tenant, thread, after, 200).await?;
            let origins = page.messages.iter().filter_map(|message| message.origin.as_ref());
            let ours = origins.filter(|origin| origin.conversation_id.as_deref() == Some(conversation_id));
            ids.extend(ours.filter_map(|origin| origin.response_id.clone()));
            match page.messages.last() {
                Some(last) if page.more => after = last.seq,
                _ => return Ok(ids),
            }
        }
    }
}
