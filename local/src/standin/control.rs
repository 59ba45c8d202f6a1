//! The stand-in's handle over HTTP, for other processes:
//! `GET /standin/state`, `GET|POST|DELETE /standin/faults`, `GET /standin/holds/{n}`, `GET /standin/holds/{n}/begun`,
//! `POST /standin/holds/{n}/release|cut`, `GET|DELETE /standin/requests`, `POST /standin/models/{id}`.

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, State},
    http::StatusCode,
    routing::{get, post},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    account::Counts,
    error::{ApiError, parse},
    handle::Standin,
    hold::Hold,
    request_log::RecordedRequest,
};

pub(super) fn routes() -> Router<Standin> {
    Router::new()
        .route("/standin/state", get(state))
        .route("/standin/faults", get(faults).post(fault).delete(clear))
        .route("/standin/holds/{number}", get(hold))
        .route("/standin/holds/{number}/begun", get(begun))
        .route("/standin/holds/{number}/release", post(release))
        .route("/standin/holds/{number}/cut", post(cut))
        .route("/standin/requests", get(requests).delete(forget))
        .route("/standin/models/{id}", post(model))
}

async fn state(State(standin): State<Standin>) -> Json<Counts> {
    Json(standin.counts())
}

async fn faults(State(standin): State<Standin>) -> Json<Value> {
    let faults = standin.faults();
    let waiting = faults.waiting().map(|(hold, fault)| json!({"hold": hold, "fault": fault}));
    Json(json!({"data": waiting.collect::<Vec<_>>()}))
}

/// Adds a fault, and returns the number of its hold.
async fn fault(State(standin): State<Standin>, body: Bytes) -> Result<Json<Value>, ApiError> {
    let hold = standin.faults().add(parse(&body)?);
    Ok(Json(json!({"hold": hold.number()})))
}

async fn clear(State(standin): State<Standin>) -> StatusCode {
    standin.clear_faults();
    StatusCode::NO_CONTENT
}

async fn hold(State(standin): State<Standin>, Path(number): Path<usize>) -> Result<Json<Value>, ApiError> {
    Ok(Json(json!({"stage": standin.hold_numbered(number)?.stage()})))
}

/// Responds once a request waits at the hold.
async fn begun(State(standin): State<Standin>, Path(number): Path<usize>) -> Result<Json<Value>, ApiError> {
    let hold = standin.hold_numbered(number)?;
    hold.begun().await;
    Ok(Json(json!({"stage": hold.stage()})))
}

async fn release(State(standin): State<Standin>, Path(number): Path<usize>) -> Result<StatusCode, ApiError> {
    standin.hold_numbered(number)?.release();
    Ok(StatusCode::NO_CONTENT)
}

async fn cut(State(standin): State<Standin>, Path(number): Path<usize>) -> Result<StatusCode, ApiError> {
    standin.hold_numbered(number)?.cut();
    Ok(StatusCode::NO_CONTENT)
}

async fn requests(State(standin): State<Standin>) -> Json<Vec<RecordedRequest>> {
    Json(standin.requests())
}

async fn forget(State(standin): State<Standin>) -> StatusCode {
    standin.forget_requests();
    StatusCode::NO_CONTENT
}

/// Body of `POST /standin/models/{id}`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Model {
    shutdown_date: Option<String>,
}

/// Sets a model's shutdown date.
async fn model(State(standin): State<Standin>, Path(id): Path<String>, body: Bytes) -> Result<StatusCode, ApiError> {
    let model: Model = parse(&body)?;
    standin.set_shutdown_date(&id, model.shutdown_date.as_deref());
    Ok(StatusCode::NO_CONTENT)
}

impl Standin {
    fn hold_numbered(&self, number: usize) -> Result<Hold, ApiError> {
        let hold = self.faults().hold(number);
        hold.ok_or_else(|| ApiError::not_found("Hold", &number.to_string()))
    }
}
