//! The server's conversations.

use std::collections::{BTreeMap, HashSet};

use serde_json::{Value, json};

use super::{answer::Body, request::items};

/// Conversations by id, with their items.
#[derive(Default)]
pub(super) struct Conversations {
    by_id: BTreeMap<String, Vec<Value>>,
    created: usize,
}

impl Conversations {
    pub(super) fn ids(&self) -> Vec<String> {
        self.by_id.keys().cloned().collect()
    }

    /// The response to a request below `/conversations`.
    pub(super) fn respond(&mut self, method: &str, path: &[&str], body: &Value) -> Body {
        match (method, path) {
            ("POST", []) => {
                self.created += 1;
                let id = format!("conv_{}", self.created);
                self.by_id.insert(id.clone(), Vec::new());
                Body::of(&json!({ "id": id, "object": "conversation", "created_at": 1, "metadata": body["metadata"] }))
            }
            (_, [id, ..]) if !self.by_id.contains_key(*id) => missing(id),
            ("DELETE", [id]) => {
                self.by_id.remove(*id);
                Body::of(&json!({ "id": id, "object": "conversation.deleted", "deleted": true }))
            }
            ("GET", [id, "items"]) => Body::of(&json!({
                "object": "list", "data": self.by_id[*id], "first_id": null, "last_id": null, "has_more": false,
            })),
            ("DELETE", [id, "items", item]) => {
                if let Some(items) = self.by_id.get_mut(*id) {
                    items.retain(|it| it["id"] != *item);
                }
                Body::of(&json!({ "id": id, "object": "conversation", "created_at": 1, "metadata": {} }))
            }
            (_, [id]) => Body::of(&json!({ "id": id, "object": "conversation", "created_at": 1, "metadata": {} })),
            _ => Body::refusal(404, "unknown_url", "Invalid URL"),
        }
    }

    /// The refusal of a request for a response that names an unknown conversation, or whose calls and outputs do not
    /// match.
    pub(super) fn refuse(&self, request: &Value) -> Option<Body> {
        let mut items = items(request);
        if let Some(id) = request["conversation"].as_str() {
            let Some(earlier) = self.by_id.get(id) else { return Some(missing(id)) };
            items.splice(0..0, earlier.iter().cloned());
        }
        let ids = |kind: &str| -> HashSet<String> {
            let items = items.iter().filter(|item| item["type"] == kind);
            // A server that gives no `call_id` knows its calls by their ids.
            let id = |item: &Value| item["call_id"].as_str().or(item["id"].as_str()).map(str::to_owned);
            items.filter_map(id).collect()
        };
        let (calls, outputs) = (ids("function_call"), ids("function_call_output"));
        let refused = |message: String| Body::refusal(400, "invalid_request_error", &message);
        if let Some(open) = calls.difference(&outputs).next() {
            return Some(refused(format!("No tool output found for function call {open}.")));
        }
        let stray = outputs.difference(&calls).next()?;
        Some(refused(format!("No tool call found for function call output with call_id {stray}.")))
    }

    /// Adds the input and the output of a response to its conversation.
    pub(super) fn add(&mut self, request: &Value, output: Vec<Value>) {
        let Some(conversation) = request["conversation"].as_str().and_then(|id| self.by_id.get_mut(id)) else { return };
        for mut item in items(request).into_iter().chain(output) {
            if !item["id"].is_string() {
                item["id"] = json!(format!("item_{}", conversation.len()));
            }
            conversation.push(item);
        }
    }
}

fn missing(id: &str) -> Body {
    Body::refusal(404, "not_found", &format!("Conversation with id '{id}' not found."))
}
