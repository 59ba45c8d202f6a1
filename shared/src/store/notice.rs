//! What a chatbot's webhook is owed: due work, written with the change of owner that it tells of, and deleted once it
//! is told.

use aws_sdk_dynamodb::{error::ProvideErrorMetadata, types::AttributeValue::S};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    Store, key, refused,
    row::{self, Item},
};
use crate::{
    Error,
    domain::{At, ChatbotId, Details, MessageId, Status, ThreadId, thread::Changed},
};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    pub tenant: String,
    pub thread_id: ThreadId,
    /// Whose webhook is told: the thread's chatbot when the line changed hands.
    pub chatbot_id: ChatbotId,
    /// That of the log's message which tells the same. However often the notice is sent, it has this id.
    pub id: MessageId,
    /// What is sent, as JSON: the thread as it was then.
    pub body: String,
    pub at: At,
    /// When the sweep is to try it.
    pub due: At,
    /// How often the sweep has tried it.
    pub tries: u32,
}

impl Notice {
    /// Of a change that people should hear of: somebody waits, somebody came, it is over. `None`: the bot speaks again.
    pub fn of(changed: &Changed, details: &Details, due: At) -> Option<Self> {
        let Changed { thread, message, .. } = changed;
        let kind = match &thread.status {
            Status::Bot { .. } => return None,
            Status::Queued { .. } => "thread.queued",
            Status::Agent { .. } => "thread.claimed",
            Status::Ended { .. } => "thread.ended",
        };
        let body = json!({ "type": kind, "thread": thread.view(details), "message": message, "at": message.at });
        Some(Self {
            tenant: thread.tenant.clone(),
            thread_id: thread.id.clone(),
            chatbot_id: thread.chatbot_id.clone(),
            id: message.id.clone(),
            body: body.to_string(),
            at: message.at,
            due,
            tries: 0,
        })
    }

    pub fn key(&self) -> key::Key {
        key::notice(&self.tenant, &self.thread_id, &self.id)
    }

    pub(super) fn row(&self) -> Result<Item, Error> {
        let mut item = row::row(self.key(), self)?;
        item.insert("due_pk".into(), S(key::due(&key::thread_partition(&self.tenant, &self.thread_id))));
        item.insert("due_sk".into(), S(self.due.to_string()));
        Ok(item)
    }
}

impl Store {
    pub async fn notice_get(&self, key: key::Key) -> Result<Option<Notice>, Error> {
        self.get(key).await?.map(row::read).transpose()
    }

    /// Takes the notice for one try, and puts off the next. `false`: somebody else has taken it, or it is told.
    pub async fn notice_take(&self, notice: &Notice, next: At) -> Result<bool, Error> {
        let taken = self
            .dynamo
            .update_item()
            .table_name(&self.table)
            .set_key(Some(notice.key().attributes()))
            .update_expression("SET #due = :next, #due_sk = :next, #tries = :tries")
            .condition_expression("#tries = :before")
            .expression_attribute_names("#due", "due")
            .expression_attribute_names("#due_sk", "due_sk")
            .expression_attribute_names("#tries", "tries")
            .expression_attribute_values(":next", S(next.to_string()))
            .expression_attribute_values(":tries", row::number(notice.tries + 1))
            .expression_attribute_values(":before", row::number(notice.tries))
            .send()
            .await;
        match taken {
            Ok(_) => Ok(true),
            Err(error) if error.code() == Some("ConditionalCheckFailedException") => Ok(false),
            Err(error) => Err(refused(error)),
        }
    }

    /// It is told, or nobody is to be told any more.
    pub async fn notice_delete(&self, notice: &Notice) -> Result<(), Error> {
        let delete = self.dynamo.delete_item().table_name(&self.table).set_key(Some(notice.key().attributes()));
        delete.send().await.map(|_| ()).map_err(refused)
    }
}
