//! What is said in a thread, and the notes beside it.

use serde::{Deserialize, Serialize};

use super::{At, Line, MessageId, Person, Reason, ThreadId};

/// The most characters a message may have.
pub const TEXT_MAX: usize = 32_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "MessageRole"))]
pub enum Role {
    Customer,
    Bot,
    Agent,
    /// A change of owner; `event` says which.
    System,
}

/// One entry of the log. Its serialised form is the wire's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Message {
    pub id: MessageId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    pub thread_id: ThreadId,
    /// The place in the log: 1, 2, 3 … without a gap.
    pub seq: u64,
    pub role: Role,
    pub author: Person,
    pub text: String,
    pub at: At,
    /// On a bot's message: the customer's messages it answers. A greeting answers none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answers: Option<Answers>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<Change>,
    /// Where at OpenAI it was made: kept in the table, never on the wire.
    #[serde(skip)]
    pub origin: Option<Origin>,
}

/// All customer messages from `from` through `through`, both counted, are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Answers {
    pub from: u64,
    pub through: u64,
}

impl Answers {
    pub const fn cover(self, seq: u64) -> bool {
        self.from <= seq && seq <= self.through
    }
}

/// The OpenAI objects behind a bot's message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation_id: Option<String>,
    /// What has to be deleted there one day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_id: Option<String>,
}

/// A change of owner, as the log tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Change {
    Escalated {
        reason: Reason,
        /// What whoever asked for a person said of it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        comment: Option<String>,
    },
    Claimed {
        agent: Person,
    },
    Released {
        to: Line,
    },
    /// Whoever had the line did not do in time what it was given to them for.
    TimedOut {
        to: Line,
    },
    Ended,
}

/// An agent's remark for agents. Not in the log, so a customer's `seq` has no holes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Note {
    pub id: MessageId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    pub thread_id: ThreadId,
    /// The `seq` of the message it hangs behind; 0 before the first.
    pub after: u64,
    pub author: Person,
    pub text: String,
    pub at: At,
}
