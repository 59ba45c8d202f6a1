//! Requests for responses: one turn of a chat each.

use std::borrow::Cow;

use reqwest::Method;
use serde::Serialize;
use serde_json::Value;

use super::{client::OpenAi, failure::Failure, outcome::Call, response_stream::ResponseStream, transport::RequestKind};

/// A request for a response. Fields that are `None` or empty are not sent; the server's defaults apply.
#[derive(Default, Serialize)]
pub struct ResponseRequest<'a> {
    pub model: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conversation: Option<&'a str>,
    /// The server does not keep them between turns, so they are sent each time.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub instructions: &'a str,
    pub input: Cow<'a, [Input]>,
    /// Functions and file search, in OpenAI's format.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub tools: &'a [Value],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// At least 16.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_output_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<Reasoning<'a>>,
    #[serde(rename = "text", skip_serializing_if = "Option::is_none")]
    pub text_format: Option<TextFormat<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool_choice: Option<ToolChoice>,
    /// The server's way to keep a growing conversation within the model's context.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub context_management: &'static [ContextManagement],
    #[serde(skip)]
    pub store: bool,
    /// A hash that identifies the customer, at most 64 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub safety_identifier: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt_cache_key: Option<&'a str>,
    /// Parameters that the server refuses: left out, whatever the other fields say.
    #[serde(skip)]
    pub refused: &'a [String],
}

#[derive(Clone, Copy, Serialize)]
pub struct Reasoning<'a> {
    pub effort: &'a str,
}

#[derive(Clone, Copy, Serialize)]
pub struct TextFormat<'a> {
    pub verbosity: &'a str,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ToolChoice {
    /// No tool may be called: the model has to answer.
    None,
}

/// A way to keep a conversation within the model's context.
#[derive(Clone, Copy, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ContextManagement {
    /// Above the threshold, in tokens, the server replaces the oldest items by a summary. The instructions stay as they
    /// are: they are no items.
    Compaction { compact_threshold: u32 },
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
        /// Sent back to servers that told commentary and answer apart.
        #[serde(skip_serializing_if = "Option::is_none")]
        phase: Option<Phase>,
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

impl Input {
    pub const fn message(role: Role, text: String) -> Self {
        Self::Message { role, text, phase: None }
    }
}

/// The part that an assistant's message plays in its turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Words before tools or before the answer.
    Commentary,
    FinalAnswer,
}

/// The body of a request, with the fields that are the same for all.
#[derive(Serialize)]
struct RequestBody<'a> {
    #[serde(flatten)]
    request: &'a ResponseRequest<'a>,
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    store: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_options: Option<StreamOptions>,
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
        let body_request = request.without_refused();
        let sends = |parameter| request.takes(parameter);
        let body = RequestBody {
            request: &body_request,
            stream: true,
            store: sends("store").then_some(request.store),
            stream_options: sends("stream_options").then_some(StreamOptions { include_obfuscation: false }),
            parallel_tool_calls: (!body_request.tools.is_empty() && sends("parallel_tool_calls")).then_some(false),
        };
        let first_byte = self.settings.retry_policy.first_byte;
        let post = || self.request(Method::POST, &["responses"], &[]).json(&body);
        match self.send(RequestKind::NotIdempotent, first_byte, post).await {
            Ok(response) => Ok(ResponseStream::read(self, response)),
            Err(failure) if names_conversation(&failure, request) => Err(Failure::Missing),
            Err(failure) => Err(failure),
        }
    }

    /// Deletes a response. Succeeds if it does not exist.
    pub async fn response_delete(&self, id: &str) -> Result<(), Failure> {
        self.remove(&["responses", id]).await
    }
}

impl ResponseRequest<'_> {
    fn takes(&self, parameter: &str) -> bool {
        !self.refused.iter().any(|refused| refused == parameter)
    }

    fn without_refused(&self) -> ResponseRequest<'_> {
        let mut taken = ResponseRequest { input: Cow::Borrowed(&self.input), ..*self };
        for parameter in self.refused {
            match parameter.as_str() {
                "temperature" => taken.temperature = None,
                "max_output_tokens" => taken.max_output_tokens = None,
                "reasoning" => taken.reasoning = None,
                "text" => taken.text_format = None,
                "context_management" => taken.context_management = &[],
                "safety_identifier" => taken.safety_identifier = None,
                "prompt_cache_key" => taken.prompt_cache_key = None,
                "tools" => taken.tools = &[],
                // Without the choice, only a request without tools is sure to be answered.
                "tool_choice" if taken.tool_choice.is_some() => taken.tools = &[],
                _ => {}
            }
        }
        if taken.tools.is_empty() || !self.takes("tool_choice") {
            taken.tool_choice = None;
        }
        taken
    }
}

/// True for a refusal of the conversation's id: there is no such conversation, or the id has another server's form.
/// Models and vector stores can be missing too.
fn names_conversation(failure: &Failure, request: &ResponseRequest<'_>) -> bool {
    let Failure::Refused { status, param, message, .. } = failure else {
        return false;
    };
    let message = message.to_lowercase();
    let named = param.as_deref() == Some("conversation") || message.contains("conversation");
    // OGX says both as a 400.
    let is_refused_id = *status == 400 && (message.contains("not found") || message.starts_with("invalid value"));
    request.conversation.is_some() && named && (failure.is_not_found() || is_refused_id)
}
