//! `POST /v1/files`, `GET|DELETE /v1/files/{id}`.

use axum::{
    Json, Router,
    extract::{FromRequest, Multipart, Path, Request, State},
    routing::{get, post},
};
use serde_json::{Value, json};

use super::{
    account::File,
    error::ApiError,
    handle::Standin,
    stamp::{new_id, now},
};

const PURPOSES: [&str; 6] = ["assistants", "batch", "fine-tune", "vision", "user_data", "evals"];

pub(super) fn routes() -> Router<Standin> {
    Router::new().route("/v1/files", post(create)).route("/v1/files/{id}", get(read).delete(delete))
}

async fn create(State(standin): State<Standin>, request: Request) -> Result<Json<Value>, ApiError> {
    let form = Multipart::from_request(request, &standin).await;
    let mut form = form.map_err(|error| ApiError::invalid(error.body_text()))?;
    let (mut purpose, mut file) = (None, None);
    while let Some(field) = form.next_field().await.map_err(|error| ApiError::invalid(error.body_text()))? {
        let name = field.name().unwrap_or_default().to_owned();
        let file_name = field.file_name().map(ToOwned::to_owned);
        let content = field.bytes().await.map_err(|error| ApiError::invalid(error.body_text()))?;
        match (name.as_str(), file_name) {
            ("purpose", _) => purpose = Some(String::from_utf8_lossy(&content).into_owned()),
            ("file", Some(name)) => file = Some((name, content.to_vec())),
            _ => {}
        }
    }
    let missing = |field| {
        ApiError::invalid(format!("Missing required parameter: '{field}'."))
            .param(field)
            .code("missing_required_parameter")
    };
    let purpose = purpose.ok_or_else(|| missing("purpose"))?;
    if !PURPOSES.contains(&purpose.as_str()) {
        return Err(ApiError::invalid(format!("Invalid value: '{purpose}'.")).param("purpose").code("invalid_value"));
    }
    let (name, content) = file.ok_or_else(|| missing("file"))?;
    let file = File { name, purpose, created_at: now(), content };
    let id = new_id("file");
    let response = file.resource(&id);
    standin.account().files.insert(id, file);
    Ok(Json(response))
}

async fn read(State(standin): State<Standin>, Path(id): Path<String>) -> Result<Json<Value>, ApiError> {
    let account = standin.account();
    let file = account.files.get(&id).ok_or_else(|| not_found(&id))?;
    Ok(Json(file.resource(&id)))
}

/// Deletes a file, and removes it from every vector store, as OpenAI does.
async fn delete(State(standin): State<Standin>, Path(id): Path<String>) -> Result<Json<Value>, ApiError> {
    let mut account = standin.account();
    account.files.remove(&id).ok_or_else(|| not_found(&id))?;
    for store in account.vector_stores.values_mut() {
        store.remove(&id);
    }
    Ok(Json(json!({"id": id, "object": "file", "deleted": true})))
}

fn not_found(id: &str) -> ApiError {
    ApiError::not_found("File", id)
}
