//! Notices to the deployment's topic: threads that wait for a person.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    delivery,
    key::{self, Key},
};
use crate::domain::{
    At, MessageId, Reason, RetrySchedule, Status, ThreadId, ThreadMetadata, message::Change, thread::Changed,
};

/// An outbox item that publishes to the topic that a thread went into the queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopicNotice {
    pub tenant: String,
    pub thread_id: ThreadId,
    /// The id of the change's message in the log.
    pub id: MessageId,
    pub since: At,
    pub reason: Reason,
    /// The comment of the person or the bot that asked for a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// The event, JSON: what a webhook gets, and the tenant, which a webhook knows.
    pub body: String,
    #[serde(flatten)]
    pub schedule: RetrySchedule,
}

impl TopicNotice {
    /// The notice of a change to `queued`; `None` for every other change.
    pub fn of(changed: &Changed, metadata: &ThreadMetadata, due: At) -> Option<Self> {
        let Changed { thread, message, .. } = changed;
        let Status::Queued { since, reason } = thread.status else { return None };
        let comment = match &message.event {
            Some(Change::Escalated { comment, .. }) => comment.clone(),
            _ => None,
        };
        let mut body = delivery::event(changed, metadata)?;
        body["tenant"] = Value::from(thread.tenant.as_str());
        Some(Self {
            tenant: thread.tenant.clone(),
            thread_id: thread.id.clone(),
            id: message.id.clone(),
            since,
            reason,
            comment,
            body: body.to_string(),
            schedule: RetrySchedule::from(due),
        })
    }

    pub(super) fn key(&self) -> Key {
        key::notice(&self.tenant, &self.thread_id, &self.id)
    }
}
