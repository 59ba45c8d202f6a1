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
    account::Conversation,
    conversation_items,
    error::{ApiError, parse},
    handle::Standin,
    item::ItemParam,
    metadata,
    stamp::{new_id, now},
};

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

async fn create(State(standin): State<Standin>, body: Bytes) -> Result<Json<Value>, ApiError> {
    let Create { metadata, items } = parse(&body)?;
    let metadata = metadata::validate(metadata.unwrap_or_default())?;
    let conversation = Conversation { created_at: now(), metadata, running: false };
    let items = conversation_items::validate(items.unwrap_or_default(), &[])?;
    let id = new_id("conv");
    let response = conversation.resource(&id);
    let mut account = standin.account();
    account.items.insert(id.clone(), items);
    account.conversations.insert(id, conversation);
    Ok(Json(response))
}

async fn read(State(standin): State<Standin>, Path(id): Path<String>) -> Result<Json<Value>, ApiError> {
    Ok(Json(standin.account().conversation(&id)?.resource(&id)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Update {
    metadata: Option<Map<String, Value>>,
}

/// Replaces the metadata of a conversation.
async fn update(State(standin): State<Standin>, Path(id): Path<String>, body: Bytes) -> Result<Json<Value>, ApiError> {
    let Update { metadata } = parse(&body)?;
    let metadata = metadata::validate(metadata.unwrap_or_default())?;
    let mut account = standin.account();
    let conversation = account.conversation(&id)?;
    conversation.metadata = metadata;
    Ok(Json(conversation.resource(&id)))
}

/// Deletes a conversation but not its items, as OpenAI does. They cannot be listed any more, so a client that wants
/// them deleted has to do so before.
async fn delete(State(standin): State<Standin>, Path(id): Path<String>) -> Result<Json<Value>, ApiError> {
    let mut account = standin.account();
    account.conversation(&id)?;
    account.conversations.remove(&id);
    if account.items.get(&id).is_some_and(Vec::is_empty) {
        account.items.remove(&id);
    }
    Ok(Json(json!({"id": id, "object": "conversation.deleted", "deleted": true})))
}
