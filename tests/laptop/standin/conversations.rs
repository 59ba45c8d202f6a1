//! `/v1/conversations` and their items.

use serde_json::{Value, json};

use super::{Server, refusal, valid};

fn message(text: &str) -> Value {
    json!({"role": "user", "content": text})
}

#[tokio::test]
async fn a_conversation_is_created_read_updated_and_deleted() {
    let server = Server::start().await;
    let body = json!({"metadata": {"tenant": "acme"}, "items": [message("hello")]});
    let created = valid("ConversationResource", server.post("/v1/conversations", body).await);
    let path = format!("/v1/conversations/{}", created["id"].as_str().unwrap());
    assert_eq!(valid("ConversationResource", server.get(&path).await), created);
    let updated = valid("ConversationResource", server.post(&path, json!({"metadata": {"title": "x"}})).await);
    assert_eq!(updated["metadata"], json!({"title": "x"}));
    valid("DeletedConversationResource", server.delete(&path).await);
    for answer in [server.get(&path).await, server.delete(&path).await, server.get(&format!("{path}/items")).await] {
        assert_eq!(refusal(&answer), (404, None));
    }
}

#[tokio::test]
async fn deleting_a_conversation_leaves_its_items() {
    let server = Server::start().await;
    let conversation = server.conversation().await;
    server.respond(json!({"input": "hello", "conversation": conversation})).await;
    server.delete(&format!("/v1/conversations/{conversation}")).await;
    let counts = server.standin.counts();
    assert_eq!((counts.conversations, counts.items, counts.orphaned_items), (0, 2, 2));
}

#[tokio::test]
async fn items_are_paged_in_both_orders() {
    let server = Server::start().await;
    let conversation = server.conversation().await;
    let path = format!("/v1/conversations/{conversation}/items");
    let empty = valid("ConversationItemList", server.get(&path).await);
    assert_eq!(empty, json!({"object": "list", "data": [], "first_id": null, "last_id": null, "has_more": false}));

    let items: Vec<Value> = (0..5).map(|n| message(&n.to_string())).collect();
    let added = valid("ConversationItemList", server.post(&path, json!({ "items": items })).await);
    let ids: Vec<&str> = added["data"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap()).collect();

    let newest = valid("ConversationItemList", server.get(&format!("{path}?limit=2")).await);
    assert_eq!((newest["first_id"].as_str(), newest["last_id"].as_str()), (Some(ids[4]), Some(ids[3])));
    assert_eq!(newest["has_more"], true);
    let rest = format!("{path}?order=asc&limit=3&after={}", ids[1]);
    let rest = valid("ConversationItemList", server.get(&rest).await);
    assert_eq!((rest["first_id"].as_str(), rest["last_id"].as_str()), (Some(ids[2]), Some(ids[4])));
    assert_eq!(rest["has_more"], false);
    assert_eq!(refusal(&server.get(&format!("{path}?limit=101")).await), (400, Some("invalid_value")));
}

#[tokio::test]
async fn a_deleted_item_is_gone_and_no_page_starts_after_it() {
    let server = Server::start().await;
    let conversation = server.conversation().await;
    let path = format!("/v1/conversations/{conversation}/items");
    server.post(&path, json!({"items": [message("a"), message("b")]})).await;
    let id = server.item_ids(&conversation).await.remove(0);
    let one = format!("{path}/{id}");
    valid("ConversationItem", server.get(&one).await);
    let left = valid("ConversationResource", server.delete(&one).await);
    assert_eq!(left["id"], conversation.as_str());
    assert_eq!(refusal(&server.get(&one).await), (404, None));
    assert_eq!(refusal(&server.delete(&one).await), (404, None));
    assert_eq!(refusal(&server.get(&format!("{path}?after={id}")).await), (404, None));
    assert_eq!(server.item_ids(&conversation).await.len(), 1);
}

#[tokio::test]
async fn items_that_openai_refuses_are_refused_and_none_is_kept() {
    let server = Server::start().await;
    let conversation = server.conversation().await;
    let path = format!("/v1/conversations/{conversation}/items");
    let added = async |items: Value| {
        let answer = server.post(&path, json!({ "items": items })).await;
        let (status, code) = refusal(&answer);
        (status, code.unwrap_or_default().to_owned())
    };
    let refused = |code: &str| (400, code.to_owned());
    let known = json!({"id": "msg_known", "role": "user", "content": "x"});
    server.post(&path, json!({"items": [known]})).await;
    assert_eq!(added(json!([message("new"), known])).await, refused("item_already_in_conversation"));
    let misnamed = json!({"id": "rs_1", "role": "user", "content": "x"});
    assert_eq!(added(json!([misnamed])).await, refused("invalid_value"));
    assert_eq!(added(json!(vec![message("x"); 21])).await, refused("array_above_max_length"));
    assert_eq!(added(json!([{"type": "reasoning"}])).await, refused("invalid_value"));
    assert_eq!(server.item_ids(&conversation).await, ["msg_known"]);
}

#[tokio::test]
async fn metadata_has_its_limits() {
    let server = Server::start().await;
    let created = async |metadata: Value| {
        let answer = server.post("/v1/conversations", json!({ "metadata": metadata })).await;
        let (status, code) = refusal(&answer);
        (status, code.unwrap_or_default().to_owned())
    };
    let refused = |code: &str| (400, code.to_owned());
    let many: Value = (0..17).map(|n| (n.to_string(), json!("v"))).collect::<serde_json::Map<_, _>>().into();
    assert_eq!(created(many).await, refused("object_above_max_properties"));
    assert_eq!(created(json!({"k".repeat(65): "v"})).await, refused("string_above_max_length"));
    assert_eq!(created(json!({"k": "v".repeat(513)})).await, refused("string_above_max_length"));
    assert_eq!(created(json!({"k": 1})).await, refused("invalid_type"));
    assert_eq!(server.standin.counts().conversations, 0);
}
