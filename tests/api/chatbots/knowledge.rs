//! Documents: at OpenAI as files in a vector store, for as long as the chatbot has them.

use local::Options;
use serde_json::{Value, json};
use shared::domain::chatbot::Memory;

use tests::{stage::World, wire::Wire};

fn documents(names: impl IntoIterator<Item = usize>, text: &str) -> Value {
    names.into_iter().map(|n| json!({ "name": format!("{n}.md"), "text": format!("{text} {n}") })).collect()
}

/// Files and vector stores at OpenAI.
fn kept(world: &World) -> (usize, usize) {
    let counts = world.standin().counts();
    (counts.files, counts.vector_stores)
}

/// The vector stores that the newest response was to search.
fn searched(world: &World) -> Vec<Value> {
    let asked = world.asked_of_openai("POST", "/v1/responses").pop().unwrap().body;
    let tools = asked["tools"].as_array().unwrap().iter();
    tools.filter(|tool| tool["type"] == "file_search").map(|tool| tool["vector_store_ids"].clone()).collect()
}

#[tokio::test]
async fn more_documents_than_a_batch_holds_keep_their_order() {
    let world = World::start().await;
    let many = documents(0..60, "Page");
    let chatbot = world.chatbot_with(json!({ "documents": many })).await;
    assert_eq!(kept(&world), (60, 1));
    let read = world.agent().get(&format!("/chatbots/{chatbot}")).await.expect(200).body;
    assert_eq!(read["documents"], many);
}

#[tokio::test]
async fn changed_documents_take_the_place_of_the_old_ones() {
    let wire = Wire::default();
    let world = World::with(Options { dynamo: wire.transport(), ..Options::default() }).await;
    let (admin, customer) = (world.admin(), world.customer());
    let chatbot = world.chatbot_with(json!({ "documents": documents(0..30, "Old") })).await;
    let thread = world.thread_of(&customer, &chatbot).await;
    customer.says(&thread, "Hello").await.expect(200);
    let before = searched(&world);

    let new = documents([7, 3], "New");
    let changed = admin.patch(&format!("/chatbots/{chatbot}"), json!({ "documents": new })).await.expect(200).body;
    assert_eq!(changed["documents"], new);
    assert_eq!(admin.get(&format!("/chatbots/{chatbot}")).await.expect(200).body, changed);
    assert_eq!(kept(&world), (2, 1));
    assert_eq!(wire.partition(&format!("acme#CHATBOT#{chatbot}")).await.len(), 2);
    customer.says(&thread, "And now?").await.expect(200);
    assert_ne!(searched(&world), before);

    admin.patch(&format!("/chatbots/{chatbot}"), json!({ "documents": [] })).await.expect(200);
    assert_eq!(kept(&world), (0, 0));
    customer.says(&thread, "And now?").await.expect(200);
    assert_eq!(searched(&world), [json!(null); 0]);
}

#[tokio::test]
async fn another_change_leaves_the_documents_where_they_are() {
    let world = World::start().await;
    let chatbot = world.chatbot_with(json!({ "documents": documents(0..2, "Page") })).await;
    world.standin().forget_requests();
    world.admin().patch(&format!("/chatbots/{chatbot}"), json!({ "name": "Wren" })).await.expect(200);
    assert!(world.standin().requests().is_empty());
    assert_eq!(kept(&world), (2, 1));
}

#[tokio::test]
async fn without_openai_documents_are_kept_and_brought_there_at_the_first_run() {
    let world = World::start().await;
    let (admin, customer) = (world.admin(), world.customer());
    world.openai_goes_down();
    let chatbot = world.chatbot_with(json!({ "documents": documents(0..3, "Page") })).await;
    world.openai_comes_back();
    assert_eq!(kept(&world), (0, 0));
    let read = admin.get(&format!("/chatbots/{chatbot}")).await.expect(200).body;
    assert_eq!(read["documents"], documents(0..3, "Page"));
    let thread = world.thread_of(&customer, &chatbot).await;
    for _ in 0..2 {
        customer.says(&thread, "Hello").await.expect(200);
        assert_eq!((kept(&world), searched(&world).len()), ((3, 1), 1));
    }
}

#[tokio::test]
async fn documents_that_replace_others_without_openai_are_brought_there_later() {
    let world = World::start().await;
    let customer = world.customer();
    let chatbot = world.chatbot_with(json!({ "documents": documents(0..3, "Old") })).await;
    let thread = world.thread_of(&customer, &chatbot).await;
    world.openai_goes_down();
    let new = json!({ "documents": documents(0..2, "New") });
    world.admin().patch(&format!("/chatbots/{chatbot}"), new).await.expect(200);
    world.openai_comes_back();
    customer.says(&thread, "Hello").await.expect(200);
    // The old ones are due to be removed, which is the sweep's work.
    assert_eq!((kept(&world), searched(&world).len()), ((5, 2), 1));
}

#[tokio::test]
async fn with_local_memory_documents_go_along_with_the_instructions() {
    for (options, memory) in
        [(Options { memory: Memory::Local, ..Options::default() }, "conversation"), (Options::default(), "local")]
    {
        let world = World::with(options).await;
        let customer = world.customer();
        let chatbot = world.chatbot_with(json!({ "documents": documents([1], "Page"), "memory": memory })).await;
        let thread = world.thread_of(&customer, &chatbot).await;
        customer.says(&thread, "Hello").await.expect(200);
        assert_eq!((kept(&world), searched(&world).len()), ((0, 0), 0));
        let asked = world.asked_of_openai("POST", "/v1/responses").remove(0).body;
        assert_eq!(asked["instructions"], "Be brief.\n\n# 1.md\n\nPage 1");
    }
}
