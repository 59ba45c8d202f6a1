//! The template's YAML: resources by type and id, and the values in them.

use axum::http::HeaderValue;
use yaml_serde::Value;

/// A value that the template lacks, or has in a form that is not supported here.
#[derive(Debug, thiserror::Error)]
#[error("template.yaml: {0}")]
pub struct Error(String);

impl Error {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

/// The template's `Resources`, looked up by type and by logical id.
pub(super) struct Resources<'a>(pub(super) &'a Value);

impl<'a> Resources<'a> {
    pub(super) fn of(&self, kind: &'static str) -> impl Iterator<Item = (&'a str, &'a Value)> {
        members(&self.0["Resources"]).filter(move |(_, resource)| resource["Type"].as_str() == Some(kind))
    }

    pub(super) fn only(&self, kind: &'static str) -> Result<(&'a str, &'a Value), Error> {
        let mut found = self.of(kind);
        match (found.next(), found.next()) {
            (Some(resource), None) => Ok(resource),
            _ => Err(Error(format!("there must be exactly one {kind}"))),
        }
    }

    /// The handler of the function with this logical id: the function's name.
    pub(super) fn function(&self, id: &str) -> Result<String, Error> {
        let handler = &self.0["Resources"][id]["Properties"]["Handler"];
        Ok(text(handler, &format!("the handler of {id}"))?.to_owned())
    }
}

/// The logical id in `!Ref Id` or `!GetAtt Id.Arn`.
pub(super) fn target(reference: &Value) -> Result<&str, Error> {
    let reference = text(reference, "a reference")?;
    Ok(reference.split_once('.').map_or(reference, |(id, _)| id))
}

pub(super) fn text<'a>(value: &'a Value, name: &str) -> Result<&'a str, Error> {
    value.as_str().ok_or_else(|| Error(format!("{name} is missing or not a string")))
}

/// A header value without the single quotes in which API Gateway wants static values.
pub(super) fn unquoted(value: &str) -> Result<HeaderValue, Error> {
    let bare = value.trim_matches('\'');
    HeaderValue::from_str(bare).map_err(|_| Error(format!("{bare} is not a header value")))
}

pub(super) fn members(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    value.as_mapping().into_iter().flatten().filter_map(|(key, value)| Some((key.as_str()?, value)))
}

/// The value without the members that are not literal: `!Ref`, `!If` and their like depend on the stack's parameters.
pub(super) fn literals(value: &Value) -> Value {
    let is_literal = |value: &Value| !matches!(value, Value::Tagged(_));
    match value {
        Value::Sequence(items) => Value::Sequence(items.iter().filter(|item| is_literal(item)).map(literals).collect()),
        Value::Mapping(members) => {
            let literal = members.iter().filter(|(_, value)| is_literal(value));
            Value::Mapping(literal.map(|(key, value)| (key.clone(), literals(value))).collect())
        }
        other => other.clone(),
    }
}
