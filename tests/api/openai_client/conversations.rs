//! Conversations: created, labelled, deleted with all their items.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use axum::response::Response;
use serde_json::{Value, json};
use shared::openai::Failure;

use super::{
    client,
    peer::{self, Peer, Seen, refusal, status},
};

fn metadata() -> BTreeMap<String, String> {
    BTreeMap::from([("thread_id".to_owned(), "thr_1".to_owned())])
}

/// A server that keeps the items of `conv_1`, and paginates and refuses as OpenAI does.
#[derive(Clone)]
struct Kept(Arc<Mutex<Vec<String>>>);

impl Kept {
    fn items(count: usize) -> Self {
        Self(Arc::new(Mutex::new((0..count).map(|n| format!("msg_{n:04}")).collect())))
    }

    fn play(&self, seen: &Seen) -> Response {
        let (method, path) = seen.line.split_once(' ').unwrap();
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        match (method, path.strip_prefix("/v1/conversations/conv_1")) {
            ("GET", Some("/items")) => self.page(query),
            ("DELETE", Some("")) => {
                peer::json(200, &json!({ "id": "conv_1", "object": "conversation.deleted", "deleted": true }))
            }
            ("DELETE", Some(item)) => self.delete(item.strip_prefix("/items/").unwrap()),
            _ => status(418),
        }
    }

    fn page(&self, query: &str) -> Response {
        let items = self.0.lock().unwrap();
        let after = query.split('&').find_map(|pair| pair.strip_prefix("after="));
        let start = match after.map(|after| items.iter().position(|item| item == after)) {
            None => 0,
            Some(Some(position)) => position + 1,
            Some(None) => return refusal(404, "not_found", "no such item to start after"),
        };
        let rest = &items[start..];
        let page: Vec<Value> = rest.iter().take(100).map(|id| json!({ "id": id, "type": "message" })).collect();
        let edge = |item: Option<&Value>| item.map_or(Value::Null, |item| item["id"].clone());
        peer::json(
            200,
            &json!({
                "object": "list", "has_more": rest.len() > page.len(),
                "first_id": edge(page.first()), "last_id": edge(page.last()), "data": page,
            }),
        )
    }

    fn delete(&self, item: &str) -> Response {
        let mut items = self.0.lock().unwrap();
        let Some(position) = items.iter().position(|kept| kept == item) else {
            return refusal(404, "not_found", "Item not found.");
        };
        items.remove(position);
        peer::json(200, &json!({ "id": "conv_1", "object": "conversation" }))
    }
}

#[tokio::test]
async fn a_conversation_is_made_with_its_metadata() {
    let peer = Peer::saying([peer::json(200, &json!({ "id": "conv_1", "object": "conversation" }))]).await;

    let id = client(&peer).conversation_create(&metadata()).await.unwrap();

    assert_eq!(id, "conv_1");
    let request = &peer.seen()[0];
    assert_eq!(request.line, "POST /v1/conversations");
    assert_eq!(request.json(), json!({ "metadata": { "thread_id": "thr_1" } }));
}

#[tokio::test]
async fn a_server_without_conversations_refuses_to_make_one() {
    let peer = Peer::saying([peer::text(404, "text/plain", "404 page not found")]).await;
    let failure = client(&peer).conversation_create(&metadata()).await.unwrap_err();
    assert!(matches!(failure, Failure::Refused { status: 404, .. }));
}

#[tokio::test]
async fn a_new_conversation_without_an_id_is_no_success() {
    let peer = Peer::saying([peer::json(200, &json!({}))]).await;
    let failure = client(&peer).conversation_create(&metadata()).await;
    assert_eq!(failure, Err(Failure::Interrupted { code: None }));
}

#[tokio::test]
async fn new_metadata_goes_to_the_conversation_unless_it_is_missing() {
    let found = peer::json(200, &json!({ "id": "conv_1", "object": "conversation" }));
    let peer = Peer::saying([found, refusal(404, "not_found", "Conversation with id 'conv_1' not found.")]).await;
    let openai = client(&peer);

    assert_eq!(openai.conversation_update("conv_1", &metadata()).await, Ok(()));
    assert_eq!(openai.conversation_update("conv_1", &metadata()).await, Err(Failure::Missing));

    assert_eq!(peer.lines(), ["POST /v1/conversations/conv_1"; 2]);
}

#[tokio::test]
async fn all_items_go_then_the_conversation() {
    for count in [0, 1, 100, 250] {
        let kept = Kept::items(count);
        let peer = Peer::playing({
            let kept = kept.clone();
            move |seen| kept.play(seen)
        })
        .await;

        client(&peer).conversation_delete("conv_1").await.unwrap();

        assert!(kept.0.lock().unwrap().is_empty(), "of {count}");
        let lines = peer.lines();
        assert_eq!(lines.last().unwrap(), "DELETE /v1/conversations/conv_1");
        assert_eq!(lines.len(), count.div_ceil(100).max(1) + count + 1, "each is deleted once");
    }
}

#[tokio::test]
async fn a_listing_starts_over_when_somebody_else_deletes_beside_it() {
    let kept = Kept::items(250);
    let peer = Peer::playing({
        let kept = kept.clone();
        let mut listed = 0;
        move |seen| {
            let answer = kept.play(seen);
            listed += usize::from(seen.line.starts_with("GET"));
            if listed == 1 {
                kept.0.lock().unwrap().retain(|item| item != "msg_0099");
            }
            answer
        }
    })
    .await;

    client(&peer).conversation_delete("conv_1").await.unwrap();

    assert!(kept.0.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_server_that_pages_in_circles_is_left() {
    let circle = json!({ "object": "list", "data": [{ "id": "msg_1", "type": "message" }], "has_more": true });
    let peer = Peer::playing(move |seen| {
        if seen.line.starts_with("GET") { peer::json(200, &circle) } else { peer::json(200, &json!({})) }
    })
    .await;
    client(&peer).conversation_delete("conv_1").await.unwrap();
    assert_eq!(peer.seen().len(), 2 + 1 + 1);
}

#[tokio::test]
async fn what_is_gone_already_is_deleted() {
    let peer = Peer::playing(|_| refusal(404, "not_found", "not found")).await;
    let openai = client(&peer);
    assert_eq!(openai.conversation_delete("conv_1").await, Ok(()));
    assert_eq!(openai.response_delete("resp_1").await, Ok(()));
    assert_eq!(openai.file_delete("file_1").await, Ok(()));
    assert_eq!(openai.vector_store_delete("vs_1").await, Ok(()));
    assert_eq!(
        peer.lines(),
        [
            "GET /v1/conversations/conv_1/items?limit=100&order=asc",
            "DELETE /v1/conversations/conv_1",
            "DELETE /v1/responses/resp_1",
            "DELETE /v1/files/file_1",
            "DELETE /v1/vector_stores/vs_1",
        ]
    );
}

#[tokio::test]
async fn an_item_that_cannot_be_deleted_keeps_the_conversation() {
    let kept = Kept::items(3);
    let peer = Peer::playing(move |seen| {
        if seen.line.ends_with("/items/msg_0001") { refusal(403, "forbidden", "no") } else { kept.play(seen) }
    })
    .await;

    let failure = client(&peer).conversation_delete("conv_1").await.unwrap_err();

    assert!(matches!(failure, Failure::Refused { status: 403, .. }));
    assert!(!peer.lines().contains(&"DELETE /v1/conversations/conv_1".to_owned()));
}
