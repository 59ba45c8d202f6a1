//! `POST|GET /v1/conversations/{id}/items`, `GET|DELETE /v1/conversations/{id}/items/{item_id}`.

use std::collections::HashSet;

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, Query, State},
    routing::get,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    error::{ApiError, parse},
    handle::Standin,
    item::{Item, ItemParam},
    page::{Paging, page},
};

pub(super) fn routes() -> Router<Standin> {
    Router::new()
        .route("/v1/conversations/{id}/items", get(list).post(add))
        .route("/v1/conversations/{id}/items/{item_id}", get(read).delete(delete))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Add {
    items: Vec<ItemParam>,
}

async fn add(State(standin): State<Standin>, Path(id): Path<String>, body: Bytes) -> Result<Json<Value>, ApiError> {
    let Add { items } = parse(&body)?;
    let mut account = standin.account();
    if account.conversation(&id)?.running {
        return Err(conversation_locked());
    }
    let present = account.items(&id)?;
    let added = validate(items, present)?;
    present.extend_from_slice(&added);
    let ends = |item: Option<&Item>| item.map(|item| item.id().to_owned());
    Ok(Json(json!({
        "object": "list",
        "first_id": ends(added.first()),
        "last_id": ends(added.last()),
        "has_more": false,
        "data": added,
    })))
}

async fn list(
    State(standin): State<Standin>,
    Path(id): Path<String>,
    Query(paging): Query<Paging>,
) -> Result<Json<Value>, ApiError> {
    let mut account = standin.account();
    Ok(Json(page(account.items(&id)?.iter(), Item::id, &paging)?))
}

async fn read(
    State(standin): State<Standin>,
    Path((id, item_id)): Path<(String, String)>,
) -> Result<Json<Value>, ApiError> {
    let mut account = standin.account();
    let items = account.items(&id)?;
    let found = items.iter().find(|item| item.id() == item_id);
    found.map(|item| Json(json!(item))).ok_or_else(|| ApiError::not_found("Item", &item_id))
}

/// Deletes an item, and returns the conversation, as OpenAI does.
async fn delete(
    State(standin): State<Standin>,
    Path((id, item_id)): Path<(String, String)>,
) -> Result<Json<Value>, ApiError> {
    let mut account = standin.account();
    let items = account.items(&id)?;
    let found = items.iter().position(|item| item.id() == item_id);
    items.remove(found.ok_or_else(|| ApiError::not_found("Item", &item_id))?);
    Ok(Json(account.conversation(&id)?.resource(&id)))
}

pub(super) fn conversation_locked() -> ApiError {
    ApiError::invalid("A response is running on this conversation. Retry in a few seconds.").code("conversation_locked")
}

/// Validates new items: at most 20, none of which is in the conversation yet.
pub(super) fn validate(items: Vec<ItemParam>, present: &[Item]) -> Result<Vec<Item>, ApiError> {
    if items.len() > 20 {
        return Err(ApiError::invalid("Invalid 'items': at most 20 items.")
            .param("items")
            .code("array_above_max_length"));
    }
    into_items(items, "items", present)
}

/// Validates the items of a body's `field`. One that the conversation holds already is refused.
pub(super) fn into_items(items: Vec<ItemParam>, field: &str, present: &[Item]) -> Result<Vec<Item>, ApiError> {
    let mut known: HashSet<&str> = HashSet::new();
    if items.iter().any(ItemParam::has_id) {
        known.extend(present.iter().map(Item::id));
    }
    let mut new = Vec::with_capacity(items.len());
    for (n, item) in items.into_iter().enumerate() {
        let place = format!("{field}[{n}]");
        let item = item.into_item(&place)?;
        if known.contains(item.id()) || new.iter().any(|other: &Item| other.id() == item.id()) {
            return Err(ApiError::invalid(format!("Item '{}' is already in this conversation.", item.id()))
                .param(place)
                .code("item_already_in_conversation"));
        }
        new.push(item);
    }
    Ok(new)
}
