//! Requests for a response, as the tests compare them.

use serde_json::Value;

/// The input as lines: `user: text`, `assistant (commentary): text`, `call call_1 lookup {}`, `output call_1: text`.
pub fn lines(request: &Value) -> Vec<String> {
    items(request).iter().map(line).collect()
}

/// The size of the input, in bytes of JSON.
pub fn bytes_of_input(request: &Value) -> usize {
    request["input"].to_string().len()
}

pub(super) fn items(request: &Value) -> Vec<Value> {
    match &request["input"] {
        Value::Array(items) => items.clone(),
        _ => Vec::new(),
    }
}

fn line(item: &Value) -> String {
    let text = |name: &str| item[name].as_str().unwrap_or("?").to_owned();
    match item["type"].as_str() {
        Some("function_call") => format!("call {} {} {}", text("call_id"), text("name"), text("arguments")),
        Some("function_call_output") => format!("output {}: {}", text("call_id"), text("output")),
        _ => match item["phase"].as_str() {
            Some(phase) => format!("{} ({phase}): {}", text("role"), content(item)),
            None => format!("{}: {}", text("role"), content(item)),
        },
    }
}

fn content(item: &Value) -> String {
    match &item["content"] {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().filter_map(|part| part["text"].as_str()).collect(),
        _ => String::new(),
    }
}
