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
    domain::{At, Chatbot, Thread, ThreadId, Tries},
};

/// Objects at OpenAI that nothing points to any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removal {
    /// The partition it is kept in: its thread's, or its chatbot's.
    partition: String,
    #[serde(flatten)]
    pub tries: Tries,
    pub what: Rubbish,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Rubbish {
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

impl Removal {
    /// Of a thread's conversation. `due`: after the lease of a run that may still write to it.
    pub fn of_conversation(thread: &Thread, conversation_id: String, due: At) -> Self {
        let (tenant, thread_id) = (thread.tenant.clone(), thread.id.clone());
        let partition = key::thread_partition(&tenant, &thread_id);
        Self::new(partition, due, Rubbish::Conversation { tenant, thread_id, conversation_id })
    }

    /// Of what a chatbot's documents were at OpenAI, all or in part.
    pub fn of_knowledge(chatbot: &Chatbot, vector_store_id: String, file_ids: Vec<String>, due: At) -> Self {
        let partition = key::chatbot_partition(&chatbot.tenant, &chatbot.id);
        Self::new(partition, due, Rubbish::Knowledge { vector_store_id, file_ids })
    }

    fn new(partition: String, due: At, what: Rubbish) -> Self {
        Self { partition, tries: Tries::from(due), what }
    }

    fn object(&self) -> &str {
        match &self.what {
            Rubbish::Conversation { conversation_id, .. } => conversation_id,
            Rubbish::Knowledge { vector_store_id, .. } => vector_store_id,
        }
    }

    pub(super) fn row(&self) -> Result<Item, Error> {
        let mut item = row::row(key::removal(&self.partition, self.object()), self)?;
        row::make_due(&mut item, &self.partition, self.tries.due);
        Ok(item)
    }
}

impl Store {
    pub async fn removal_get(&self, key: &Key) -> Result<Option<Removal>, Error> {
        self.get(key.clone()).await?.map(row::read).transpose()
    }

    /// What is to be removed of a thread's.
    pub async fn removals_of_thread(&self, tenant: &str, id: &ThreadId) -> Result<Vec<Removal>, Error> {
        let found = self.get_beginning(&key::thread_partition(tenant, id), key::REMOVAL).await?;
        found.into_iter().map(row::read).collect()
    }

    /// Takes a removal for one more try: until it is due again nobody else tries it. `None`: somebody took it, or it
    /// is done.
    pub async fn removal_take(&self, removal: &Removal, now: At) -> Result<Option<Removal>, Error> {
        let tried = Removal { tries: removal.tries.once_more(now), ..removal.clone() };
        let taken = self.put_if(tried.row()?, Condition::due(removal.tries.due)).await?;
        Ok(taken.then_some(tried))
    }

    /// It is done.
    pub async fn removal_delete(&self, removal: &Removal) -> Result<(), Error> {
        let key = key::removal(&removal.partition, removal.object());
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
