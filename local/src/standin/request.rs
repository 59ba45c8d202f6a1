//! The body of `POST /v1/responses`, and its validation.

use axum::http::StatusCode;
use serde::{Deserialize, de::IgnoredAny};
use serde_json::{Map, Value};

use super::{
    conversation_items::into_items,
    error::ApiError,
    item::{Item, ItemParam, Part, Role, Status},
    metadata, models,
    stamp::new_id,
    tool::Tool,
};

/// All parameters of the API, so that a misspelt one is refused; those without effect here are ignored.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CreateResponse {
    pub(super) model: Option<String>,
    pub(super) input: Option<Input>,
    pub(super) instructions: Option<String>,
    pub(super) conversation: Option<Reference>,
    previous_response_id: Option<String>,
    pub(super) stream: Option<bool>,
    pub(super) store: Option<bool>,
    pub(super) tools: Option<Vec<Tool>>,
    pub(super) tool_choice: Option<Value>,
    pub(super) parallel_tool_calls: Option<bool>,
    pub(super) max_output_tokens: Option<u64>,
    pub(super) temperature: Option<f64>,
    pub(super) top_p: Option<f64>,
    pub(super) metadata: Option<Map<String, Value>>,
    pub(super) text: Option<Value>,
    pub(super) truncation: Option<String>,
    pub(super) safety_identifier: Option<String>,
    pub(super) prompt_cache_key: Option<String>,
    background: Option<bool>,
    #[serde(rename = "stream_options")]
    _stream_options: Option<IgnoredAny>,
    #[serde(rename = "include")]
    _include: Option<IgnoredAny>,
    #[serde(rename = "user")]
    _user: Option<IgnoredAny>,
    #[serde(rename = "reasoning")]
    _reasoning: Option<IgnoredAny>,
    #[serde(rename = "service_tier")]
    _service_tier: Option<IgnoredAny>,
    #[serde(rename = "top_logprobs")]
    _top_logprobs: Option<IgnoredAny>,
    #[serde(rename = "max_tool_calls")]
    _max_tool_calls: Option<IgnoredAny>,
    #[serde(rename = "moderation")]
    _moderation: Option<IgnoredAny>,
    #[serde(rename = "context_management")]
    _context_management: Option<IgnoredAny>,
    #[serde(rename = "prompt_cache_retention")]
    _prompt_cache_retention: Option<IgnoredAny>,
    #[serde(rename = "prompt_cache_options")]
    _prompt_cache_options: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Input {
    Text(String),
    Items(Vec<ItemParam>),
}

#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Reference {
    Id(String),
    Object { id: String },
}

impl CreateResponse {
    /// Validates what needs no stored object. Returns the model.
    pub(super) fn check(&mut self) -> Result<String, ApiError> {
        let model = self.model.take().ok_or_else(|| missing("model"))?;
        if !models::exists(&model) {
            return Err(models::unknown(StatusCode::BAD_REQUEST, &model));
        }
        if self.conversation.is_some() && self.previous_response_id.is_some() {
            return Err(ApiError::invalid("Mutually exclusive parameters: 'conversation' and 'previous_response_id'.")
                .code("mutually_exclusive_parameters"));
        }
        if self.previous_response_id.is_some() {
            return Err(unsupported("previous_response_id"));
        }
        if self.background == Some(true) {
            return Err(unsupported("background"));
        }
        if self.max_output_tokens.is_some_and(|tokens| tokens < 16) {
            return Err(ApiError::invalid("Invalid 'max_output_tokens': must be at least 16.")
                .param("max_output_tokens")
                .code("integer_below_min_value"));
        }
        self.metadata = self.metadata.take().map(metadata::validate).transpose()?;
        Ok(model)
    }
}

fn missing(param: &str) -> ApiError {
    ApiError::invalid(format!("Missing required parameter: '{param}'.")).param(param).code("missing_required_parameter")
}

fn unsupported(param: &str) -> ApiError {
    ApiError::invalid(format!("The stand-in does not support '{param}'.")).param(param).code("unsupported_parameter")
}

impl Reference {
    pub(super) fn into_id(self) -> String {
        match self {
            Reference::Id(id) | Reference::Object { id } => id,
        }
    }
}

impl Input {
    /// The items of the input, which must be new to a conversation that holds `present`.
    pub(super) fn into_items(self, present: &[Item]) -> Result<Vec<Item>, ApiError> {
        match self {
            Input::Text(text) => Ok(vec![Item::Message {
                id: new_id("msg"),
                status: Status::Completed,
                role: Role::User,
                content: vec![Part::InputText { text }],
            }]),
            Input::Items(items) => into_items(items, "input", present),
        }
    }
}

/// Validates that there is input, that every function call has an output, and every output a call.
pub(super) fn check_context(context: &[&Item], input: &[Item]) -> Result<(), ApiError> {
    if context.is_empty() {
        return Err(missing("input"));
    }
    let has_output = |call: &str| {
        context.iter().any(|item| matches!(item, Item::FunctionCallOutput { call_id, .. } if call_id == call))
    };
    let has_call = |output: &str| {
        context.iter().any(|item| matches!(item, Item::FunctionCall { call_id, .. } if call_id == output))
    };
    for item in context {
        if let Item::FunctionCall { call_id, .. } = item
            && !has_output(call_id)
        {
            let message = format!("No tool output found for function call {call_id}.");
            return Err(ApiError::invalid(message).param("input"));
        }
    }
    for item in input {
        if let Item::FunctionCallOutput { call_id, .. } = item
            && !has_call(call_id)
        {
            let message = format!("No tool call found for function call output with call_id {call_id}.");
            return Err(ApiError::invalid(message).param("input"));
        }
    }
    Ok(())
}
