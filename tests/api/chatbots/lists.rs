//! `GET /chatbots`.

use serde_json::json;

use tests::{
    lists::{field, sorted},
    stage::Stage,
};

#[tokio::test]
async fn a_tenants_chatbots_come_once_newest_first() {
    let stage = Stage::start().await;
    let mut made = Vec::new();
    for n in 0..7 {
        made.push(stage.chatbot_with(json!({ "name": format!("Robin {n}") })).await);
    }
    let wren = json!({ "name": "Wren", "model": "gpt-5-mini" });
    let theirs = stage.persona("umbrella", "admin", "root").post("/chatbots", wren).await.expect(201).id();
    for limit in 1..=8 {
        let pages = stage.agent().pages(&format!("/chatbots?limit={limit}")).await;
        assert_eq!(sorted(&field(&pages, "id")), sorted(&made), "limit {limit}");
        assert!(field(&pages, "created_at").is_sorted_by(|a, b| a >= b));
    }
    let pages = stage.persona("umbrella", "agent", "una").pages("/chatbots?limit=5").await;
    assert_eq!(field(&pages, "id"), [&theirs]);
}

#[tokio::test]
async fn a_list_names_documents_without_their_texts() {
    let stage = Stage::start().await;
    let documents = json!([{ "name": "a.md", "text": "A" }, { "name": "b.md", "text": "B" }]);
    stage.chatbot_with(json!({ "documents": documents })).await;
    let listed = stage.agent().get("/chatbots").await.expect(200).body;
    assert_eq!(listed["data"][0]["documents"], json!([{ "name": "a.md" }, { "name": "b.md" }]));
    assert_eq!(listed["next_cursor"], json!(null));
}
