//! `GET /v1/models`, `GET /v1/models/{id}`.

use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    routing::get,
};
use serde_json::{Value, json};

use super::{error::ApiError, handle::Standin};

/// The models in the list. Any other name that starts with `gpt-` is accepted too.
const LISTED_MODELS: [&str; 2] = ["gpt-standin", "gpt-standin-mini"];

pub(super) fn routes() -> Router<Standin> {
    Router::new().route("/v1/models", get(list)).route("/v1/models/{id}", get(read))
}

pub(super) fn exists(model: &str) -> bool {
    model.starts_with("gpt-")
}

/// The error for an unknown model: OpenAI uses 404 for the model's own URL, 400 for a response that names it.
pub(super) fn unknown(status: StatusCode, model: &str) -> ApiError {
    ApiError::new(status, format!("The model '{model}' does not exist.")).param("model").code("model_not_found")
}

async fn list(State(standin): State<Standin>) -> Json<Value> {
    Json(json!({"object": "list", "data": LISTED_MODELS.map(|id| standin.model(id))}))
}

async fn read(State(standin): State<Standin>, Path(id): Path<String>) -> Result<Json<Value>, ApiError> {
    if !exists(&id) {
        return Err(unknown(StatusCode::NOT_FOUND, &id));
    }
    Ok(Json(standin.model(&id)))
}

impl Standin {
    fn model(&self, id: &str) -> Value {
        let shutdown_date = self.account().shutdown_dates.get(id).cloned();
        json!({
            "id": id, "object": "model", "created": 1_780_000_000, "owned_by": "stand-in",
            "shutdown_date": shutdown_date,
        })
    }
}
