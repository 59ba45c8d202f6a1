//! The parts of a stream, as a case names them.

use serde::Deserialize;
use serde_json::{Error, Map, Value, json};

/// A part of a stream.
#[derive(Clone, Debug)]
pub enum Part {
    Say(Say),
    Refuse(String),
    Call(Call),
    /// Any other output item.
    Item(Value),
    /// An event as it is.
    Event(Value),
    Shown,
    End(End),
}

/// A message.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(clippy::struct_field_names, reason = "the field of the file has that name")]
pub struct Say {
    pub(super) say: String,
    /// The deltas; words if absent.
    pub(super) deltas: Option<Vec<String>>,
    pub(super) phase: Option<Value>,
    pub(super) annotations: Vec<Value>,
    /// The status of the item; `completed` if absent.
    pub(super) status: Option<String>,
}

/// A function call.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_field_names, reason = "the field of the file has that name")]
pub struct Call {
    pub(super) call: String,
    /// JSON as text, or as a value of its own where a case tests that.
    #[serde(default)]
    pub(super) arguments: Value,
    /// The `call_id`; `null` leaves it out.
    #[serde(default = "call_1")]
    pub(super) id: Value,
    /// Fields that replace those of the item; `null` removes one.
    #[serde(default)]
    pub(super) with: Map<String, Value>,
}

/// The end of a stream.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_field_names, reason = "the field of the file has that name")]
pub struct End {
    /// The last event's type (`response.completed`, say), `error`, `[DONE]`, or `clean` or `cut` for none.
    pub(super) end: String,
    /// The error's code.
    #[serde(default)]
    pub(super) code: Option<Value>,
    /// An `error` event has its fields on its own level, not below `error`.
    #[serde(default)]
    pub(super) flat: bool,
    /// The reason that the response is incomplete.
    #[serde(default)]
    pub(super) because: Option<String>,
    /// Fields that replace those of the response; an absent one is left as it is, and `"-"` removes one.
    #[serde(default)]
    pub(super) response: Map<String, Value>,
}

fn call_1() -> Value {
    json!("call_1")
}

impl Part {
    pub(super) fn say(text: &str) -> Self {
        Self::Say(Say { say: text.to_owned(), ..Say::default() })
    }

    pub(super) fn read(value: Value) -> Result<Self, Error> {
        let has = |name: &str| value.get(name).is_some();
        if value == "shown" {
            return Ok(Self::Shown);
        }
        if has("type") {
            return Ok(Self::Event(value));
        }
        if has("item") {
            return Ok(Self::Item(value["item"].clone()));
        }
        if has("refuse") {
            return serde_json::from_value(value["refuse"].clone()).map(Self::Refuse);
        }
        if has("call") {
            return serde_json::from_value(value).map(Self::Call);
        }
        if has("end") {
            return serde_json::from_value(value).map(Self::End);
        }
        serde_json::from_value(value).map(Self::Say)
    }
}

impl End {
    pub(super) fn of(kind: &str) -> Self {
        Self { end: kind.to_owned(), code: None, flat: false, because: None, response: Map::new() }
    }
}
