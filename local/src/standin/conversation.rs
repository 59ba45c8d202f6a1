//! `POST /v1/conversations`, `GET|POST|DELETE /v1/conversations/{id}`.

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, State},
    routing::{get, post},
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    Standin,
    conversation_item::accept,
    item::ItemParam,
    new_id, now,
    refused::{Refused, parse},
};

pub(super) struct Conversation {
    created_at: u64,
    metadata: Map<String, Value>,
    /// A response is under way: no other may start, nothing may be added.
    pub(super) running: bool,
}

pub(super) fn routes() -> Router<Standin> {
    Router::new()
        .route("/v1/conversations", post(create))
        .route("/v1/conversations/{id}", get(read).post(update).delete(delete))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Create {
    metadata: Option<Map<String, Value>>,
    items: Option<Vec<ItemParam>>,
}

async fn create(State(standin): State<Standin>, body: Bytes) -> Result<Json<Value>, Refused> {
    let Create { metadata, items } = parse(&body)?;
    let conversation =
        Conversation { created_at: now(), metadata: checked(metadata.unwrap_or_default())?, running: false };
    let items = accept(items.unwrap_or_default(), &[])?;
    let id = new_id("conv");
    let answer = conversation.resource(&id);
    let mut world = standin.world();
    world.items.insert(id.clone(), items);
    world.conversations.insert(id, conversation);
    Ok(Json(answer))
}

async fn read(State(standin): State<Standin>, Path(id): Path<String>) -> Result<Json<Value>, Refused> {
    Ok(Json(standin.world().conversation(&id)?.resource(&id)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Update {
    metadata: Option<Map<String, Value>>,
}

/// The metadata given replaces the metadata there was.
async fn update(State(standin): State<Standin>, Path(id): Path<String>, body: Bytes) -> Result<Json<Value>, Refused> {
    let Update { metadata } = parse(&body)?;
    let metadata = checked(metadata.unwrap_or_default())?;
    let mut world = standin.world();
    let conversation = world.conversation(&id)?;
    conversation.metadata = metadata;
    Ok(Json(conversation.resource(&id)))
}

/// Its items stay, where nobody can list them any more: whoever means to remove them does so before.
async fn delete(State(standin): State<Standin>, Path(id): Path<String>) -> Result<Json<Value>, Refused> {
    let mut world = standin.world();
    world.conversation(&id)?;
    world.conversations.remove(&id);
    if world.items.get(&id).is_some_and(Vec::is_empty) {
        world.items.remove(&id);
    }
    Ok(Json(json!({"id": id, "object": "conversation.deleted", "deleted": true})))
}

impl Conversation {
    pub(super) fn resource(&self, id: &str) -> Value {
        json!({"id": id, "object": "conversation", "created_at": self.created_at, "metadata": self.metadata})
    }
}

/// At most 16 pairs, keys of 64 and string values of 512 characters.
pub(super) fn checked(metadata: Map<String, Value>) -> Result<Map<String, Value>, Refused> {
    let refused = |message: String, code| Refused::invalid(message).param("metadata").code(code);
    if metadata.len() > 16 {
        return Err(refused("Invalid 'metadata': at most 16 pairs.".into(), "object_above_max_properties"));
    }
    for (key, value) in &metadata {
        let Some(text) = value.as_str() else {
            return Err(refused(format!("Invalid 'metadata.{key}': not a string."), "invalid_type"));
        };
        if key.chars().count() > 64 || text.chars().count() > 512 {
            return Err(refused(format!("Invalid 'metadata.{key}': too long."), "string_above_max_length"));
        }
    }
    Ok(metadata)
}
