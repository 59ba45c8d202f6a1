//! Responses: one turn of a chat, asked for.

use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Answer, Failure, OpenAi, transport::Resend};

/// One request for a response. What is `None` or empty is not sent, and the server's default holds.
#[derive(Clone, Serialize)]
pub struct Ask<'a> {
    pub model: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conversation: Option<&'a str>,
    /// Not kept between turns: to be sent each time.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub instructions: &'a str,
    pub input: Vec<Input>,
    /// Tools in OpenAI's shape, functions and file search.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// 16 or more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_output_tokens: Option<u32>,
    pub store: bool,
    /// A hash that stands for the customer, at most 64 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub safety_identifier: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt_cache_key: Option<&'a str>,
}

/// One item given to the model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type")]
pub enum Input {
    #[serde(rename = "message")]
    Message {
        role: Role,
        #[serde(rename = "content")]
        text: String,
    },
    /// What the model called earlier, replayed where no conversation remembers it.
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

/// A function that the model called. Each call must be given its output, or the conversation's
/// further turns fail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    pub call_id: String,
    pub name: String,
    /// JSON as the model wrote it; nothing vouches for it, least of all in an incomplete answer.
    #[serde(default)]
    pub arguments: String,
}

/// What every request says besides.
#[derive(Serialize)]
struct Streamed<'a> {
    #[serde(flatten)]
    ask: &'a Ask<'a>,
    stream: bool,
    stream_options: StreamOptions,
    /// One call at a time: two at once could contradict each other (escalate and answer). Only said
    /// where there are tools.
    #[serde(skip_serializing_if = "Option::is_none")]
    parallel_tool_calls: Option<bool>,
}

#[derive(Serialize)]
struct StreamOptions {
    include_obfuscation: bool,
}

impl OpenAi {
    /// Asks for a response; [`Answer`] reads it. OpenAI knows no idempotency key, so a request
    /// whose fate is unknown is not sent again. To be read to its end even when nobody listens any
    /// more: a response cut short may leave its conversation half-written.
    pub async fn respond(&self, ask: &Ask<'_>) -> Result<Answer, Failure> {
        let body = Streamed {
            ask,
            stream: true,
            stream_options: StreamOptions { include_obfuscation: false },
            parallel_tool_calls: (!ask.tools.is_empty()).then_some(false),
        };
        let first_byte = self.settings.retry_policy.first_byte;
        let answer = self
            .send(Resend::OnlyIfToldTo, first_byte, || self.request(Method::POST, &["responses"], &[]).json(&body))
            .await;
        match answer {
            Ok(answer) => Answer::read(self, answer).await,
            Err(failure) if names_conversation(&failure, ask) => Err(Failure::Missing),
            Err(failure) => Err(failure),
        }
    }

    /// A response that is gone already is success.
    pub async fn response_delete(&self, id: &str) -> Result<(), Failure> {
        self.remove(&["responses", id]).await
    }
}

/// Models and vector stores can be missing too; only a 404 that speaks of the conversation means
/// that one.
fn names_conversation(failure: &Failure, ask: &Ask<'_>) -> bool {
    let Failure::Refused { param, message, .. } = failure else {
        return false;
    };
    let named = param.as_deref() == Some("conversation") || message.to_lowercase().contains("conversation");
    ask.conversation.is_some() && failure.is_not_found() && named
}
