//! Documents: files in a vector store at OpenAI, for as long as the chatbot has them.

use local::Options;
use serde_json::{Value, json};
use shared::domain::chatbot::Memory;

use tests::{stage::Stage, wire::Wire};

fn documents(names: impl IntoIterator<Item = usize>, text: &str) -> Value {
    names.into_iter().map(|n| json!({ "name": format!("{n}.md"), "text": format!("{text} {n}") })).collect()
}

/// Number of files and vector stores at OpenAI.
fn kept(stage: &Stage) -> (usize, usize) {
    let counts = stage.standin().counts();
    (counts.files, counts.vector_stores)
}

/// The vector stores that the newest response was told to search.
fn searched(stage: &Stage) -> Vec<Value> {
    let asked = stage.asked_of_openai("POST", "/v1/responses").pop().unwrap().body;
    let tools = asked["tools"].as_array().unwrap().iter();
    tools.filter(|tool| tool["type"] == "file_search").map(|tool| tool["vector_store_ids"].clone()).collect()
}

#[tokio::test]
async fn more_documents_than_a_batch_holds_keep_their_order() {
    let stage = Stage::start().await;
    let many = documents(0..60, "Page");
    let chatbot = stage.chatbot_with(json!({ "documents": many })).await;
    assert_eq!(kept(&stage), (60, 1));
    let read = stage.agent().get(&format!("/chatbots/{chatbot}")).await.expect(200).body;
    assert_eq!(read["documents"], many);
}

#[tokio::test]
async fn changed_documents_take_the_place_of_the_old_ones() {
    let wire = Wire::default();
    let stage = Stage::with(Options { dynamo: wire.transport(), ..Options::default() }).await;
    let (admin, customer) = (stage.admin(), stage.customer());
    let chatbot = stage.chatbot_with(json!({ "documents": documents(0..30, "Old") })).await;
    let thread = stage.thread_of(&customer, &chatbot).await;
    customer.says(&thread, "Hello").await.expect(200);
    let before = searched(&stage);

    let new = documents([7, 3], "New");
    let changed = admin.patch(&format!("/chatbots/{chatbot}"), json!({ "documents": new })).await.expect(200).body;
    assert_eq!(changed["documents"], new);
    assert_eq!(admin.get(&format!("/chatbots/{chatbot}")).await.expect(200).body, changed);
    assert_eq!(kept(&stage), (2, 1));
    assert_eq!(wire.partition(&format!("acme#CHATBOT#{chatbot}")).await.len(), 2);
    customer.says(&thread, "And now?").await.expect(200);
    assert_ne!(searched(&stage), before);

    admin.patch(&format!("/chatbots/{chatbot}"), json!({ "documents": [] })).await.expect(200);
    assert_eq!(kept(&stage), (0, 0));
    customer.says(&thread, "And now?").await.expect(200);
    assert_eq!(searched(&stage), [json!(null); 0]);
}

#[tokio::test]
async fn another_change_leaves_the_documents_where_they_are() {
    let stage = Stage::start().await;
    let chatbot = stage.chatbot_with(json!({ "documents": documents(0..2, "Page") })).await;
    stage.standin().forget_requests();
    stage.admin().patch(&format!("/chatbots/{chatbot}"), json!({ "name": "Wren" })).await.expect(200);
    assert!(stage.standin().requests().is_empty());
    assert_eq!(kept(&stage), (2, 1));
}

#[tokio::test]
async fn without_openai_documents_are_kept_and_brought_there_at_the_first_run() {
    let stage = Stage::start().await;
    let (admin, customer) = (stage.admin(), stage.customer());
    stage.openai_goes_down();
    let chatbot = stage.chatbot_with(json!({ "documents": documents(0..3, "Page") })).await;
    stage.openai_comes_back();
    assert_eq!(kept(&stage), (0, 0));
    let read = admin.get(&format!("/chatbots/{chatbot}")).await.expect(200).body;
    assert_eq!(read["documents"], documents(0..3, "Page"));
    let thread = stage.thread_of(&customer, &chatbot).await;
    for _ in 0..2 {
        customer.says(&thread, "Hello").await.expect(200);
        assert_eq!((kept(&stage), searched(&stage).len()), ((3, 1), 1));
    }
}

#[tokio::test]
async fn documents_that_replace_others_without_openai_are_brought_there_later() {
    let stage = Stage::start().await;
    let customer = stage.customer();
    let chatbot = stage.chatbot_with(json!({ "documents": documents(0..3, "Old") })).await;
    let thread = stage.thread_of(&customer, &chatbot).await;
    stage.openai_goes_down();
    let new = json!({ "documents": documents(0..2, "New") });
    stage.admin().patch(&format!("/chatbots/{chatbot}"), new).await.expect(200);
    stage.openai_comes_back();
    customer.says(&thread, "Hello").await.expect(200);
    // The old ones are due for deletion by the sweep.
    assert_eq!((kept(&stage), searched(&stage).len()), ((5, 2), 1));
}

#[tokio::test]
async fn with_local_memory_documents_go_along_with_the_instructions() {
    for (options, memory) in
        [(Options { memory: Memory::Local, ..Options::default() }, "conversation"), (Options::default(), "local")]
    {
        let stage = Stage::with(options).await;
        let customer = stage.customer();
        let chatbot = stage.chatbot_with(json!({ "documents": documents([1], "Page"), "memory": memory })).await;
        let thread = stage.thread_of(&customer, &chatbot).await;
        customer.says(&thread, "Hello").await.expect(200);
        assert_eq!((kept(&stage), searched(&stage).len()), ((0, 0), 0));
        let asked = stage.asked_of_openai("POST", "/v1/responses").remove(0).body;
        // Only a sentence about notes in the log follows.
        let rest = asked["instructions"].as_str().unwrap().strip_prefix("Be brief.\n\n# 1.md\n\nPage 1\n\n");
        assert!(rest.is_some_and(|rest| !rest.contains("Page")), "{asked}");
    }
}
