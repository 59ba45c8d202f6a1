//! The audience of a chatbot: who may use it, as of which version.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Chatbot;
use crate::{
    Error,
    domain::{
        Identity,
        identity::{VISITOR, VisitorAccess},
    },
};

/// The callers who may use a chatbot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Audience {
    /// Anybody, without a token from an identity provider, and customers.
    Public,
    /// Customers who are logged in.
    #[default]
    Customers,
    /// Agents and admins, who try it as visitors.
    Staff,
}

impl Audience {
    /// The audience that a request asks for, by `audience` or by the older field `public`. `before`: the present one.
    pub fn requested(audience: Option<Self>, public: Option<bool>, before: Self) -> Result<Self, Error> {
        let requested = match (audience, public) {
            (Some(audience), _) => audience,
            (None, Some(true)) => Self::Public,
            // A chatbot for staff is not public already.
            (None, Some(false)) if before == Self::Public => Self::Customers,
            (None, _) => before,
        };
        if public.is_some_and(|public| public != (requested == Self::Public)) {
            return Err(Error::invalid("public", "contradicts `audience`, which is enough"));
        }
        Ok(requested)
    }
}

/// The fields of an audience, in the table and in the API: `public` is what there was before `audience`.
#[derive(Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(super) struct Fields {
    /// `public`: anybody, without an account; `customers`: customers who are logged in; `staff`: agents and admins.
    audience: Audience,
    /// True if `audience` is `public`.
    public: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
pub(super) fn serialize<S: Serializer>(audience: &Audience, serializer: S) -> Result<S::Ok, S::Error> {
    Fields { audience: *audience, public: *audience == Audience::Public }.serialize(serializer)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Audience, D::Error> {
    /// The same as stored, by whichever version.
    #[derive(Deserialize)]
    struct Stored {
        audience: Option<Audience>,
        #[serde(default)]
        public: bool,
    }
    let Stored { audience, public } = Stored::deserialize(deserializer)?;
    Ok(audience.unwrap_or(if public { Audience::Public } else { Audience::Customers }))
}

/// The settings that decide if a caller may use a chatbot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChatbotAccess {
    pub audience: Audience,
    /// See [`Chatbot::access_version`].
    pub version: u64,
}

impl ChatbotAccess {
    /// True if the visitor's token was given after a later change.
    pub fn is_before(self, identity: &Identity) -> bool {
        matches!(identity.access, Some(VisitorAccess::Version(version)) if version > self.version)
    }

    /// Checks that the caller may use the chatbot in a thread. A visitor whose token is from before a change of
    /// audience or origins is [`Error::Unauthenticated`], so that their page asks for a new one.
    pub fn admits(self, identity: &Identity) -> Result<(), Error> {
        if identity.is_staff() || identity.access == Some(VisitorAccess::Trial) {
            return Ok(());
        }
        if !identity.is_visitor() {
            return match self.audience {
                Audience::Public | Audience::Customers => Ok(()),
                Audience::Staff => Err(Error::Forbidden("this chatbot is for staff only")),
            };
        }
        let is_current = match identity.access {
            Some(VisitorAccess::Version(version)) => version == self.version,
            // From before there were versions: for a day after the upgrade at most.
            _ => true,
        };
        if is_current && self.audience == Audience::Public {
            return Ok(());
        }
        Err(Error::Unauthenticated("the chatbot's visitors need a new token: its audience or its origins have changed"))
    }
}

impl Chatbot {
    pub fn access(&self) -> ChatbotAccess {
        ChatbotAccess { audience: self.config.audience, version: self.access_version }
    }

    /// Checks that the caller may use it in a thread.
    pub fn admits(&self, identity: &Identity) -> Result<(), Error> {
        self.access().admits(identity)
    }

    /// True if it answers this customer. One for staff answers whoever tries it, as a visitor.
    pub fn answers(&self, customer_id: &str) -> bool {
        self.config.audience != Audience::Staff || customer_id.starts_with(VISITOR)
    }
}
