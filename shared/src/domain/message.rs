//! The messages of a thread, and the notes beside them.

use serde::{Deserialize, Serialize};

use super::{At, Line, MessageId, Person, Reason, ThreadId, Usage};

/// The maximum length of a message, in characters.
pub const MAX_TEXT_CHARS: usize = 32_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "MessageRole"))]
pub enum Role {
    Customer,
    Bot,
    Agent,
    /// A change of owner, described by `event`.
    System,
}

/// An entry of the log. This is also its wire format.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Message {
    pub id: MessageId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    pub thread_id: ThreadId,
    /// The place in the log: 1, 2, 3 … without gaps.
    pub seq: u64,
    pub role: Role,
    pub author: Person,
    pub text: String,
    pub at: At,
    /// The customer's messages that a bot's message answers. A greeting answers none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answers: Option<Answers>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<Change>,
    /// The reason that a bot's text stops short.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut: Option<Cut>,
    /// The documents that a bot's text cites, each once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<Source>,
    /// The tokens that a bot's message took. Stored in the table; only `GET /threads/{thread_id}/messages` shows it, to
    /// staff.
    #[serde(skip)]
    pub usage: Option<Usage>,
    /// The OpenAI objects it came from. Stored in the table, never sent.
    #[serde(skip)]
    pub origin: Option<Origin>,
}

/// A range of the log, both ends included, whose customer messages are answered. Other messages may be in it too.
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

/// The reason that a bot's text stops short.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Cut {
    /// The limit of tokens, the chatbot's or the model's own.
    Length,
    /// The content filter.
    Filter,
}

/// A document that a bot's message cites.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Source {
    /// The document's name.
    pub document: String,
}

/// The OpenAI objects behind a bot's message, and what the model said beside it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation_id: Option<String>,
    /// The response, kept so that it can be deleted there later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_id: Option<String>,
    /// The model's words before its tools and before the answer, which are no part of the reply.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub commentary: Vec<String>,
    /// The server told commentary and answer apart (`phase`), and expects both back when the message is replayed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_phased: bool,
}

/// A change of owner, as the log records it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Change {
    Escalated {
        reason: Reason,
        /// A comment by the person or the bot that escalated the thread.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        comment: Option<String>,
    },
    Claimed {
        agent: Person,
    },
    Released {
        to: Line,
    },
    /// The queue or the agent timed out.
    TimedOut {
        to: Line,
    },
    Ended,
}

impl Change {
    /// The status that the thread has after it.
    pub const fn status_word(&self) -> &'static str {
        match self {
            Self::Escalated { .. } | Self::Released { to: Line::Queue } | Self::TimedOut { to: Line::Queue } => {
                "queued"
            }
            Self::Claimed { .. } => "agent",
            Self::Released { to: Line::Bot } | Self::TimedOut { to: Line::Bot } => "bot",
            Self::Ended => "ended",
        }
    }
}

/// An internal note, for agents and admins only. It is not part of the log, so a customer's `seq` has no gaps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Note {
    pub id: MessageId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    pub thread_id: ThreadId,
    /// The `seq` of the message that it follows; 0 if it precedes the first one.
    pub after: u64,
    pub author: Person,
    pub text: String,
    pub at: At,
}
