//! Validation of a chatbot's settings, tools and documents.

use reqwest::Url;
use serde_json::Value;

use super::{ChatbotConfig, Document, ESCALATE, Tool};
use crate::{
    Error,
    domain::visible::{is_visible, require_visible},
};

/// The maximum length of an origin: a visitor's token carries all of them, which the authorizer reads, in a head of at
/// most 10,240 bytes.
const MAX_ORIGIN_CHARS: usize = 300;
const MAX_ORIGINS_CHARS: usize = 4_000;

impl ChatbotConfig {
    pub fn validate(&self) -> Result<(), Error> {
        length("name", &self.name, 1, 100)?;
        length("model", &self.model, 1, 200)?;
        length("instructions", &self.instructions, 0, 32_000)?;
        length("greeting", &self.greeting, 0, 4_000)?;
        if self.temperature.is_some_and(|t| !(0.0..=2.0).contains(&t)) {
            return Err(Error::invalid("temperature", "must be from 0 to 2"));
        }
        if self.temperature.is_some_and(|t| !is_storable(t)) {
            return Err(Error::invalid("temperature", "must be 0 or at least 1e-100"));
        }
        if self.max_output_tokens.is_some_and(|n| n < 16) {
            return Err(Error::invalid("max_output_tokens", "must be at least 16"));
        }
        word("reasoning_effort", self.reasoning_effort.as_deref())?;
        word("verbosity", self.verbosity.as_deref())?;
        if let Some(fallback_model) = &self.fallback_model {
            length("fallback_model", fallback_model, 1, 200)?;
            if *fallback_model == self.model {
                return Err(Error::invalid("fallback_model", "must differ from `model`"));
            }
        }
        if self.tools.len() > 32 {
            return Err(Error::invalid("tools", "must have at most 32 entries"));
        }
        for (i, tool) in self.tools.iter().enumerate() {
            tool.validate(i)?;
            if self.tools[..i].iter().any(|other| other.name == tool.name) {
                return Err(Error::invalid(format!("tools[{i}].name"), "is already used by an earlier tool"));
            }
        }
        if serde_json::to_string(&self.tools).map_or(0, |text| text.len()) > 64_000 {
            return Err(Error::invalid("tools", "must be at most 64,000 bytes as JSON"));
        }
        if self.origins.len() > 20 {
            return Err(Error::invalid("origins", "must have at most 20 entries"));
        }
        for (i, origin) in self.origins.iter().enumerate() {
            let is_origin = Url::parse(origin).is_ok_and(|url| url.origin().ascii_serialization() == *origin);
            if !is_origin || !origin.starts_with("http") {
                return Err(Error::invalid(format!("origins[{i}]"), "must be an origin like https://shop.example"));
            }
            if origin.len() > MAX_ORIGIN_CHARS {
                let reason = format!("must have at most {MAX_ORIGIN_CHARS} characters");
                return Err(Error::invalid(format!("origins[{i}]"), reason));
            }
        }
        if self.origins.iter().map(String::len).sum::<usize>() > MAX_ORIGINS_CHARS {
            let reason = format!("must have at most {MAX_ORIGINS_CHARS} characters together");
            return Err(Error::invalid("origins", reason));
        }
        Ok(())
    }
}

impl Tool {
    fn validate(&self, i: usize) -> Result<(), Error> {
        let field = |name: &str| format!("tools[{i}].{name}");
        let is_name_byte = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
        if !(1..=64).contains(&self.name.len()) || !self.name.bytes().all(is_name_byte) {
            return Err(Error::invalid(field("name"), "must be 1 to 64 letters, digits, _ or -"));
        }
        if self.name == ESCALATE {
            return Err(Error::invalid(field("name"), "is reserved: every chatbot has this tool built in"));
        }
        length(&field("description"), &self.description, 0, 4_000)?;
        if !self.parameters.is_object() {
            return Err(Error::invalid(field("parameters"), "must be a JSON Schema object"));
        }
        if depth(&self.parameters) > 20 {
            return Err(Error::invalid(field("parameters"), "must be nested at most 20 levels deep"));
        }
        if let Some(reason) = unstorable(&self.parameters) {
            return Err(Error::invalid(field("parameters"), reason));
        }
        Ok(())
    }
}

impl Document {
    pub const MAX_COUNT: usize = 100;

    /// Checks that names are unique, that texts are not empty, and that each document fits into an item of the table.
    pub fn validate(documents: &[Self]) -> Result<(), Error> {
        if documents.len() > Self::MAX_COUNT {
            return Err(Error::invalid("documents", format!("must have at most {} entries", Self::MAX_COUNT)));
        }
        for (i, document) in documents.iter().enumerate() {
            let field = |name: &str| format!("documents[{i}].{name}");
            length(&field("name"), &document.name, 1, 100)?;
            if document.name.chars().any(char::is_control) {
                return Err(Error::invalid(field("name"), "must not contain control characters"));
            }
            if documents[..i].iter().any(|other| other.name == document.name) {
                return Err(Error::invalid(field("name"), "is already used by an earlier document"));
            }
            if !is_visible(&document.text) || document.text.len() > 300_000 {
                return Err(Error::invalid(field("text"), "must have 1 to 300,000 bytes"));
            }
        }
        Ok(())
    }
}

/// The nesting depth of a JSON value. DynamoDB allows at most 32 levels.
fn depth(value: &Value) -> usize {
    match value {
        Value::Array(values) => 1 + values.iter().map(depth).max().unwrap_or(0),
        Value::Object(fields) => 1 + fields.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// The reason that `DynamoDB` cannot keep a JSON value, if there is one.
fn unstorable(value: &Value) -> Option<&'static str> {
    match value {
        Value::Number(number) if !number.as_f64().is_some_and(is_storable) => {
            Some("must have no numbers beyond 1e100 or closer to 0 than 1e-100")
        }
        Value::Object(fields) if fields.contains_key("") => Some("must have no empty names"),
        Value::Array(values) => values.iter().find_map(unstorable),
        Value::Object(fields) => fields.values().find_map(unstorable),
        _ => None,
    }
}

/// `DynamoDB` keeps numbers from 1e-130 to 1e126, and 0.
fn is_storable(number: f64) -> bool {
    number == 0.0 || (1e-100..=1e100).contains(&number.abs())
}

/// Checks a word of the model's own: each model has others, and new ones come, so the server decides on its meaning.
fn word(field: &str, word: Option<&str>) -> Result<(), Error> {
    let is_word = |word: &str| (1..=20).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_lowercase());
    if word.is_none_or(is_word) {
        Ok(())
    } else {
        Err(Error::invalid(field, "must be 1 to 20 lower-case letters a to z"))
    }
}

fn length(field: &str, text: &str, min: usize, max: usize) -> Result<(), Error> {
    if text.chars().count() > max {
        return Err(Error::invalid(field, format!("must have at most {max} characters")));
    }
    if min > 0 { require_visible(field, text) } else { Ok(()) }
}
