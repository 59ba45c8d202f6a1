//! The conditions under which a server refuses a request for a response.

use serde::Deserialize;
use serde_json::Value;

use super::{answer::Body, request::items};

/// A condition, and the refusal.
#[derive(Clone, Deserialize)]
pub struct Refusal {
    when: String,
    #[serde(flatten)]
    pub(super) body: Body,
}

impl Refusal {
    /// True if the server refuses this request. Panics if there is no such condition.
    pub(super) fn refuses(&self, request: &Value) -> bool {
        match self.when.as_str() {
            "roles do not alternate" => !roles_alternate(request),
            "a system message is not the first" => has_late_system_message(request),
            when => match (when.strip_prefix("the request has "), when.strip_prefix("the model is ")) {
                (Some(field), _) => !request[field].is_null(),
                (_, Some(model)) => request["model"] == model,
                _ => panic!("there is no condition `{when}`"),
            },
        }
    }
}

/// True for user, assistant, user … up to a user, as the templates of Gemma and Mistral demand. Calls and their outputs
/// stand between them.
fn roles_alternate(request: &Value) -> bool {
    let roles: Vec<_> = items(request).iter().filter_map(|item| item["role"].as_str().map(str::to_owned)).collect();
    let is_called = items(request).iter().any(|item| item["type"] == "function_call");
    let expected = ["user", "assistant"].iter().cycle();
    let alternate = roles.iter().zip(expected).all(|(role, expected)| role == expected);
    alternate && !roles.is_empty() && (is_called || roles.len() % 2 == 1)
}

/// True if a message of the system or the developer comes after another message, as Qwen's template forbids. The
/// instructions are the first message.
fn has_late_system_message(request: &Value) -> bool {
    let has_instructions = request["instructions"].as_str().is_some_and(|text| !text.is_empty());
    let is_system = |item: &Value| item["role"] == "system" || item["role"] == "developer";
    items(request).iter().enumerate().any(|(at, item)| is_system(item) && (at > 0 || has_instructions))
}
