//! A server's answer to a request for a response.

use serde::{Deserialize, Deserializer, de::Error};
use serde_json::{Map, Value, json};

use super::{
    part::Part,
    stream::{Chunk, Stream, StreamEnd},
};

/// The form in which the server answers, where an answer can have both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// Server-sent events.
    #[default]
    Streamed,
    /// One JSON body, although a stream was asked for.
    Whole,
}

/// An answer, as a case describes it.
#[derive(Clone, Debug)]
pub enum Answer {
    /// Events, written from their parts.
    Parts(Vec<Part>),
    /// The bytes of a stream.
    Raw(Raw),
    /// A status and a body.
    Body(Body),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_field_names, reason = "the field of the file has that name")]
pub struct Raw {
    raw: String,
    /// `clean` or `cut`.
    #[serde(default)]
    end: StreamEnd,
    #[serde(default)]
    headers: Map<String, Value>,
    /// The items that the server has by then added to the conversation, besides the input.
    #[serde(default)]
    landed: Option<Vec<Value>>,
}

/// A response of another kind than a stream of events.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Body {
    status: Option<u16>,
    headers: Map<String, Value>,
    json: Option<Value>,
    text: Option<String>,
    /// The connection is closed without a response.
    closes: bool,
    landed: Option<Vec<Value>>,
}

/// An answer as it goes over the wire.
pub(super) struct Written {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) chunks: Vec<Chunk>,
    pub(super) end: StreamEnd,
    /// The items that the server adds to the conversation, besides the input; `None` if it adds nothing at all.
    pub(super) landed: Option<Vec<Value>>,
}

impl<'de> Deserialize<'de> for Answer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let read = match value {
            Value::String(text) => Ok(Self::Parts(vec![Part::say(&text)])),
            Value::Array(parts) => parts.into_iter().map(Part::read).collect::<Result<_, _>>().map(Self::Parts),
            Value::Object(_) if value.get("raw").is_some() => serde_json::from_value(value).map(Self::Raw),
            value => serde_json::from_value(value).map(Self::Body),
        };
        read.map_err(D::Error::custom)
    }
}

impl Answer {
    /// A plain answer.
    pub(super) fn plain(text: &str) -> Self {
        Self::Parts(vec![Part::say(text)])
    }

    pub(super) fn is_stream(&self) -> bool {
        matches!(self, Self::Parts(_) | Self::Raw(_))
    }

    /// True if one JSON body says the same.
    pub(super) fn can_be_whole(&self) -> bool {
        match self {
            Self::Parts(parts) => Stream::of(parts, "", "").whole().is_some(),
            Self::Raw(_) => false,
            Self::Body(_) => true,
        }
    }

    /// Writes the answer to a request for this model, as the response `id`.
    pub(super) fn write(&self, id: &str, model: &str, form: Form) -> Written {
        match self {
            Self::Parts(parts) => {
                let stream = Stream::of(parts, id, model);
                let whole = stream.whole().filter(|_| form == Form::Whole);
                let landed = stream.landed();
                if let Some(whole) = whole {
                    Body { json: Some(whole), landed, ..Body::default() }.write()
                } else {
                    let (chunks, end) = stream.chunks();
                    Written { status: 200, headers: vec![event_stream()], chunks, end, landed }
                }
            }
            Self::Raw(Raw { raw, end, headers, landed }) => Written {
                status: 200,
                headers: if headers.is_empty() { vec![event_stream()] } else { pairs(headers) },
                chunks: vec![Chunk::Bytes(raw.replace("{id}", id))],
                end: *end,
                landed: landed.clone(),
            },
            Self::Body(body) => body.clone().write(),
        }
    }
}

impl Body {
    pub(super) fn write(self) -> Written {
        let mut headers = pairs(&self.headers);
        let text = match (self.json, self.text) {
            (Some(json), _) => {
                headers.push(("content-type".to_owned(), "application/json".to_owned()));
                json.to_string()
            }
            (None, text) => text.unwrap_or_default(),
        };
        Written {
            status: self.status.unwrap_or(200),
            headers,
            chunks: vec![Chunk::Bytes(text)],
            end: if self.closes { StreamEnd::NoResponse } else { StreamEnd::Clean },
            landed: self.landed,
        }
    }

    /// A success with this body.
    pub(super) fn of(json: &Value) -> Self {
        Self { json: Some(json.clone()), ..Self::default() }
    }

    /// A refusal in OpenAI's format.
    pub(super) fn refusal(status: u16, code: &str, message: &str) -> Self {
        let error = json!({ "message": message, "type": "invalid_request_error", "param": null, "code": code });
        Self { status: Some(status), json: Some(json!({ "error": error })), ..Self::default() }
    }
}

fn event_stream() -> (String, String) {
    ("content-type".to_owned(), "text/event-stream; charset=utf-8".to_owned())
}

fn pairs(headers: &Map<String, Value>) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    headers.iter().map(|(name, value)| (name.clone(), text(value))).collect()
}
