//! `POST|GET /v1/vector_stores`, `GET|POST|DELETE /v1/vector_stores/{id}`, `POST|GET /v1/vector_stores/{id}/files`,
//! `GET|DELETE /v1/vector_stores/{id}/files/{file_id}`.

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, Query, State},
    routing::get,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    account::VectorStore,
    error::{ApiError, parse},
    handle::Standin,
    metadata,
    page::{Paging, page},
    stamp::{new_id, now},
};

pub(super) fn routes() -> Router<Standin> {
    Router::new()
        .route("/v1/vector_stores", get(list).post(create))
        .route("/v1/vector_stores/{id}", get(read).post(update).delete(delete))
        .route("/v1/vector_stores/{id}/files", get(file_list).post(file_add))
        .route("/v1/vector_stores/{id}/files/{file_id}", get(file_read).delete(file_remove))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Create {
    name: Option<String>,
    file_ids: Option<Vec<String>>,
    metadata: Option<Map<String, Value>>,
    expires_after: Option<Value>,
}

async fn create(State(standin): State<Standin>, body: Bytes) -> Result<Json<Value>, ApiError> {
    let create: Create = parse(&body)?;
    let mut account = standin.account();
    let id = new_id("vs");
    let files = create.file_ids.unwrap_or_default();
    let files = files.iter().map(|file| account.vector_store_file(&id, file, Map::new()));
    let store = VectorStore {
        id: id.clone(),
        name: create.name.unwrap_or_default(),
        metadata: metadata::validate(create.metadata.unwrap_or_default())?,
        expires_after: create.expires_after,
        created_at: now(),
        files: files.collect::<Result<_, _>>()?,
    };
    let response = store.resource();
    account.vector_stores.insert(id, store);
    Ok(Json(response))
}

async fn list(State(standin): State<Standin>, Query(paging): Query<Paging>) -> Result<Json<Value>, ApiError> {
    let account = standin.account();
    let resources: Vec<Value> = account.vector_stores.values().map(VectorStore::resource).collect();
    Ok(Json(page(resources.iter(), resource_id, &paging)?))
}

fn resource_id(resource: &Value) -> &str {
    resource["id"].as_str().unwrap_or_default()
}

async fn read(State(standin): State<Standin>, Path(id): Path<String>) -> Result<Json<Value>, ApiError> {
    Ok(Json(standin.account().vector_store(&id)?.resource()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Update {
    name: Option<String>,
    metadata: Option<Map<String, Value>>,
    expires_after: Option<Value>,
}

async fn update(State(standin): State<Standin>, Path(id): Path<String>, body: Bytes) -> Result<Json<Value>, ApiError> {
    let update: Update = parse(&body)?;
    let metadata = update.metadata.map(metadata::validate).transpose()?;
    let mut account = standin.account();
    let store = account.vector_store(&id)?;
    store.name = update.name.unwrap_or_else(|| store.name.clone());
    store.expires_after = update.expires_after.or(store.expires_after.take());
    if let Some(metadata) = metadata {
        store.metadata = metadata;
    }
    Ok(Json(store.resource()))
}

/// Deletes a vector store; the files themselves stay.
async fn delete(State(standin): State<Standin>, Path(id): Path<String>) -> Result<Json<Value>, ApiError> {
    let mut account = standin.account();
    account.vector_store(&id)?;
    account.vector_stores.remove(&id);
    Ok(Json(json!({"id": id, "object": "vector_store.deleted", "deleted": true})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileAdd {
    file_id: String,
    attributes: Option<Map<String, Value>>,
}

async fn file_add(
    State(standin): State<Standin>,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Json<Value>, ApiError> {
    let FileAdd { file_id, attributes } = parse(&body)?;
    let mut account = standin.account();
    account.vector_store(&id)?;
    let file = account.vector_store_file(&id, &file_id, attributes.unwrap_or_default())?;
    let store = account.vector_store(&id)?;
    store.remove(&file_id);
    store.files.push(file.clone());
    Ok(Json(json!(file)))
}

async fn file_list(
    State(standin): State<Standin>,
    Path(id): Path<String>,
    Query(paging): Query<Paging>,
) -> Result<Json<Value>, ApiError> {
    let mut account = standin.account();
    let files = account.vector_store(&id)?.files.iter();
    Ok(Json(page(files, |file| &file.id, &paging)?))
}

async fn file_read(
    State(standin): State<Standin>,
    Path((id, file_id)): Path<(String, String)>,
) -> Result<Json<Value>, ApiError> {
    let mut account = standin.account();
    let files = &account.vector_store(&id)?.files;
    let found = files.iter().find(|file| file.id == file_id);
    found.map(|file| Json(json!(file))).ok_or_else(|| not_found(&file_id))
}

/// Removes a file from a vector store; the file itself stays.
async fn file_remove(
    State(standin): State<Standin>,
    Path((id, file_id)): Path<(String, String)>,
) -> Result<Json<Value>, ApiError> {
    if !standin.account().vector_store(&id)?.remove(&file_id) {
        return Err(not_found(&file_id));
    }
    Ok(Json(json!({"id": file_id, "object": "vector_store.file.deleted", "deleted": true})))
}

fn not_found(file_id: &str) -> ApiError {
    ApiError::not_found("File", file_id)
}
