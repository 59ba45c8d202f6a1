//! The wire of a response: server-sent events, or one JSON body.

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
    Call, Failure, Incomplete, Usage,
    transport::{Cut, chunks},
};

/// One event, by its `type`. Those that a chat has no use for are [`Frame::Other`], `keepalive` and
/// those not invented yet included.
#[derive(Debug, Deserialize)]
#[serde(tag = "type")]
pub(super) enum Frame {
    #[serde(rename = "response.created")]
    Created { response: Body },
    #[serde(rename = "response.output_text.delta")]
    Delta { delta: String, output_index: Option<u64> },
    #[serde(rename = "response.output_item.done")]
    ItemDone { item: Item },
    #[serde(rename = "response.completed")]
    Completed { response: Body },
    #[serde(rename = "response.incomplete")]
    Incomplete { response: Body },
    #[serde(rename = "response.failed")]
    Failed { response: Body },
    /// Flat or nested, as [`super::failure::Complaint`] reads it.
    #[serde(rename = "error")]
    Error(Value),
    #[serde(other)]
    Other,
}

/// A response object.
#[derive(Debug, Deserialize)]
pub(super) struct Body {
    #[serde(default)]
    pub(super) id: String,
    status: Option<String>,
    pub(super) output: Option<Vec<Item>>,
    pub(super) error: Option<Value>,
    pub(super) incomplete_details: Option<Details>,
    pub(super) usage: Option<Tokens>,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "type")]
pub(super) enum Item {
    #[serde(rename = "message")]
    Message { content: Option<Vec<Part>> },
    #[serde(rename = "function_call")]
    Call(Call),
    #[serde(other)]
    Other,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "type")]
pub(super) enum Part {
    #[serde(rename = "output_text")]
    Text { text: String },
    #[serde(rename = "refusal")]
    Refusal { refusal: String },
    #[serde(other)]
    Other,
}

#[derive(Debug, Deserialize)]
pub(super) struct Details {
    reason: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Tokens {
    #[serde(rename = "input_tokens", default)]
    input: u64,
    #[serde(rename = "input_tokens_details")]
    of_input: Option<InputTokens>,
    #[serde(rename = "output_tokens", default)]
    output: u64,
    #[serde(rename = "total_tokens", default)]
    total: u64,
}

#[derive(Debug, Deserialize)]
struct InputTokens {
    #[serde(default)]
    cached_tokens: u64,
}

pub(super) type Frames = BoxStream<'static, Result<Frame, Failure>>;

/// The events of a stream. Its end, a cut and silence alike end it without a last event.
pub(super) fn streamed(answer: Response, idle: Duration) -> Frames {
    // The comment in front takes a byte order mark's place: the parser would panic on one in the
    // stream's first bytes.
    let bytes =
        stream::once(future::ready(Ok(":\n".into()))).chain(chunks(answer, idle).map_ok(events_of).try_flatten());
    let events = bytes.eventsource().map_err(|error| interrupted(&error));
    events.try_filter_map(|event| future::ready(Ok(Frame::parse(&event.event, &event.data)))).fuse().boxed()
}

/// What came at once, cut after each event: the parser copies all that it has not read yet with every event that it finds.
fn events_of(chunk: Bytes) -> impl Stream<Item = Result<Bytes, Cut>> {
    let mut left = chunk;
    stream::iter(std::iter::from_fn(move || {
        let end = left.windows(2).position(|two| two == b"\n\n").map_or(left.len(), |at| at + 2);
        (end > 0).then(|| Ok(left.split_to(end)))
    }))
}

/// Says which kind of cut it was. Other errors quote the stream, so they are not said.
fn interrupted(error: &EventStreamError<Cut>) -> Failure {
    if let EventStreamError::Transport(cut) = error {
        warn!(?cut, "a response's stream was cut");
    }
    Failure::Interrupted { code: None }
}

/// The same events for a response that came in one piece.
pub(super) fn whole(json: &[u8]) -> Result<Frames, Failure> {
    let value: Value = serde_json::from_slice(json).map_err(|_| Failure::Interrupted { code: None })?;
    let body = || Body::deserialize(&value).map_err(|_| Failure::Interrupted { code: None });
    let response = body()?;
    let end = match response.status.as_deref() {
        Some("completed") | None if response.error.is_none() => Frame::Completed { response },
        Some("incomplete") => Frame::Incomplete { response },
        _ => Frame::Failed { response },
    };
    Ok(stream::iter([Ok(Frame::Created { response: body()? }), Ok(end)]).fuse().boxed())
}

/// Events that say what others say too, or what a chat has no use for: half of a short answer. Not read at all.
const PASSED_OVER: [&str; 6] = [
    "response.in_progress",
    "response.output_item.added",
    "response.content_part.added",
    "response.output_text.done",
    "response.content_part.done",
    "keepalive",
];

impl Frame {
    /// `None` for what cannot be read: a stream whose last event is among that ends as interrupted.
    fn parse(name: &str, data: &str) -> Option<Self> {
        if PASSED_OVER.contains(&name) {
            return None;
        }
        if let Ok(frame) = serde_json::from_str(data) {
            return Some(frame);
        }
        let untyped: Option<Value> = serde_json::from_str(data).ok();
        let error = untyped.filter(|value| name == "error" || value.get("error").is_some_and(|error| !error.is_null()));
        if error.is_none() {
            debug!(name, bytes = data.len(), "passed over an event that could not be read");
        }
        error.map(Self::Error)
    }
}

impl Details {
    pub(super) fn why(&self) -> Incomplete {
        match self.reason.as_deref() {
            Some("max_output_tokens") => Incomplete::MaxOutputTokens,
            Some("content_filter") => Incomplete::ContentFilter,
            _ => Incomplete::Other,
        }
    }
}

impl From<Tokens> for Usage {
    fn from(tokens: Tokens) -> Self {
        Self {
            input: tokens.input,
            cached: tokens.of_input.map_or(0, |of_input| of_input.cached_tokens),
            output: tokens.output,
            total: tokens.total,
        }
    }
}
