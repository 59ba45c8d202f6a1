//! Requests for responses: one turn of a chat each.

use reqwest::Method;
use serde::Serialize;
use serde_json::Value;

use super::{client::OpenAi, failure::Failure, outcome::Call, response_stream::ResponseStream, transport::RequestKind};

/// A request for a response. Fields that are `None` or empty are not sent; the server's defaults apply.
#[derive(Clone, Serialize)]
pub struct ResponseRequest<'a> {
    pub model: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conversation: Option<&'a str>,
    /// The server does not keep them between turns, so they are sent each time.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub instructions: &'a str,
    pub input: Vec<Input>,
    /// Functions and file search, in OpenAI's format.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// At least 16.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_output_tokens: Option<u32>,
    pub store: bool,
    /// A hash that identifies the customer, at most 64 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub safety_identifier: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt_cache_key: Option<&'a str>,
}

/// One input item for the model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type")]
pub enum Input {
    #[serde(rename = "message")]
    Message {
        role: Role,
        #[serde(rename = "content")]
        text: String,
    },
    /// An earlier call by the model, replayed if no conversation remembers it.
    #[serde(rename = "function_call")]
    Call(Call),
    #[serde(rename = "function_call_output")]
    CallOutput { call_id: String, output: String },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    User,
    Assistant,
    Developer,
}

/// The body of a request, with the fields that are the same for all.
#[derive(Serialize)]
struct RequestBody<'a> {
    #[serde(flatten)]
    request: &'a ResponseRequest<'a>,
    stream: bool,
    stream_options: StreamOptions,
    /// `false`, because two calls at once could contradict each other (escalate and answer). Sent only with tools.
    #[serde(skip_serializing_if = "Option::is_none")]
    parallel_tool_calls: Option<bool>,
}

#[derive(Serialize)]
struct StreamOptions {
    include_obfuscation: bool,
}

impl OpenAi {
    /// Requests a response and returns its stream. OpenAI has no idempotency keys, so a request that got no response is
    /// not sent again. Read the stream to its end even if nobody listens any more: a response that is cut short may
    /// leave its conversation half-written.
    pub async fn respond(&self, request: &ResponseRequest<'_>) -> Result<ResponseStream, Failure> {
        let body = RequestBody {
            request,
            stream: true,
            stream_options: StreamOptions { include_obfuscation: false },
            parallel_tool_calls: (!request.tools.is_empty()).then_some(false),
        };
        let first_byte = self.settings.retry_policy.first_byte;
        let post = || self.request(Method::POST, &["responses"], &[]).json(&body);
        match self.send(RequestKind::NotIdempotent, first_byte, post).await {
            Ok(response) => ResponseStream::read(self, response).await,
            Err(failure) if names_conversation(&failure, request) => Err(Failure::Missing),
            Err(failure) => Err(failure),
        }
    }

    /// Deletes a response. Succeeds if it does not exist.
    pub async fn response_delete(&self, id: &str) -> Result<(), Failure> {
        self.remove(&["responses", id]).await
    }
}

/// True for a 404 that is about the conversation: models and vector stores can be missing too.
fn names_conversation(failure: &Failure, request: &ResponseRequest<'_>) -> bool {
    let Failure::Refused { param, message, .. } = failure else {
        return false;
    };
    let named = param.as_deref() == Some("conversation") || message.to_lowercase().contains("conversation");
    request.conversation.is_some() && failure.is_not_found() && named
}
