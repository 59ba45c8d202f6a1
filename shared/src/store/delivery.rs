//! Webhook deliveries: changes of owner to post to a chatbot's webhook.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::key::{self, Key};
use crate::domain::{At, ChatbotId, MessageId, RetrySchedule, Status, ThreadId, ThreadMetadata, thread::Changed};

/// An outbox item that posts one change of owner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookDelivery {
    pub tenant: String,
    pub thread_id: ThreadId,
    /// The chatbot whose webhook is called: the thread's, at the change.
    pub chatbot_id: ChatbotId,
    /// The id of the change's message in the log. Every attempt carries it.
    pub id: MessageId,
    /// The request's body, JSON: the thread as the change left it.
    pub body: String,
    #[serde(flatten)]
    pub schedule: RetrySchedule,
}

impl WebhookDelivery {
    /// The delivery of a change to `queued`, `agent` or `ended`; `None` for a change back to the bot.
    pub fn of(changed: &Changed, metadata: &ThreadMetadata, due: At) -> Option<Self> {
        let Changed { thread, message, .. } = changed;
        let body = event(changed, metadata)?;
        Some(Self {
            tenant: thread.tenant.clone(),
            thread_id: thread.id.clone(),
            chatbot_id: thread.chatbot_id.clone(),
            id: message.id.clone(),
            body: body.to_string(),
            schedule: RetrySchedule::from(due),
        })
    }

    pub(super) fn key(&self) -> Key {
        key::delivery(&self.tenant, &self.thread_id, &self.id)
    }
}

/// A change of owner as other servers are told of it; `None` for a change back to the bot, which needs nobody.
pub(super) fn event(changed: &Changed, metadata: &ThreadMetadata) -> Option<Value> {
    let Changed { thread, message, .. } = changed;
    let kind = match &thread.status {
        Status::Bot { .. } => return None,
        Status::Queued { .. } => "thread.queued",
        Status::Agent { .. } => "thread.claimed",
        Status::Ended { .. } => "thread.ended",
    };
    Some(json!({ "type": kind, "thread": thread.view(metadata), "message": message, "at": message.at }))
}
