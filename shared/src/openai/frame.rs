//! The frames of a response: server-sent events, or one JSON body.

use std::time::Duration;

use bytes::Bytes;
use eventsource_stream::{EventStreamError, Eventsource};
use futures::{
    Stream, StreamExt, TryStreamExt, future,
    stream::{self, BoxStream},
};
use reqwest::Response;
use serde::Deserialize;
use serde_json::Value;
use tracing::{debug, warn};

use super::{
    failure::Failure,
    outcome::{Call, Incomplete},
    transport::{BodyError, chunks},
};
use crate::domain::Usage;

/// One event, by its `type`. Events that a chat does not need are [`Frame::Other`], including `keepalive` and types
/// that do not exist yet.
#[derive(Debug, Deserialize)]
#[serde(tag = "type")]
pub(super) enum Frame {
    #[serde(rename = "response.created")]
    Created { response: ResponseObject },
    #[serde(rename = "response.output_text.delta")]
    Delta { delta: String, output_index: Option<u64> },
    #[serde(rename = "response.output_item.done")]
    ItemDone { item: OutputItem },
    #[serde(rename = "response.completed")]
    Completed { response: ResponseObject },
    #[serde(rename = "response.incomplete")]
    Incomplete { response: ResponseObject },
    #[serde(rename = "response.failed")]
    Failed { response: ResponseObject },
    /// Flat or nested; [`super::failure::ErrorBody`] accepts both.
    #[serde(rename = "error")]
    Error(Value),
    #[serde(other)]
    Other,
}

/// A response object.
#[derive(Debug, Deserialize)]
pub(super) struct ResponseObject {
    #[serde(default)]
    pub(super) id: String,
    status: Option<String>,
    pub(super) output: Option<Vec<OutputItem>>,
    pub(super) error: Option<Value>,
    pub(super) incomplete_details: Option<IncompleteDetails>,
    pub(super) usage: Option<UsageObject>,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "type")]
pub(super) enum OutputItem {
    #[serde(rename = "message")]
    Message { content: Option<Vec<ContentPart>> },
    #[serde(rename = "function_call")]
    Call(Call),
    #[serde(other)]
    Other,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "type")]
pub(super) enum ContentPart {
    #[serde(rename = "output_text")]
    Text { text: String },
    #[serde(rename = "refusal")]
    Refusal { refusal: String },
    #[serde(other)]
    Other,
}

#[derive(Debug, Deserialize)]
pub(super) struct IncompleteDetails {
    reason: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct UsageObject {
    #[serde(rename = "input_tokens", default)]
    input: u64,
    #[serde(rename = "input_tokens_details")]
    input_details: Option<InputDetails>,
    #[serde(rename = "output_tokens", default)]
    output: u64,
}

#[derive(Debug, Deserialize)]
struct InputDetails {
    #[serde(default)]
    cached_tokens: u64,
}

pub(super) type Frames = BoxStream<'static, Result<Frame, Failure>>;

/// The events of a stream. After an end, a lost connection or silence alike, it ends without a last event.
pub(super) fn streamed(response: Response, idle: Duration) -> Frames {
    // The comment at the start stands where a byte order mark could: the parser would panic on one in the stream's
    // first bytes.
    let bytes =
        stream::once(future::ready(Ok(":\n".into()))).chain(chunks(response, idle).map_ok(split_events).try_flatten());
    let events = bytes.eventsource().map_err(|error| interrupted(&error));
    events.try_filter_map(|event| future::ready(Ok(Frame::parse(&event.event, &event.data)))).fuse().boxed()
}

/// Splits a chunk after each event. With every event it finds, the parser copies all that it has not parsed yet.
fn split_events(chunk: Bytes) -> impl Stream<Item = Result<Bytes, BodyError>> {
    let mut rest = chunk;
    stream::iter(std::iter::from_fn(move || {
        let end = rest.windows(2).position(|two| two == b"\n\n").map_or(rest.len(), |at| at + 2);
        (end > 0).then(|| Ok(rest.split_to(end)))
    }))
}

/// Logs the cause if the body ended early. Other errors are not logged, since they quote the stream.
fn interrupted(error: &EventStreamError<BodyError>) -> Failure {
    if let EventStreamError::Transport(cause) = error {
        warn!(?cause, "an OpenAI response ended early");
    }
    Failure::Interrupted { code: None }
}

/// The same events for a response that arrived as one JSON body.
pub(super) fn whole(json: &[u8]) -> Result<Frames, Failure> {
    let value: Value = serde_json::from_slice(json).map_err(|_| Failure::Interrupted { code: None })?;
    let object = || ResponseObject::deserialize(&value).map_err(|_| Failure::Interrupted { code: None });
    let response = object()?;
    let end = match response.status.as_deref() {
        Some("completed") | None if response.error.is_none() => Frame::Completed { response },
        Some("incomplete") => Frame::Incomplete { response },
        _ => Frame::Failed { response },
    };
    Ok(stream::iter([Ok(Frame::Created { response: object()? }), Ok(end)]).fuse().boxed())
}

/// Events that are skipped unparsed, because they repeat others or are of no use to a chat. They make up half of a
/// short response.
const SKIPPED_EVENTS: [&str; 6] = [
    "response.in_progress",
    "response.output_item.added",
    "response.content_part.added",
    "response.output_text.done",
    "response.content_part.done",
    "keepalive",
];

impl Frame {
    /// Parses an event. `None` if it is skipped or cannot be parsed; if that was the last event, the stream counts as
    /// interrupted.
    fn parse(name: &str, data: &str) -> Option<Self> {
        if SKIPPED_EVENTS.contains(&name) {
            return None;
        }
        if let Ok(frame) = serde_json::from_str(data) {
            return Some(frame);
        }
        let untyped: Option<Value> = serde_json::from_str(data).ok();
        let error = untyped.filter(|value| name == "error" || value.get("error").is_some_and(|error| !error.is_null()));
        if error.is_none() {
            debug!(name, bytes = data.len(), "skipped an OpenAI event that could not be parsed");
        }
        error.map(Self::Error)
    }
}

impl IncompleteDetails {
    pub(super) fn incomplete(&self) -> Incomplete {
        match self.reason.as_deref() {
            Some("max_output_tokens") => Incomplete::MaxOutputTokens,
            Some("content_filter") => Incomplete::ContentFilter,
            _ => Incomplete::Other,
        }
    }
}

impl From<UsageObject> for Usage {
    fn from(usage: UsageObject) -> Self {
        Self {
            input: usage.input,
            cached: usage.input_details.map_or(0, |details| details.cached_tokens),
            output: usage.output,
            reasoning: 0,
        }
    }
}
