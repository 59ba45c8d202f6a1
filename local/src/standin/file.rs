//! `POST /v1/files`, `GET|DELETE /v1/files/{id}`.

use axum::{
    Json, Router,
    extract::{FromRequest, Multipart, Path, Request, State},
    routing::{get, post},
};
use serde_json::{Value, json};

use super::{Standin, new_id, now, refused::Refused};

pub(super) struct File {
    pub(super) name: String,
    purpose: String,
    created_at: u64,
    pub(super) content: Vec<u8>,
}

const PURPOSES: [&str; 6] = ["assistants", "batch", "fine-tune", "vision", "user_data", "evals"];

pub(super) fn routes() -> Router<Standin> {
    Router::new().route("/v1/files", post(create)).route("/v1/files/{id}", get(read).delete(delete))
}

async fn create(State(standin): State<Standin>, request: Request) -> Result<Json<Value>, Refused> {
    let form = Multipart::from_request(request, &standin).await;
    let mut form = form.map_err(|error| Refused::invalid(error.body_text()))?;
    let (mut purpose, mut file) = (None, None);
    while let Some(field) = form.next_field().await.map_err(|error| Refused::invalid(error.body_text()))? {
        let name = field.name().unwrap_or_default().to_owned();
        let file_name = field.file_name().map(ToOwned::to_owned);
        let content = field.bytes().await.map_err(|error| Refused::invalid(error.body_text()))?;
        match (name.as_str(), file_name) {
            ("purpose", _) => purpose = Some(String::from_utf8_lossy(&content).into_owned()),
            ("file", Some(name)) => file = Some((name, content.to_vec())),
            _ => {}
        }
    }
    let missing = |field| {
        Refused::invalid(format!("Missing required parameter: '{field}'."))
            .param(field)
            .code("missing_required_parameter")
    };
    let purpose = purpose.ok_or_else(|| missing("purpose"))?;
    if !PURPOSES.contains(&purpose.as_str()) {
        return Err(Refused::invalid(format!("Invalid value: '{purpose}'.")).param("purpose").code("invalid_value"));
    }
    let (name, content) = file.ok_or_else(|| missing("file"))?;
    let file = File { name, purpose, created_at: now(), content };
    let id = new_id("file");
    let answer = file.resource(&id);
    standin.world().files.insert(id, file);
    Ok(Json(answer))
}

async fn read(State(standin): State<Standin>, Path(id): Path<String>) -> Result<Json<Value>, Refused> {
    let world = standin.world();
    let file = world.files.get(&id).ok_or_else(|| missing(&id))?;
    Ok(Json(file.resource(&id)))
}

/// Takes the file out of every vector store as well, as OpenAI does.
async fn delete(State(standin): State<Standin>, Path(id): Path<String>) -> Result<Json<Value>, Refused> {
    let mut world = standin.world();
    world.files.remove(&id).ok_or_else(|| missing(&id))?;
    for store in world.vector_stores.values_mut() {
        store.remove(&id);
    }
    Ok(Json(json!({"id": id, "object": "file", "deleted": true})))
}

pub(super) fn missing(id: &str) -> Refused {
    Refused::not_found("File", id)
}

impl File {
    fn resource(&self, id: &str) -> Value {
        json!({
            "id": id,
            "object": "file",
            "bytes": self.content.len(),
            "created_at": self.created_at,
            "filename": self.name,
            "purpose": self.purpose,
            "status": "processed",
        })
    }
}
