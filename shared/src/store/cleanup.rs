//! What has to go at OpenAI: due work, written with the change that made it superfluous, done at once where that works.

use serde::{Deserialize, Serialize};

use super::{
    Store,
    key::{self, Key},
    refused,
    row::{self, Item},
    write::Condition,
};
use crate::{
    Error,
    domain::{At, Chatbot, RetrySchedule, Thread, ThreadId},
};

/// Objects at OpenAI that nothing points to any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cleanup {
    /// The partition it is kept in: its thread's, or its chatbot's.
    partition: String,
    #[serde(flatten)]
    pub schedule: RetrySchedule,
    pub what: RemoteObject,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum RemoteObject {
    /// A conversation with its items, and the responses that the log's messages came from.
    Conversation {
        tenant: String,
        thread_id: ThreadId,
        conversation_id: String,
    },
    Knowledge {
        vector_store_id: String,
        file_ids: Vec<String>,
    },
}

impl Cleanup {
    /// Of a thread's conversation. `due`: after the lease of a run that may still write to it.
    pub fn of_conversation(thread: &Thread, conversation_id: String, due: At) -> Self {
        let (tenant, thread_id) = (thread.tenant.clone(), thread.id.clone());
        let partition = key::thread_partition(&tenant, &thread_id);
        Self::new(partition, due, RemoteObject::Conversation { tenant, thread_id, conversation_id })
    }

    /// Of what a chatbot's documents were at OpenAI, all or in part.
    pub fn of_knowledge(chatbot: &Chatbot, vector_store_id: String, file_ids: Vec<String>, due: At) -> Self {
        let partition = key::chatbot_partition(&chatbot.tenant, &chatbot.id);
        Self::new(partition, due, RemoteObject::Knowledge { vector_store_id, file_ids })
    }

    fn new(partition: String, due: At, what: RemoteObject) -> Self {
        Self { partition, schedule: RetrySchedule::from(due), what }
    }

    fn object(&self) -> &str {
        match &self.what {
            RemoteObject::Conversation { conversation_id, .. } => conversation_id,
            RemoteObject::Knowledge { vector_store_id, .. } => vector_store_id,
        }
    }

    pub(super) fn row(&self) -> Result<Item, Error> {
        let mut item = row::row(key::cleanup(&self.partition, self.object()), self)?;
        row::make_due(&mut item, &self.partition, self.schedule.due);
        Ok(item)
    }
}

impl Store {
    pub async fn cleanup_get(&self, key: &Key) -> Result<Option<Cleanup>, Error> {
        self.get(key.clone()).await?.map(row::read).transpose()
    }

    /// What is to be removed of a thread's.
    pub async fn cleanups_of_thread(&self, tenant: &str, id: &ThreadId) -> Result<Vec<Cleanup>, Error> {
        let found = self.get_beginning(&key::thread_partition(tenant, id), key::CLEANUP).await?;
        found.into_iter().map(row::read).collect()
    }

    /// Takes a removal for one more try: until it is due again nobody else tries it. `None`: somebody took it, or it
    /// is done.
    pub async fn cleanup_take(&self, cleanup: &Cleanup, now: At) -> Result<Option<Cleanup>, Error> {
        let tried = Cleanup { schedule: cleanup.schedule.once_more(now), ..cleanup.clone() };
        let taken = self.put_if(tried.row()?, Condition::due(cleanup.schedule.due)).await?;
        Ok(taken.then_some(tried))
    }

    /// It is done.
    pub async fn cleanup_delete(&self, cleanup: &Cleanup) -> Result<(), Error> {
        let key = key::cleanup(&cleanup.partition, cleanup.object());
        let delete = self.dynamo.delete_item().table_name(&self.table).set_key(Some(key.attributes()));
        delete.send().await.map(|_| ()).map_err(refused)
    }

    /// The OpenAI responses that a thread's messages came from, in one of its conversations.
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
