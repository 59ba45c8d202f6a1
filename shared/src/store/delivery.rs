//! What a chatbot's webhook is owed: due work, written with the change of owner that it tells of, and deleted once it
//! is told.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    Store,
    key::{self, Key},
    refused,
    row::{self, Item},
    write::Condition,
};
use crate::{
    Error,
    domain::{At, ChatbotId, MessageId, RetrySchedule, Status, ThreadId, ThreadMetadata, thread::Changed},
};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookDelivery {
    pub tenant: String,
    pub thread_id: ThreadId,
    /// Whose webhook is told: the thread's chatbot when the line changed hands.
    pub chatbot_id: ChatbotId,
    /// That of the log's message which tells the same. However often the notice is sent, it has this id.
    pub id: MessageId,
    /// What is sent, as JSON: the thread as it was then.
    pub body: String,
    #[serde(flatten)]
    pub schedule: RetrySchedule,
}

impl WebhookDelivery {
    /// Of a change that people should hear of: somebody waits, somebody came, it is over. `None`: the bot speaks again.
    pub fn of(changed: &Changed, metadata: &ThreadMetadata, due: At) -> Option<Self> {
        let Changed { thread, message, .. } = changed;
        let kind = match &thread.status {
            Status::Bot { .. } => return None,
            Status::Queued { .. } => "thread.queued",
            Status::Agent { .. } => "thread.claimed",
            Status::Ended { .. } => "thread.ended",
        };
        let body = json!({ "type": kind, "thread": thread.view(metadata), "message": message, "at": message.at });
        Some(Self {
            tenant: thread.tenant.clone(),
            thread_id: thread.id.clone(),
            chatbot_id: thread.chatbot_id.clone(),
            id: message.id.clone(),
            body: body.to_string(),
            schedule: RetrySchedule::from(due),
        })
    }

    fn key(&self) -> Key {
        key::delivery(&self.tenant, &self.thread_id, &self.id)
    }

    pub(super) fn row(&self) -> Result<Item, Error> {
        let mut item = row::row(self.key(), self)?;
        row::make_due(&mut item, &key::thread_partition(&self.tenant, &self.thread_id), self.schedule.due);
        Ok(item)
    }
}

impl Store {
    pub async fn delivery_get(&self, key: &Key) -> Result<Option<WebhookDelivery>, Error> {
        self.get(key.clone()).await?.map(row::read).transpose()
    }

    /// Takes a notice for one more try: until it is due again nobody else tries it. `None`: somebody took it, or it is
    /// told.
    pub async fn delivery_take(&self, delivery: &WebhookDelivery, now: At) -> Result<Option<WebhookDelivery>, Error> {
        let tried = WebhookDelivery { schedule: delivery.schedule.once_more(now), ..delivery.clone() };
        let taken = self.put_if(tried.row()?, Condition::due(delivery.schedule.due)).await?;
        Ok(taken.then_some(tried))
    }

    /// It is told, or nobody is to be told any more.
    pub async fn delivery_delete(&self, delivery: &WebhookDelivery) -> Result<(), Error> {
        let delete = self.dynamo.delete_item().table_name(&self.table).set_key(Some(delivery.key().attributes()));
        delete.send().await.map(|_| ()).map_err(refused)
    }
}
