//! The meaning of a response of DynamoDB: all that a client of the table acts upon.

use std::fmt;

use serde_json::{Map, Value, json};

/// A response without what clients do not act upon: request ids, the words of errors, and empty fields, which some
/// emulators write out.
#[derive(PartialEq)]
pub(super) struct Meaning {
    status: u16,
    body: Value,
}

/// The fields of a success that carry meaning.
const FIELDS: [&str; 8] =
    ["Item", "Items", "Count", "ScannedCount", "LastEvaluatedKey", "Attributes", "Responses", "UnprocessedItems"];

impl Meaning {
    pub(super) fn of(status: u16, response: &Value) -> Self {
        let body = if status == 200 { success(response) } else { failure(response) };
        Self { status, body }
    }

    /// `true` for a page that has as many items as its limit allows.
    pub(super) fn is_full(&self, limit: &Value) -> bool {
        limit.is_number() && self.body["Count"] == *limit
    }

    /// The same page as the last one.
    pub(super) fn without_cursor(&self) -> Self {
        let mut body = self.body.clone();
        body.as_object_mut().expect("a meaning is an object").remove("LastEvaluatedKey");
        Self { status: self.status, body }
    }

    /// The error's name, and the code of each item of a cancelled transaction.
    pub(super) fn error(&self) -> String {
        let name = self.body["error"].as_str().unwrap_or("?");
        let Some(reasons) = self.body["reasons"].as_array() else { return name.to_owned() };
        let codes: Vec<_> = reasons.iter().map(|reason| reason["code"].as_str().unwrap_or("?")).collect();
        format!("{name} [{}]", codes.join(", "))
    }
}

impl fmt::Display for Meaning {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.status, self.body)
    }
}

fn success(response: &Value) -> Value {
    let fields = FIELDS.into_iter().chain(["UnprocessedKeys"]);
    let mut kept: Map<_, _> =
        fields.map(|name| (name.to_owned(), response[name].clone())).filter(|(_, value)| !is_empty(value)).collect();
    // A batch of reads may come in any order.
    for (_, items) in kept.get_mut("Responses").and_then(Value::as_object_mut).into_iter().flatten() {
        items.as_array_mut().unwrap().sort_by_key(Value::to_string);
    }
    Value::Object(kept)
}

fn failure(response: &Value) -> Value {
    let name = response["__type"].as_str().unwrap_or_default();
    let name = name.rsplit('#').next().unwrap_or_default();
    let mut kept = json!({ "error": name });
    if !is_empty(&response["Item"]) {
        kept["item"] = response["Item"].clone();
    }
    if let Some(reasons) = response["CancellationReasons"].as_array() {
        let reason = |reason: &Value| json!({ "code": reason["Code"], "item": reason["Item"] });
        kept["reasons"] = reasons.iter().map(reason).collect();
    }
    kept
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    }
}
