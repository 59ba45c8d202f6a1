//! `POST /v1/responses`, `GET|DELETE /v1/responses/{id}`.

use axum::{
    Extension, Json, Router,
    body::Bytes,
    extract::{Path, State},
    http::header::CONTENT_TYPE,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::{Value, json};

use super::{
    error::{ApiError, parse},
    fault::MatchedFault,
    handle::Standin,
    play::Play,
    request::CreateResponse,
    response::json_response,
};

pub(super) fn routes() -> Router<Standin> {
    Router::new().route("/v1/responses", post(create)).route("/v1/responses/{id}", get(read).delete(delete))
}

async fn create(
    State(standin): State<Standin>,
    fault: Option<Extension<MatchedFault>>,
    body: Bytes,
) -> Result<Response, ApiError> {
    let request: CreateResponse = parse(&body)?;
    let stream = request.stream == Some(true);
    let (script, lock) = standin.begin(request, fault.map(|Extension(fault)| fault))?;
    let play = Play::new(standin, script, lock);
    if stream {
        Ok(([(CONTENT_TYPE, "text/event-stream; charset=utf-8")], play.into_body()).into_response())
    } else {
        Ok(play.into_response().await)
    }
}

async fn read(State(standin): State<Standin>, Path(id): Path<String>) -> Result<Response, ApiError> {
    let account = standin.account();
    let found = account.responses.get(&id).ok_or_else(|| ApiError::not_found("Response", &id))?;
    Ok(json_response(found.clone()))
}

/// Deletes a response; its items stay in its conversation.
async fn delete(State(standin): State<Standin>, Path(id): Path<String>) -> Result<Json<Value>, ApiError> {
    let response = standin.account().responses.remove(&id);
    response.ok_or_else(|| ApiError::not_found("Response", &id))?;
    Ok(Json(json!({"id": id, "object": "response", "deleted": true})))
}
