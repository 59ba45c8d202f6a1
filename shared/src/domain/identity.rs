//! Who is asking, and what each role may do.

use serde::{Deserialize, Serialize};

use super::{At, ChatbotId, Thread};
use crate::Error;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Role {
    Customer,
    Agent,
    Admin,
}

impl Role {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Agent => "agent",
            Self::Admin => "admin",
        }
    }
}

/// Somebody as others see them: the author of a message, the holder of a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Person {
    /// The token's subject, or a chatbot's id.
    pub id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

impl Person {
    /// Who does what nobody asked for: the sweep.
    pub fn system() -> Self {
        Self { id: "switchboard".into(), name: Some("Switchboard".into()) }
    }

    /// The name, or the id where there is none.
    pub fn label(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.id)
    }
}

/// A person, and as what they take part in a thread.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Participant {
    #[serde(flatten)]
    pub person: Person,
    pub role: Role,
}

/// The caller, as the authorizer vouched for them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// `[A-Za-z0-9._-]{1,64}`: the first part of every key in the table.
    pub tenant: String,
    pub subject: String,
    pub role: Role,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The only chatbot that they may speak to: a visitor's token names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chatbot: Option<ChatbotId>,
    /// When the token ends. A cached policy outlives it, so whoever acts on an identity checks it.
    pub expires: At,
}

/// What can be done, before it is asked to what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    ThreadCreate,
    ThreadRead,
    ThreadUpdate,
    ThreadDelete,
    ThreadEnd,
    Chat,
    /// Write and read internal notes; watch the tenant's inbox.
    Note,
    Escalate,
    Claim,
    Release,
    ChatbotRead,
    ChatbotWrite,
}

impl Identity {
    /// The role's half of the rights; [`Identity::sees`] is the other.
    pub fn may(&self, act: Act) -> Result<(), Error> {
        use Act::{
            Chat, ChatbotRead, ChatbotWrite, Claim, Escalate, Note, Release, ThreadCreate, ThreadDelete, ThreadEnd,
            ThreadRead, ThreadUpdate,
        };
        let allowed = match self.role {
            Role::Admin => true,
            Role::Agent => {
                matches!(act, ThreadCreate | ThreadRead | ThreadEnd | Chat | Note | Claim | Release | ChatbotRead)
            }
            Role::Customer => {
                matches!(act, ThreadCreate | ThreadRead | ThreadUpdate | ThreadDelete | ThreadEnd | Chat | Escalate)
            }
        };
        if allowed {
            return Ok(());
        }
        Err(Error::Forbidden(match act {
            ChatbotWrite => "only an admin may change chatbots",
            Claim | Release | Note | ChatbotRead => "only agents and admins may do this",
            Escalate => "only the customer or an admin may ask for a person",
            ThreadUpdate | ThreadDelete => "only the customer or an admin may change a thread",
            ThreadCreate | ThreadRead | ThreadEnd | Chat => "this role may not do this",
        }))
    }

    /// Whether they may have this chatbot in a thread.
    pub fn may_have(&self, chatbot: &ChatbotId) -> Result<(), Error> {
        match &self.chatbot {
            Some(only) if only != chatbot => Err(Error::Forbidden("the token is for another chatbot")),
            _ => Ok(()),
        }
    }

    /// Whether the thread exists for this caller. Somebody else's does not: 404, not 403.
    pub fn sees(&self, thread: &Thread) -> bool {
        thread.tenant == self.tenant && (self.is_staff() || thread.customer_id == self.subject)
    }

    /// Agents and admins: those who see the tenant's threads, its notes and its inbox.
    pub fn is_staff(&self) -> bool {
        matches!(self.role, Role::Agent | Role::Admin)
    }

    pub fn person(&self) -> Person {
        Person { id: self.subject.clone(), name: self.name.clone() }
    }

    pub fn participant(&self) -> Participant {
        Participant { person: self.person(), role: self.role }
    }
}

/// The rules for a tenant's name; the first part of every key depends on it.
pub fn is_tenant(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
}

/// The rules for a token's subject, and so for a `customer_id`.
pub fn is_subject(text: &str) -> bool {
    (1..=128).contains(&text.chars().count()) && !text.chars().any(char::is_control)
}
