//! The SDK's request.
//!
//! The SDK sends all the messages that it has. The log is ours, so only the last user message counts, and its id is the
//! `client_id`: a message that is sent again, or regenerated, gets the first answer. One that was edited keeps its id,
//! and is sent as a new message.

use lambda_http::Request;
use serde::Deserialize;
use shared::{
    Error,
    domain::{Identity, ThreadId},
    http,
};

use super::stream::AiSdkStream;
use crate::{stream::StreamFormat, submission::ChatRequest};

/// The SDK's request. Other fields are ignored, unlike on our own routes: front ends send `tools`, `system`,
/// `callSettings` and whatever an application puts into `body`.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "AiSdkRequest"))]
pub(crate) struct UiRequest {
    id: ThreadId,
    messages: Vec<UiMessage>,
    #[serde(rename = "trigger")]
    _trigger: Trigger,
    /// The message to regenerate; the log has one answer to each, so it gets that.
    #[serde(rename = "messageId")]
    _message_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
enum Trigger {
    SubmitMessage,
    RegenerateMessage,
}

/// A message of the SDK, without the fields that we do not use.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "AiSdkMessage"))]
struct UiMessage {
    id: String,
    role: String,
    parts: Vec<Part>,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "AiSdkPart"))]
struct Part {
    #[serde(rename = "type")]
    kind: String,
    text: Option<String>,
}

/// The thread's id and the message in the SDK's request, and the format of the response.
pub(crate) fn parse(request: &Request, caller: &Identity) -> Result<(ThreadId, ChatRequest, StreamFormat), Error> {
    let body: UiRequest = http::body(request)?;
    let last = body.messages.iter().enumerate().rfind(|(_, message)| message.role == "user");
    let Some((place, message)) = last else {
        return Err(Error::invalid("messages", "must contain a message of the role `user`"));
    };
    let mut text = String::new();
    for (at, part) in message.parts.iter().enumerate() {
        match (part.kind.as_str(), &part.text) {
            ("text", Some(more)) => text += more,
            ("step-start", _) => {}
            // Data of the application, for its own pages.
            (kind, _) if kind.starts_with("data-") => {}
            ("file", _) => {
                let reason = "must be a text part: files cannot be sent to a conversation yet";
                return Err(Error::invalid(format!("messages.{place}.parts.{at}"), reason));
            }
            _ => return Err(Error::invalid(format!("messages.{place}.parts.{at}"), "must be a text part")),
        }
    }
    let message = ChatRequest::new(text, message.id.clone());
    message.validate_as(&format!("messages.{place}.id"), &format!("messages.{place}.parts"))?;
    Ok((body.id, message, StreamFormat::AiSdk(AiSdkStream::new(caller).into())))
}
