//! `POST /chat` and `GET /chat/{thread_id}/stream`: the protocol of the Vercel AI SDK. Its `DefaultChatTransport` works
//! unchanged (`ai` 5 to 7; its UI message stream, version 1).
//!
//! The SDK sends all the messages that it has. The log is ours, so only the last user message counts, and its id is the
//! `client_id`: a message that is sent again, or regenerated, gets the first answer.

use lambda_http::Request;
use serde::Deserialize;
use serde_json::{Value, json};
use shared::{
    Error,
    domain::{Message, ThreadId, message::Role},
    http,
    sockets::Event,
};

use crate::submission::ChatRequest;

/// The SDK's request.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UiRequest {
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
enum Trigger {
    SubmitMessage,
    RegenerateMessage,
}

/// A message of the SDK, without the fields that we do not use.
#[derive(Deserialize)]
struct UiMessage {
    id: String,
    role: String,
    parts: Vec<Part>,
}

#[derive(Deserialize)]
struct Part {
    #[serde(rename = "type")]
    kind: String,
    text: Option<String>,
}

/// The thread's id and the message in the SDK's request.
pub(crate) fn parse(request: &Request) -> Result<(ThreadId, ChatRequest), Error> {
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
            _ => return Err(Error::invalid(format!("messages.{place}.parts.{at}"), "must be a text part")),
        }
    }
    let message = ChatRequest::new(text, message.id.clone());
    message.validate().map_err(|error| match error {
        Error::Invalid { field, reason } => {
            let field = if field == "client_id" { "id" } else { "parts" };
            Error::invalid(format!("messages.{place}.{field}"), reason)
        }
        other => other,
    })?;
    Ok((body.id, message))
}

/// Writes a turn's events as the chunks of one assistant message.
#[derive(Default)]
pub(crate) struct AiSdkStream {
    started: bool,
    /// The number of text parts so far.
    part_count: usize,
    /// The text of the part that is open.
    open: Option<String>,
}

impl AiSdkStream {
    pub(crate) fn write(&mut self, event: &Event) -> String {
        let mut chunks = Vec::new();
        if !self.started {
            self.started = true;
            chunks.push(json!({ "type": "start" }));
        }
        match event {
            Event::MessageDelta { index, text, .. } => {
                if *index == 0 {
                    self.discard("the answer was started again", &mut chunks);
                }
                self.write_text(text, &mut chunks);
            }
            Event::MessageCreated { message, .. } if message.role == Role::Bot => self.conclude(message, &mut chunks),
            Event::MessageDiscarded { reason, .. } => self.discard(reason, &mut chunks),
            Event::ThreadUpdated { thread, .. } => chunks.push(json!({ "type": "data-thread", "data": thread })),
            Event::Error { detail, .. } => chunks.push(json!({ "type": "error", "errorText": detail })),
            Event::Done { .. } => chunks.push(json!({ "type": "finish", "finishReason": "stop" })),
            _ => {}
        }
        let mut text = chunks.iter().fold(String::new(), |text, chunk| text + &format!("data: {chunk}\n\n"));
        if matches!(event, Event::Done { .. } | Event::Error { .. }) {
            text += "data: [DONE]\n\n";
        }
        text
    }

    fn part(&self) -> String {
        format!("text-{}", self.part_count)
    }

    fn write_text(&mut self, text: &str, chunks: &mut Vec<Value>) {
        if self.open.is_none() {
            self.part_count += 1;
            chunks.push(json!({ "type": "text-start", "id": self.part() }));
        }
        self.open.get_or_insert_default().push_str(text);
        if !text.is_empty() {
            chunks.push(json!({ "type": "text-delta", "id": self.part(), "delta": text }));
        }
    }

    /// Makes the open part void. The SDK cannot withdraw text: it stays, followed by a part that says that it is void.
    fn discard(&mut self, reason: &str, chunks: &mut Vec<Value>) {
        if self.open.take().is_some() {
            chunks.push(json!({ "type": "text-end", "id": self.part() }));
            chunks.push(json!({ "type": "data-discarded", "data": { "part": self.part(), "reason": reason } }));
        }
    }

    /// Completes the message with the reply as it was logged: the rest of its text, and its ids as metadata.
    fn conclude(&mut self, reply: &Message, chunks: &mut Vec<Value>) {
        let written = self.open.clone().unwrap_or_default();
        if let Some(rest) = reply.text.strip_prefix(&written) {
            self.write_text(rest, chunks);
        } else {
            self.discard("the logged answer differs", chunks);
            self.write_text(&reply.text, chunks);
        }
        self.open = None;
        chunks.push(json!({ "type": "text-end", "id": self.part() }));
        let logged = json!({ "thread_id": reply.thread_id, "message_id": reply.id, "seq": reply.seq, "at": reply.at });
        chunks.push(json!({ "type": "message-metadata", "messageMetadata": logged }));
    }
}
