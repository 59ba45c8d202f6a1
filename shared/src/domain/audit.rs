//! The audit trail: what agents and admins did, and what they read. It holds no text and no customer's id.

use serde::{Deserialize, Serialize};

use super::{At, AuditId, ChatbotId, ErasureId, Identity, Role, ThreadId, message::Change};

/// An entry of the trail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AuditEntry {
    pub id: AuditId,
    pub at: At,
    pub actor: Actor,
    pub act: AuditedAct,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread_id: Option<ThreadId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chatbot_id: Option<ChatbotId>,
    /// The receipt of an erasure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub erasure_id: Option<ErasureId>,
    /// The names of the fields of a chatbot that were changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<String>,
}

/// An agent or admin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Actor {
    pub id: String,
    pub role: Role,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum AuditedAct {
    /// Read or subscribed to; within ten minutes, some repeats are left out.
    #[serde(rename = "thread.read")]
    ThreadRead,
    #[serde(rename = "thread.escalated")]
    ThreadEscalated,
    #[serde(rename = "thread.claimed")]
    ThreadClaimed,
    #[serde(rename = "thread.released")]
    ThreadReleased,
    #[serde(rename = "thread.ended")]
    ThreadEnded,
    #[serde(rename = "thread.deleted")]
    ThreadDeleted,
    #[serde(rename = "chatbot.created")]
    ChatbotCreated,
    #[serde(rename = "chatbot.updated")]
    ChatbotUpdated,
    #[serde(rename = "chatbot.deleted")]
    ChatbotDeleted,
    /// Entries `thread.read` name the threads.
    #[serde(rename = "customer.exported")]
    CustomerExported,
    #[serde(rename = "customer.erased")]
    CustomerErased,
}

impl AuditedAct {
    /// The act of a person who changes the owner. `None` for a timeout, which nobody does.
    pub const fn of(change: &Change) -> Option<Self> {
        match change {
            Change::Escalated { .. } => Some(Self::ThreadEscalated),
            Change::Claimed { .. } => Some(Self::ThreadClaimed),
            Change::Released { .. } => Some(Self::ThreadReleased),
            Change::Ended => Some(Self::ThreadEnded),
            Change::TimedOut { .. } => None,
        }
    }
}

impl AuditEntry {
    /// An entry of what an agent or admin does. `None` for customers, whose acts are in their log.
    pub fn of(identity: &Identity, act: AuditedAct, id: AuditId, at: At) -> Option<Self> {
        let actor = Actor { id: identity.subject.clone(), role: identity.role };
        let (thread_id, chatbot_id, erasure_id, fields) = (None, None, None, Vec::new());
        identity.is_staff().then_some(Self { id, at, actor, act, thread_id, chatbot_id, erasure_id, fields })
    }

    #[must_use]
    pub fn about_thread(self, id: &ThreadId) -> Self {
        Self { thread_id: Some(id.clone()), ..self }
    }

    #[must_use]
    pub fn about_chatbot(self, id: &ChatbotId) -> Self {
        Self { chatbot_id: Some(id.clone()), ..self }
    }
}
