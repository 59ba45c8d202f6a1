//! `POST|GET /v1/vector_stores`, `GET|POST|DELETE /v1/vector_stores/{id}`, `POST|GET /v1/vector_stores/{id}/files`,
//! `GET|DELETE /v1/vector_stores/{id}/files/{file_id}`.

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, Query, State},
    routing::get,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{
    Standin,
    conversation::checked,
    file, new_id, now,
    page::{Paging, page},
    refused::{Refused, parse},
    world::World,
};

pub(super) struct VectorStore {
    id: String,
    name: String,
    metadata: Map<String, Value>,
    expires_after: Option<Value>,
    created_at: u64,
    /// Oldest first.
    files: Vec<StoreFile>,
}

/// A file within a store, indexed as soon as it is there.
#[derive(Clone, Serialize)]
struct StoreFile {
    id: String,
    object: &'static str,
    usage_bytes: usize,
    created_at: u64,
    vector_store_id: String,
    status: &'static str,
    last_error: Option<Value>,
    attributes: Map<String, Value>,
}

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

async fn create(State(standin): State<Standin>, body: Bytes) -> Result<Json<Value>, Refused> {
    let create: Create = parse(&body)?;
    let mut world = standin.world();
    let id = new_id("vs");
    let files = create.file_ids.unwrap_or_default();
    let files = files.iter().map(|file| world.store_file(&id, file, Map::new()));
    let store = VectorStore {
        id: id.clone(),
        name: create.name.unwrap_or_default(),
        metadata: checked(create.metadata.unwrap_or_default())?,
        expires_after: create.expires_after,
        created_at: now(),
        files: files.collect::<Result<_, _>>()?,
    };
    let answer = store.resource();
    world.vector_stores.insert(id, store);
    Ok(Json(answer))
}

async fn list(State(standin): State<Standin>, Query(paging): Query<Paging>) -> Result<Json<Value>, Refused> {
    let world = standin.world();
    let resources: Vec<Value> = world.vector_stores.values().map(VectorStore::resource).collect();
    Ok(Json(page(resources.iter(), resource_id, &paging)?))
}

fn resource_id(resource: &Value) -> &str {
    resource["id"].as_str().unwrap_or_default()
}

async fn read(State(standin): State<Standin>, Path(id): Path<String>) -> Result<Json<Value>, Refused> {
    Ok(Json(standin.world().vector_store(&id)?.resource()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Update {
    name: Option<String>,
    metadata: Option<Map<String, Value>>,
    expires_after: Option<Value>,
}

async fn update(State(standin): State<Standin>, Path(id): Path<String>, body: Bytes) -> Result<Json<Value>, Refused> {
    let update: Update = parse(&body)?;
    let metadata = update.metadata.map(checked).transpose()?;
    let mut world = standin.world();
    let store = world.vector_store(&id)?;
    store.name = update.name.unwrap_or_else(|| store.name.clone());
    store.expires_after = update.expires_after.or(store.expires_after.take());
    if let Some(metadata) = metadata {
        store.metadata = metadata;
    }
    Ok(Json(store.resource()))
}

/// Its files stay.
async fn delete(State(standin): State<Standin>, Path(id): Path<String>) -> Result<Json<Value>, Refused> {
    let mut world = standin.world();
    world.vector_store(&id)?;
    world.vector_stores.remove(&id);
    Ok(Json(json!({"id": id, "object": "vector_store.deleted", "deleted": true})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileAdd {
    file_id: String,
    attributes: Option<Map<String, Value>>,
}

async fn file_add(State(standin): State<Standin>, Path(id): Path<String>, body: Bytes) -> Result<Json<Value>, Refused> {
    let FileAdd { file_id, attributes } = parse(&body)?;
    let mut world = standin.world();
    world.vector_store(&id)?;
    let file = world.store_file(&id, &file_id, attributes.unwrap_or_default())?;
    let store = world.vector_store(&id)?;
    store.remove(&file_id);
    store.files.push(file.clone());
    Ok(Json(json!(file)))
}

async fn file_list(
    State(standin): State<Standin>,
    Path(id): Path<String>,
    Query(paging): Query<Paging>,
) -> Result<Json<Value>, Refused> {
    let mut world = standin.world();
    let files = world.vector_store(&id)?.files.iter();
    Ok(Json(page(files, |file| &file.id, &paging)?))
}

async fn file_read(
    State(standin): State<Standin>,
    Path((id, file_id)): Path<(String, String)>,
) -> Result<Json<Value>, Refused> {
    let mut world = standin.world();
    let files = &world.vector_store(&id)?.files;
    let found = files.iter().find(|file| file.id == file_id);
    found.map(|file| Json(json!(file))).ok_or_else(|| file::missing(&file_id))
}

/// Out of the store only; the file itself stays.
async fn file_remove(
    State(standin): State<Standin>,
    Path((id, file_id)): Path<(String, String)>,
) -> Result<Json<Value>, Refused> {
    if !standin.world().vector_store(&id)?.remove(&file_id) {
        return Err(file::missing(&file_id));
    }
    Ok(Json(json!({"id": file_id, "object": "vector_store.file.deleted", "deleted": true})))
}

impl VectorStore {
    /// Whether it was there.
    pub(super) fn remove(&mut self, file: &str) -> bool {
        let before = self.files.len();
        self.files.retain(|present| present.id != file);
        self.files.len() < before
    }

    fn resource(&self) -> Value {
        let files = self.files.len();
        let mut resource = json!({
            "id": self.id,
            "object": "vector_store",
            "created_at": self.created_at,
            "last_active_at": self.created_at,
            "name": self.name,
            "metadata": self.metadata,
            "usage_bytes": self.files.iter().map(|file| file.usage_bytes).sum::<usize>(),
            "status": "completed",
            "file_counts": {"in_progress": 0, "completed": files, "failed": 0, "cancelled": 0, "total": files},
        });
        if let Some(expires_after) = &self.expires_after {
            resource["expires_after"] = expires_after.clone();
        }
        resource
    }
}

impl World {
    pub(super) fn vector_store(&mut self, id: &str) -> Result<&mut VectorStore, Refused> {
        let found = self.vector_stores.get_mut(id);
        found.ok_or_else(|| Refused::not_found("Vector store", id))
    }

    fn store_file(&self, store: &str, file: &str, attributes: Map<String, Value>) -> Result<StoreFile, Refused> {
        let usage_bytes = self.files.get(file).map(|file| file.content.len());
        Ok(StoreFile {
            id: file.to_owned(),
            object: "vector_store.file",
            usage_bytes: usage_bytes.ok_or_else(|| file::missing(file))?,
            created_at: now(),
            vector_store_id: store.to_owned(),
            status: "completed",
            last_error: None,
            attributes,
        })
    }

    /// The line of the stores' files that shares most words with `question`, and its file's name.
    /// As good a search as a stand-in needs to show that its knowledge arrived.
    pub(super) fn search(&self, stores: &[String], question: &str) -> Option<(&str, String)> {
        let words = |text: &str| -> Vec<String> {
            let words = text.split(|c: char| !c.is_alphanumeric());
            words.filter(|word| word.chars().count() > 3).map(str::to_lowercase).collect()
        };
        let asked = words(question);
        let shared = |line: &str| words(line).iter().filter(|word| asked.contains(word)).count();
        let stores = stores.iter().filter_map(|id| self.vector_stores.get(id));
        let files = stores.flat_map(|store| &store.files).filter_map(|file| self.files.get(&file.id));
        files
            .flat_map(|file| {
                let text = String::from_utf8_lossy(&file.content);
                text.lines().map(|line| (file.name.as_str(), line.trim().to_owned())).collect::<Vec<_>>()
            })
            .map(|(name, line)| (shared(&line), name, line))
            .filter(|(score, ..)| *score > 0)
            .max_by_key(|(score, ..)| *score)
            .map(|(_, name, line)| (name, line))
    }
}
