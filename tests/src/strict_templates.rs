//! A server whose chat templates are strict, as llama.cpp's are with Gemma, Mistral and Qwen: the stand-in behind their
//! refusals.

use futures::{FutureExt, future::BoxFuture};
use local::{AnyWire, OpenAiWire};
use serde_json::{Value, json};
use shared::openai::{TransportError, Wire};

struct StrictTemplates(AnyWire);

/// The transport for [`local::Options::openai_wire`].
pub fn strict_templates() -> OpenAiWire {
    OpenAiWire::new(StrictTemplates)
}

impl Wire for StrictTemplates {
    fn send(&self, request: reqwest::Request) -> BoxFuture<'static, Result<reqwest::Response, TransportError>> {
        let refusal = match request.url().path() {
            "/v1/responses" => refusal(&body(&request)),
            path if path.starts_with("/v1/conversations") => Some((404, "Not found")),
            _ => None,
        };
        match refusal {
            Some((status, message)) => async move { Ok(refused(status, message)) }.boxed(),
            None => self.0.send(request),
        }
    }
}

fn body(request: &reqwest::Request) -> Value {
    let body = request.body().and_then(|body| body.as_bytes()).expect("a request for a response has a body");
    serde_json::from_slice(body).expect("it is JSON")
}

/// The refusal of an input, in the words of the templates: Qwen's for a misplaced system message, and those of Gemma
/// and Mistral, whose last message is the user's too.
fn refusal(body: &Value) -> Option<(u16, &'static str)> {
    let input = body["input"].as_array().expect("input is a list");
    let roles: Vec<_> = input.iter().filter_map(|item| item["role"].as_str()).collect();
    // The instructions are the system message at the beginning.
    if roles.iter().any(|role| ["developer", "system"].contains(role)) {
        return Some((400, "System message must be at the beginning."));
    }
    let strict = ["user", "assistant"].into_iter().cycle();
    if roles.is_empty() || roles.len() % 2 == 0 || roles.iter().zip(strict).any(|(role, expected)| *role != expected) {
        return Some((400, "Conversation roles must alternate user/assistant/user/assistant/..."));
    }
    None
}

/// The shape of llama.cpp's errors.
fn refused(status: u16, message: &str) -> reqwest::Response {
    let error = json!({ "error": { "code": status, "message": message, "type": "invalid_request_error" } });
    let mut answer = http::Response::new(error.to_string());
    *answer.status_mut() = http::StatusCode::from_u16(status).expect("a status");
    answer.into()
}
