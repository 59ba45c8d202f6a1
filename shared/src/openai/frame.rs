//! A frame of a response: an event of its stream, or what one JSON body says.

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use tracing::debug;

use super::{
    failure::{ErrorBody, Failure},
    limits::MAX_ID_BYTES,
    outcome::Incomplete,
    output_item::{Phase, cited_file},
};

/// One event of a response. `index` is the place of its item in the output, where the server says it.
#[derive(Debug)]
pub(super) enum Frame {
    Created {
        response_id: String,
    },
    /// An item began of which the phase is known.
    ItemAdded {
        index: Option<u64>,
        phase: Phase,
    },
    Delta {
        index: Option<u64>,
        text: String,
    },
    /// A text is complete. The event is not parsed, since the end of its item mostly repeats it.
    TextDone(String),
    Cited {
        index: Option<u64>,
        file: String,
    },
    ItemDone {
        index: Option<u64>,
        item: Value,
    },
    /// The response ended by itself: `response.completed`, `.incomplete`, `.done`, or a JSON body.
    Ended(Box<ResponseObject>),
    /// The response failed.
    Failed(ErrorBody),
    /// `[DONE]`.
    Done,
}

/// A response object. Its fields are whatever the server sent.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ResponseObject {
    pub(super) id: Value,
    pub(super) output: Value,
    /// All text at once, from a server that sends no output.
    pub(super) output_text: Value,
    pub(super) usage: Value,
    status: Value,
    error: Value,
    incomplete_details: Value,
}

#[derive(Deserialize)]
#[serde(default)]
struct Envelope<T> {
    response: Option<T>,
}

impl<T> Default for Envelope<T> {
    fn default() -> Self {
        Self { response: None }
    }
}

/// The id of a response, without the rest of it.
#[derive(Default, Deserialize)]
#[serde(default)]
struct ResponseId {
    id: Value,
}

/// The fields of the smaller events.
#[derive(Default, Deserialize)]
#[serde(default)]
struct EventFields {
    #[serde(rename = "type")]
    kind: Value,
    output_index: Value,
    delta: Value,
}

/// A text that is complete.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct TextDone {
    output_index: Value,
    text: Value,
    refusal: Value,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ItemAdded {
    output_index: Value,
    item: AddedItem,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct AddedItem {
    phase: Value,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ItemDone {
    output_index: Value,
    item: Value,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Annotated {
    output_index: Value,
    annotation: Value,
}

/// The frames of a response that arrived as one JSON body.
pub(super) fn whole(body: &[u8]) -> Result<Vec<Frame>, Failure> {
    // A character that is cut in two costs no answer.
    let json = &String::from_utf8_lossy(body);
    let response = parse::<Envelope<ResponseObject>>(json)
        .and_then(|envelope| envelope.response)
        .or_else(|| parse(json))
        .ok_or(Failure::Interrupted { code: None })?;
    let begun = usable_id(&response.id).map(|id| Frame::Created { response_id: id.to_owned() });
    let has_output = !(response.output.is_null() && response.output_text.is_null());
    let end = match response.status.as_str() {
        Some("completed" | "incomplete") => ended(response),
        None if response.error.is_null() && has_output => ended(response),
        _ if response.error.is_null() => Frame::Failed(ErrorBody::parse(&parse(json).unwrap_or_default())),
        _ => Frame::Failed(ErrorBody::parse(&response.error)),
    };
    Ok(begun.into_iter().chain([end]).collect())
}

/// Events that are skipped unparsed, because they repeat others or are of no use to a chat. They make up half of a
/// short response.
const SKIPPED_EVENTS: [&str; 7] = [
    "response.in_progress",
    "response.queued",
    "response.content_part.added",
    "response.content_part.done",
    "response.function_call_arguments.delta",
    "response.function_call_arguments.done",
    "keepalive",
];

impl Frame {
    /// Parses an event. `None` if it is skipped or cannot be parsed.
    pub(super) fn parse(name: &str, data: String) -> Option<Self> {
        if SKIPPED_EVENTS.contains(&name) {
            return None;
        }
        if data.trim() == "[DONE]" {
            return Some(Self::Done);
        }
        if name.starts_with("response.") || name == "error" {
            return Self::of_kind(name, data);
        }
        let fields: EventFields = parse(&data)?;
        match fields.kind.as_str() {
            Some("response.output_text.delta") => Self::delta(fields),
            Some(kind) => Self::of_kind(kind, data),
            None => Self::untyped(&data),
        }
    }

    fn of_kind(kind: &str, data: String) -> Option<Self> {
        let json = data.as_str();
        match kind {
            "response.output_text.delta" => Self::delta(parse(json)?),
            "response.output_text.done" | "response.refusal.done" => Some(Self::TextDone(data)),
            "response.output_item.added" if data.contains("\"phase\"") => {
                let ItemAdded { output_index, item } = parse(json)?;
                Some(Self::ItemAdded { index: output_index.as_u64(), phase: Phase::read(&item.phase)? })
            }
            "response.output_item.done" => {
                let ItemDone { output_index, item } = parse(json)?;
                Some(Self::ItemDone { index: output_index.as_u64(), item })
            }
            "response.output_text.annotation.added" => {
                let Annotated { output_index, annotation } = parse(json)?;
                let file = cited_file(&annotation)?.to_owned();
                Some(Self::Cited { index: output_index.as_u64(), file })
            }
            "response.created" => {
                let id = parse::<Envelope<ResponseId>>(json)?.response?.id;
                Some(Self::Created { response_id: usable_id(&id)?.to_owned() })
            }
            "response.completed" | "response.incomplete" | "response.done" => {
                let mut response = response(json)?;
                if response.status.is_null() && kind == "response.incomplete" {
                    response.status = "incomplete".into();
                }
                Some(ended(response))
            }
            "response.failed" | "response.cancelled" => {
                let error = response(json).unwrap_or_default().error;
                Some(Self::Failed(ErrorBody::parse(&error)))
            }
            "error" => Some(Self::Failed(ErrorBody::parse(&parse(json).unwrap_or_default()))),
            _ => None,
        }
    }

    fn delta(fields: EventFields) -> Option<Self> {
        let Value::String(text) = fields.delta else {
            return None;
        };
        Some(Self::Delta { index: fields.output_index.as_u64(), text })
    }

    /// An event without a type is of use only if it reports an error.
    fn untyped(data: &str) -> Option<Self> {
        let value: Value = parse(data)?;
        value.get("error").filter(|error| !error.is_null()).map(|_| Self::Failed(ErrorBody::parse(&value)))
    }
}

/// An id that can be kept.
pub(super) fn usable_id(id: &Value) -> Option<&str> {
    id.as_str().filter(|id| (1..=MAX_ID_BYTES).contains(&id.len()))
}

/// The response in an event, or the event itself where its fields are those of a response.
fn response(json: &str) -> Option<ResponseObject> {
    let nested = parse::<Envelope<ResponseObject>>(json).and_then(|envelope| envelope.response);
    nested.or_else(|| parse(json))
}

/// The end of a response. Some servers say that it is complete and report an error inside.
fn ended(response: ResponseObject) -> Frame {
    if matches!(response.status.as_str(), Some("failed" | "cancelled")) {
        return Frame::Failed(ErrorBody::parse(&response.error));
    }
    Frame::Ended(Box::new(response))
}

fn parse<T: DeserializeOwned>(json: &str) -> Option<T> {
    serde_json::from_str(json)
        .inspect_err(
            |error| debug!(bytes = json.len(), kind = ?error.classify(), "an OpenAI event could not be parsed"),
        )
        .ok()
}

impl ResponseObject {
    /// The reason why the text stops short, if it does.
    pub(super) fn incomplete(&self) -> Option<Incomplete> {
        let is_incomplete = self.status == "incomplete";
        is_incomplete.then(|| match self.incomplete_details["reason"].as_str() {
            Some("max_output_tokens" | "length" | "max_tokens") => Incomplete::MaxOutputTokens,
            Some("content_filter") => Incomplete::ContentFilter,
            _ => Incomplete::Other,
        })
    }
}

impl TextDone {
    pub(super) fn parse(data: &str) -> Self {
        parse(data).unwrap_or_default()
    }

    pub(super) fn index(&self) -> Option<u64> {
        self.output_index.as_u64()
    }

    pub(super) fn text(&self) -> &str {
        self.text.as_str().unwrap_or_default()
    }

    pub(super) fn refusal(&self) -> &str {
        self.refusal.as_str().unwrap_or_default()
    }
}
