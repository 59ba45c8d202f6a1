//! `POST /chat` and `GET /chat/{thread_id}/stream`: the same turn for the Vercel AI SDK, whose `DefaultChatTransport` sends
//! and hears this unchanged (`ai` 5 to 7; its UI message stream, version 1).
//!
//! The SDK sends all messages that it has; ours is the log, so the last of a user's counts, and its id is the `client_id`:
//! what is sent again, or asked to be generated anew, gets the first answer.

use lambda_http::Request;
use serde::Deserialize;
use serde_json::{Value, json};
use shared::{
    Error,
    domain::{Message, ThreadId, message::Role},
    http,
    sockets::Event,
};

use crate::said::ChatRequest;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ask {
    id: ThreadId,
    messages: Vec<UiMessage>,
    #[serde(rename = "trigger")]
    _trigger: Trigger,
    /// Which message is to be generated anew; the log has but one answer to each.
    #[serde(rename = "messageId")]
    _message_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Trigger {
    SubmitMessage,
    RegenerateMessage,
}

/// What the SDK keeps of a message besides is nothing to us.
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

/// What is said by the SDK's request, and in which thread.
pub(crate) fn said(request: &Request) -> Result<(ThreadId, ChatRequest), Error> {
    let ask: Ask = http::body(request)?;
    let last = ask.messages.iter().enumerate().rfind(|(_, message)| message.role == "user");
    let Some((place, message)) = last else { return Err(Error::invalid("messages", "has no user's message")) };
    let mut text = String::new();
    for (at, part) in message.parts.iter().enumerate() {
        match (part.kind.as_str(), &part.text) {
            ("text", Some(more)) => text += more,
            ("step-start", _) => {}
            _ => return Err(Error::invalid(format!("messages.{place}.parts.{at}"), "must be text")),
        }
    }
    let say = ChatRequest::new(text, message.id.clone());
    say.validate().map_err(|error| match error {
        Error::Invalid { field, reason } => {
            let field = if field == "client_id" { "id" } else { "parts" };
            Error::invalid(format!("messages.{place}.{field}"), reason)
        }
        other => other,
    })?;
    Ok((ask.id, say))
}

/// Tells a turn's events as the chunks of one assistant's message.
#[derive(Default)]
pub(crate) struct AiSdkStream {
    begun: bool,
    /// How many parts of text there have been.
    parts: usize,
    /// What has been said in the part that is open.
    open: Option<String>,
}

impl AiSdkStream {
    pub(crate) fn write(&mut self, event: &Event) -> String {
        let mut chunks = Vec::new();
        if !self.begun {
            self.begun = true;
            chunks.push(json!({ "type": "start" }));
        }
        match event {
            Event::MessageDelta { index, text, .. } => {
                if *index == 0 {
                    self.discard("begun anew", &mut chunks);
                }
                self.say(text, &mut chunks);
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
        format!("text-{}", self.parts)
    }

    fn say(&mut self, text: &str, chunks: &mut Vec<Value>) {
        if self.open.is_none() {
            self.parts += 1;
            chunks.push(json!({ "type": "text-start", "id": self.part() }));
        }
        self.open.get_or_insert_default().push_str(text);
        if !text.is_empty() {
            chunks.push(json!({ "type": "text-delta", "id": self.part(), "delta": text }));
        }
    }

    /// The SDK cannot take a word back: what was said stays, with a part behind it that says that it is void.
    fn discard(&mut self, reason: &str, chunks: &mut Vec<Value>) {
        if self.open.take().is_some() {
            chunks.push(json!({ "type": "text-end", "id": self.part() }));
            chunks.push(json!({ "type": "data-discarded", "data": { "part": self.part(), "reason": reason } }));
        }
    }

    /// The reply as it was logged: what is still missing of it, and what it is in the log.
    fn conclude(&mut self, reply: &Message, chunks: &mut Vec<Value>) {
        let said = self.open.clone().unwrap_or_default();
        if let Some(rest) = reply.text.strip_prefix(&said) {
            self.say(rest, chunks);
        } else {
            self.discard("said otherwise", chunks);
            self.say(&reply.text, chunks);
        }
        self.open = None;
        chunks.push(json!({ "type": "text-end", "id": self.part() }));
        let logged = json!({ "thread_id": reply.thread_id, "message_id": reply.id, "seq": reply.seq, "at": reply.at });
        chunks.push(json!({ "type": "message-metadata", "messageMetadata": logged }));
    }
}
