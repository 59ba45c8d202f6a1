//! Reading what a response holds: items, parts, annotations and token counts, in the shapes that servers send them in.
//!
//! Each field is read by itself, so that a `null` in one of them costs no other.

use std::borrow::Cow;

use serde_json::Value;

use super::outcome::Call;
use crate::domain::Usage;

/// An item of a response's output.
pub(super) enum OutputItem<'a> {
    Message(Message<'a>),
    Call(Call),
    /// Of no use to a chat, or not from the model.
    Other,
}

/// A message of the model.
pub(super) struct Message<'a> {
    pub(super) phase: Option<Phase>,
    pub(super) text: Cow<'a, str>,
    pub(super) refusal: String,
    pub(super) cited: Vec<&'a str>,
}

/// The part that a message plays in its response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Words before a tool or the answer.
    Commentary,
    FinalAnswer,
}

impl Phase {
    /// `None` where the server does not tell phases apart. A phase that does not exist yet counts as an answer.
    pub(super) fn read(phase: &Value) -> Option<Self> {
        match phase.as_str()? {
            "commentary" => Some(Self::Commentary),
            _ => Some(Self::FinalAnswer),
        }
    }
}

impl<'a> OutputItem<'a> {
    pub(super) fn read(item: &'a Value) -> Self {
        let (content, role) = (&item["content"], &item["role"]);
        match item["type"].as_str() {
            _ if matches!(role.as_str(), Some("user" | "system" | "developer" | "tool")) => Self::Other,
            Some("message") => Self::Message(Message::read(item)),
            Some("function_call") if item["name"].is_string() => Self::Call(call(item)),
            None if !(content.is_null() && role.is_null()) => Self::Message(Message::read(item)),
            None if item["name"].is_string() && !item["arguments"].is_null() => Self::Call(call(item)),
            _ => Self::Other,
        }
    }
}

impl<'a> Message<'a> {
    fn read(item: &'a Value) -> Self {
        let mut message =
            Self { phase: Phase::read(&item["phase"]), text: Cow::default(), refusal: String::new(), cited: vec![] };
        match &item["content"] {
            Value::Array(parts) => parts.iter().for_each(|part| message.add(part)),
            part => message.add(part),
        }
        message
    }

    fn add(&mut self, part: &'a Value) {
        let text = match (part, part["type"].as_str()) {
            (Value::String(text), _) => Some(text.as_str()),
            (_, Some("output_text" | "text") | None) => part["text"].as_str(),
            _ => None,
        };
        match text {
            Some(text) if self.text.is_empty() => self.text = Cow::Borrowed(text),
            Some(text) => self.text.to_mut().push_str(text),
            None => self.refusal.push_str(part["refusal"].as_str().unwrap_or_default()),
        }
        let annotations = part["annotations"].as_array();
        self.cited.extend(annotations.into_iter().flatten().filter_map(cited_file));
    }
}

/// The name of the file that an annotation cites, or its id.
pub(super) fn cited_file(annotation: &Value) -> Option<&str> {
    if !matches!(annotation["type"].as_str(), Some("file_citation") | None) {
        return None;
    }
    let text = |name| annotation[name].as_str().filter(|text| !text.trim().is_empty());
    text("filename").or_else(|| text("file_id"))
}

fn call(item: &Value) -> Call {
    let text = |name| item[name].as_str().filter(|text| !text.is_empty());
    Call {
        call_id: text("call_id").or_else(|| text("id")).unwrap_or_default().to_owned(),
        name: text("name").unwrap_or_default().to_owned(),
        arguments: match &item["arguments"] {
            Value::String(arguments) => arguments.clone(),
            Value::Null => String::new(),
            arguments => arguments.to_string(),
        },
    }
}

/// The token counts of a response. `None` if neither its input nor its output was counted.
pub(super) fn usage(usage: &Value) -> Option<Usage> {
    let (input, input_details) = counted(usage, ["input_tokens", "prompt_tokens"]);
    let (output, output_details) = counted(usage, ["output_tokens", "completion_tokens"]);
    (input.is_some() || output.is_some()).then(|| Usage {
        input: input.unwrap_or_default(),
        cached: count(&input_details["cached_tokens"]).unwrap_or_default(),
        output: output.unwrap_or_default(),
        reasoning: count(&output_details["reasoning_tokens"]).unwrap_or_default(),
    })
}

/// The first of the counts that can be read, and its details.
fn counted<'a>(usage: &'a Value, names: [&str; 2]) -> (Option<u64>, &'a Value) {
    let details = names.map(|name| &usage[&*format!("{name}_details")]);
    let details = details.into_iter().find(|details| !details.is_null()).unwrap_or(&Value::Null);
    (names.iter().find_map(|name| count(&usage[*name])), details)
}

/// A count: `12`, `12.0` or `"12"`.
fn count(value: &Value) -> Option<u64> {
    let number = match value {
        Value::String(text) => return text.trim().parse().ok(),
        value => value,
    };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count is whole and not negative")]
    let whole = |float: f64| (float >= 0.0).then_some(float as u64);
    number.as_u64().or_else(|| number.as_f64().and_then(whole))
}
