//! AG-UI's request, `RunAgentInput`.
//!
//! Clients send all the messages that they have. The log is ours, so only the last user message counts, and its id is
//! the `client_id`.

use lambda_http::Request;
use serde::Deserialize;
use serde_json::Value;
use shared::{
    Error,
    domain::{Identity, ThreadId},
    http,
};

use super::stream::AgUiStream;
use crate::{stream::StreamFormat, submission::ChatRequest};

/// The request. Other fields are ignored: the chatbot decides on tools, state and context, and an answer to an
/// interrupt says nothing that the messages do not.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct RunAgentInput {
    thread_id: ThreadId,
    /// The client's name for the run.
    run_id: String,
    messages: Vec<AgUiMessage>,
}

/// A message, without the fields that we do not use.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct AgUiMessage {
    id: String,
    role: String,
    /// Of a user: a text, or a list of parts. Of others anything.
    #[serde(default)]
    content: Value,
}

/// The thread's id and the message in the request, and the format of the response.
pub(crate) fn parse(request: &Request, caller: &Identity) -> Result<(ThreadId, ChatRequest, StreamFormat), Error> {
    let body: RunAgentInput = http::body(request)?;
    let last = body.messages.iter().enumerate().rfind(|(_, message)| message.role == "user");
    let Some((place, AgUiMessage { id, content, .. })) = last else {
        return Err(Error::invalid("messages", "must contain a message of the role `user`"));
    };
    let at = format!("messages.{place}");
    let message = ChatRequest::new(text(content, &format!("{at}.content"))?, id.clone());
    message.validate_as(&format!("{at}.id"), &format!("{at}.content"))?;
    let format = AgUiStream::new(caller, body.thread_id.clone(), body.run_id);
    Ok((body.thread_id, message, StreamFormat::AgUi(format.into())))
}

/// The text of a user's content.
fn text(content: &Value, field: &str) -> Result<String, Error> {
    let parts = match content {
        Value::String(text) => return Ok(text.clone()),
        Value::Array(parts) => parts,
        _ => return Err(Error::invalid(field, "must be a text or a list of text parts")),
    };
    let text = |(place, part): (usize, &Value)| match (part["type"].as_str(), part["text"].as_str()) {
        (Some("text"), Some(text)) => Ok(text.to_owned()),
        (Some("image" | "audio" | "video" | "document" | "binary"), _) => {
            let reason = "must be a text part: files cannot be sent to a conversation yet";
            Err(Error::invalid(format!("{field}.{place}"), reason))
        }
        _ => Err(Error::invalid(format!("{field}.{place}"), "must be a text part")),
    };
    parts.iter().enumerate().map(text).collect()
}
