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
    domain::{Identity, Message, ThreadId, message::Cut},
    http,
    sockets::Event,
};

use crate::{follow::is_heard, stream::on_one_line, submission::ChatRequest};

/// The SDK's request. Other fields are ignored, on this route alone: front ends send `tools`, `system`, `callSettings` and
/// whatever an application puts into `body`.
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
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct UiMessage {
    id: String,
    role: String,
    parts: Vec<Part>,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
    /// The cut of the last reply.
    cut: Option<Cut>,
    /// The caller, whose own message is not the assistant's.
    caller: Option<Identity>,
}

impl AiSdkStream {
    /// The stream of this caller.
    pub(crate) fn new(caller: &Identity) -> Self {
        Self { caller: Some(caller.clone()), ..Self::default() }
    }

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
            Event::MessageCreated { message, .. } if self.hears(message) => self.conclude(message, &mut chunks),
            Event::MessageDiscarded { reason, .. } => self.discard(reason, &mut chunks),
            Event::MessageProgress { text, .. } => {
                // Transient: the SDK hands it to `onData` and keeps it out of the message.
                chunks.push(json!({ "type": "data-progress", "data": { "text": text }, "transient": true }));
            }
            Event::ThreadUpdated { thread, .. } => chunks.push(json!({ "type": "data-thread", "data": thread })),
            Event::Error { detail, .. } => chunks.push(json!({ "type": "error", "errorText": detail })),
            Event::Done { .. } => chunks.push(json!({ "type": "finish", "finishReason": self.finish_reason() })),
            _ => {}
        }
        let data = |chunk: &Value| format!("data: {}\n\n", on_one_line(chunk.to_string()));
        let mut text: String = chunks.iter().map(data).collect();
        if matches!(event, Event::Done { .. } | Event::Error { .. }) {
            text += "data: [DONE]\n\n";
        }
        text
    }

    fn hears(&self, message: &Message) -> bool {
        self.caller.as_ref().is_none_or(|caller| is_heard(caller, message))
    }

    fn part(&self) -> String {
        format!("text-{}", self.part_count)
    }

    fn finish_reason(&self) -> &'static str {
        match self.cut {
            None => "stop",
            Some(Cut::Length) => "length",
            Some(Cut::Filter) => "content-filter",
        }
    }

    /// Writes text into the open part, or begins one with it. An empty text begins none.
    fn write_text(&mut self, text: &str, chunks: &mut Vec<Value>) {
        if text.is_empty() {
            return;
        }
        if self.open.is_none() {
            self.part_count += 1;
            chunks.push(json!({ "type": "text-start", "id": self.part() }));
        }
        self.open.get_or_insert_default().push_str(text);
        chunks.push(json!({ "type": "text-delta", "id": self.part(), "delta": text }));
    }

    /// Ends the open part; returns false if there is none.
    fn end_text(&mut self, chunks: &mut Vec<Value>) -> bool {
        let is_open = self.open.take().is_some();
        if is_open {
            chunks.push(json!({ "type": "text-end", "id": self.part() }));
        }
        is_open
    }

    /// Makes the open part void. The SDK cannot withdraw text: it stays, followed by a part that says that it is void.
    fn discard(&mut self, reason: &str, chunks: &mut Vec<Value>) {
        if self.end_text(chunks) {
            chunks.push(json!({ "type": "data-discarded", "data": { "part": self.part(), "reason": reason } }));
        }
    }

    /// Completes the message with the reply as it was logged: the rest of its text, its sources, and its ids as
    /// metadata.
    fn conclude(&mut self, reply: &Message, chunks: &mut Vec<Value>) {
        let written = self.open.clone().unwrap_or_default();
        if let Some(rest) = reply.text.strip_prefix(&written) {
            self.write_text(rest, chunks);
        } else {
            self.discard("the logged answer differs", chunks);
            self.write_text(&reply.text, chunks);
        }
        self.end_text(chunks);
        self.cut = reply.cut;
        for (at, source) in reply.sources.iter().enumerate() {
            // Chatbots' documents are plain text. An id names one source within the SDK's message.
            let id = format!("{}-{at}", reply.id);
            chunks.push(json!({
                "type": "source-document", "sourceId": id, "mediaType": "text/plain", "title": source.document,
            }));
        }
        let logged = json!({ "thread_id": reply.thread_id, "message_id": reply.id, "seq": reply.seq, "at": reply.at });
        chunks.push(json!({ "type": "message-metadata", "messageMetadata": logged }));
    }
}

#[cfg(test)]
mod tests {
    use shared::domain::{RunId, message::Source};

    use super::*;

    const THREAD: &str = "thr_01JD0000000000000000000000";
    const RUN: &str = "run_01JD0000000000000000000000";

    fn delta(index: usize, text: &str) -> Event {
        let (thread_id, run_id) = (THREAD.parse().unwrap(), RUN.parse().unwrap());
        Event::MessageDelta { thread_id, run_id, index, text: text.to_owned() }
    }

    fn progress(text: &str) -> Event {
        let (thread_id, run_id): (ThreadId, RunId) = (THREAD.parse().unwrap(), RUN.parse().unwrap());
        Event::MessageProgress { thread_id, run_id, text: text.to_owned() }
    }

    fn discarded() -> Event {
        let (thread_id, run_id) = (THREAD.parse().unwrap(), RUN.parse().unwrap());
        Event::MessageDiscarded { thread_id, run_id, reason: "the model is asked again", draft: None }
    }

    /// The reply, whose text was cut in this way.
    fn reply(text: &str, cut: Option<Cut>) -> Event {
        let mut message: Message = serde_json::from_value(json!({
            "id": "msg_01JD0000000000000000000000", "thread_id": THREAD, "seq": 2, "role": "bot",
            "author": { "id": "bot_01JD0000000000000000000000" }, "text": text, "at": "2026-01-02T03:04:05.000Z",
        }))
        .unwrap();
        message.cut = cut;
        message.sources = vec![Source { document: "hours.md".to_owned() }];
        Event::message(&message)
    }

    fn done() -> Event {
        Event::Done { thread_id: THREAD.parse().unwrap(), joined: false }
    }

    /// The chunks of these events, in short: the type, and the text or id that tells it apart.
    fn chunks(events: &[Event]) -> Vec<String> {
        let mut stream = AiSdkStream::default();
        let written: String = events.iter().map(|event| stream.write(event)).collect();
        let data = written.split("\n\n").filter_map(|event| event.strip_prefix("data: ")).filter(|it| *it != "[DONE]");
        let short = |chunk: &str| {
            let chunk: Value = serde_json::from_str(chunk).unwrap();
            let rest = ["delta", "title", "finishReason"].iter().find_map(|name| chunk[name].as_str());
            let rest = rest.or(chunk["data"]["text"].as_str()).or(chunk["data"]["reason"].as_str());
            format!("{} {}", chunk["type"].as_str().unwrap(), rest.unwrap_or_default()).trim_end().to_owned()
        };
        data.map(short).collect()
    }

    #[test]
    fn progress_is_transient() {
        let chunk = AiSdkStream { started: true, ..AiSdkStream::default() }.write(&progress("Looking"));
        let chunk: Value = serde_json::from_str(chunk.trim().strip_prefix("data: ").unwrap()).unwrap();
        assert_eq!(chunk, json!({ "type": "data-progress", "data": { "text": "Looking" }, "transient": true }));
    }

    #[test]
    fn words_that_became_progress_are_void_and_an_empty_delta_begins_no_part() {
        let events =
            [delta(0, "Let me look."), delta(0, ""), progress("Let me look."), delta(0, ""), delta(0, "At 9.")];
        assert_eq!(
            chunks(&[&events[..], &[reply("At 9.", None), done()]].concat()),
            [
                "start",
                "text-start",
                "text-delta Let me look.",
                "text-end",
                "data-discarded the answer was started again",
                "data-progress Let me look.",
                "text-start",
                "text-delta At 9.",
                "text-end",
                "source-document hours.md",
                "message-metadata",
                "finish stop",
            ]
        );
    }

    #[test]
    fn a_second_try_after_a_discarded_one_has_a_part_of_its_own() {
        let events = [delta(0, "We o"), discarded(), delta(0, "At 9."), reply("At 9.", Some(Cut::Filter)), done()];
        assert_eq!(
            chunks(&events),
            [
                "start",
                "text-start",
                "text-delta We o",
                "text-end",
                "data-discarded the model is asked again",
                "text-start",
                "text-delta At 9.",
                "text-end",
                "source-document hours.md",
                "message-metadata",
                "finish content-filter",
            ]
        );
    }
}
