//! The response object of OpenAI's API.

use axum::{
    http::header::CONTENT_TYPE,
    response::{IntoResponse, Response as HttpResponse},
};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{
    item::Item,
    request::CreateResponse,
    stamp::{new_id, now},
    tool::Tool,
};

/// A response, as it is returned and streamed. Fields that the stand-in never varies are omitted if the schema allows.
#[derive(Clone, Serialize)]
pub(super) struct Response {
    pub(super) id: String,
    pub(super) object: &'static str,
    pub(super) created_at: u64,
    pub(super) completed_at: Option<u64>,
    pub(super) status: &'static str,
    pub(super) error: Option<Value>,
    pub(super) incomplete_details: Option<Value>,
    pub(super) output: Vec<Item>,
    pub(super) usage: Option<Usage>,
    pub(super) conversation: Option<Value>,
    pub(super) model: String,
    pub(super) instructions: Option<String>,
    pub(super) tools: Vec<Tool>,
    pub(super) tool_choice: Value,
    pub(super) parallel_tool_calls: bool,
    pub(super) max_output_tokens: Option<u64>,
    pub(super) temperature: f64,
    pub(super) top_p: f64,
    pub(super) text: Value,
    pub(super) truncation: String,
    pub(super) metadata: Map<String, Value>,
    pub(super) previous_response_id: Option<String>,
    pub(super) safety_identifier: Option<String>,
    pub(super) prompt_cache_key: Option<String>,
    pub(super) store: bool,
    pub(super) background: bool,
    pub(super) service_tier: &'static str,
    pub(super) user: Option<String>,
}

/// The token usage: four bytes of input or one delta of output count as one. There is no reasoning.
#[derive(Clone, Serialize)]
pub(super) struct Usage {
    pub(super) input_tokens: usize,
    pub(super) input_tokens_details: Value,
    pub(super) output_tokens: usize,
    pub(super) output_tokens_details: Value,
    pub(super) total_tokens: usize,
}

pub(super) fn json_response(json: Box<str>) -> HttpResponse {
    ([(CONTENT_TYPE, "application/json")], String::from(json)).into_response()
}

impl Response {
    /// A response in progress, before its first delta.
    pub(super) fn in_progress(
        request: CreateResponse,
        model: String,
        conversation: Option<String>,
        mut tools: Vec<Tool>,
    ) -> Self {
        for tool in &mut tools {
            if let Tool::Function { strict, .. } = tool {
                strict.get_or_insert(true);
            }
        }
        Self {
            id: new_id("resp"),
            object: "response",
            created_at: now(),
            completed_at: None,
            status: "in_progress",
            error: None,
            incomplete_details: None,
            output: Vec::new(),
            usage: None,
            conversation: conversation.map(|id| json!({ "id": id })),
            model,
            instructions: request.instructions,
            tools,
            tool_choice: request.tool_choice.unwrap_or_else(|| json!("auto")),
            parallel_tool_calls: request.parallel_tool_calls.unwrap_or(true),
            max_output_tokens: request.max_output_tokens,
            temperature: request.temperature.unwrap_or(1.0),
            top_p: request.top_p.unwrap_or(1.0),
            text: request.text.unwrap_or_else(|| json!({"format": {"type": "text"}})),
            truncation: request.truncation.unwrap_or_else(|| "disabled".into()),
            metadata: request.metadata.unwrap_or_default(),
            previous_response_id: None,
            safety_identifier: request.safety_identifier,
            prompt_cache_key: request.prompt_cache_key,
            store: request.store.unwrap_or(true),
            background: false,
            service_tier: "default",
            user: None,
        }
    }
}
