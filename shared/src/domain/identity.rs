//! The caller's identity.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{At, ChatbotId, Participant, Person, Role};

/// The beginning of a visitor's `subject`.
pub const VISITOR: &str = "vis_";

/// The caller, as the authorizer verified them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// `[A-Za-z0-9._-]{1,64}`: the first part of every key in the table.
    pub tenant: String,
    pub subject: String,
    pub role: Role,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Other texts that the token vouches for. Of use where a thread is created, and not kept with connections.
    #[serde(skip)]
    pub verified: BTreeMap<String, String>,
    /// The only chatbot that the caller may use. Set by a visitor's token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chatbot: Option<ChatbotId>,
    /// A visitor's access to that chatbot. `None` in visitors' tokens from before there were versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access: Option<VisitorAccess>,
    /// The token's expiry. Check it at every use: a cached policy outlives its token.
    pub expires: At,
}

/// A visitor's access to the chatbot that their token names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VisitorAccess {
    /// As of this version of the chatbot's access.
    Version(u64),
    /// Given to agents and admins who try the chatbot, whatever its audience and its origins.
    Trial,
}

impl VisitorAccess {
    /// Reads it as the authorizer passes it on.
    pub fn parse(text: &str) -> Option<Self> {
        if text == "trial" { Some(Self::Trial) } else { text.parse().ok().map(Self::Version) }
    }
}

impl Identity {
    /// True for agents and admins, who see all of the tenant's threads, its notes and its inbox.
    pub fn is_staff(&self) -> bool {
        matches!(self.role, Role::Agent | Role::Admin)
    }

    /// True for a visitor: a customer without an account, whose token is Switchboard's own.
    pub fn is_visitor(&self) -> bool {
        self.chatbot.is_some() && self.subject.starts_with(VISITOR)
    }

    pub fn person(&self) -> Person {
        Person { id: self.subject.clone(), name: self.name.clone() }
    }

    pub fn participant(&self) -> Participant {
        Participant { person: self.person(), role: self.role }
    }
}

/// True for a valid tenant name. Every key of the table starts with one.
pub fn is_tenant(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
}

/// True for a valid token subject, and so for a valid `customer_id`.
pub fn is_subject(text: &str) -> bool {
    (1..=128).contains(&text.chars().count()) && !text.chars().any(char::is_control)
}

/// The same as a regular expression, for the API's description.
#[cfg(feature = "schema")]
pub const SUBJECT: &str = r"^[^\x00-\x1f\x7f-\x9f]{1,128}$";
