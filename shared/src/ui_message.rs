//! Messages as the Vercel AI SDK's front ends hold them (`UIMessage`), in its streams and in lists.

use serde::Serialize;

use crate::domain::{
    At, Message, MessageId, ThreadId,
    message::{Role, Source},
};

/// A message of the log that somebody said.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UiMessage {
    /// The `client_id` of a customer's message that has one, else the message's id: only one side's are unique.
    pub id: String,
    pub role: UiRole,
    pub parts: Vec<UiPart>,
    pub metadata: UiMetadata,
}

/// The SDK's two sides: what the bot and agents say is the assistant's.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum UiRole {
    User,
    Assistant,
}

#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename_all = "kebab-case", rename_all_fields = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum UiPart {
    Text {
        text: String,
        state: UiTextState,
    },
    /// A document that a bot's message cites.
    SourceDocument {
        /// Names one source within all messages.
        source_id: String,
        media_type: &'static str,
        title: String,
    },
}

/// The state of a text: the log holds whole ones only.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum UiTextState {
    Done,
}

/// The facts about a message beyond the SDK's fields. While a message is being written, it lacks what only
/// the log decides.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UiMetadata {
    pub thread_id: ThreadId,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_id: Option<MessageId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<At>,
    /// `customer`, `bot` or `agent`; absent where nobody has said anything yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// The author's name, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The thread's `status`, which says who may speak. In streams alone: a list says nothing of the present.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<&'static str>,
}

impl UiMessage {
    /// The message; `None` for a change of owner, which nobody said.
    pub fn of(message: &Message) -> Option<Self> {
        let role = match message.role {
            Role::Customer => UiRole::User,
            Role::Bot | Role::Agent => UiRole::Assistant,
            Role::System => return None,
        };
        let client_id = message.client_id.clone().filter(|_| message.role == Role::Customer);
        let text = UiPart::Text { text: message.text.clone(), state: UiTextState::Done };
        Some(Self {
            id: client_id.unwrap_or_else(|| message.id.to_string()),
            role,
            parts: [text].into_iter().chain(UiPart::sources(message)).collect(),
            metadata: UiMetadata::of(message),
        })
    }
}

impl UiPart {
    /// The documents that the message cites, a part each.
    pub fn sources(message: &Message) -> impl Iterator<Item = Self> {
        message.sources.iter().enumerate().map(|(place, Source { document })| Self::SourceDocument {
            source_id: format!("{}-{place}", message.id),
            // Chatbots' documents are plain text.
            media_type: "text/plain",
            title: document.clone(),
        })
    }
}

impl UiMetadata {
    /// The metadata of a thread's next message.
    pub fn new(thread_id: ThreadId) -> Self {
        Self { thread_id, message_id: None, seq: None, at: None, role: None, name: None, owner: None }
    }

    /// The metadata of a message in the log.
    pub fn of(message: &Message) -> Self {
        Self {
            message_id: Some(message.id.clone()),
            seq: Some(message.seq),
            at: Some(message.at),
            role: Some(message.role),
            name: message.author.name.clone(),
            ..Self::new(message.thread_id.clone())
        }
    }
}
