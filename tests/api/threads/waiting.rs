//! `GET /threads/{thread_id}/messages?after=…&wait=…`: waiting for news without a socket.

use local::Options;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use tests::{
    openai::RESPONSES,
    persona::{Answer, Persona},
    stage::Stage,
    wire::Wire,
};

fn seqs(page: &Value) -> Vec<u64> {
    page["data"].as_array().unwrap().iter().map(|message| message["seq"].as_u64().unwrap()).collect()
}

/// Sends a request, and returns once it looks at the table for news, or has its answer.
async fn waits(wire: &Wire, caller: &Persona, path: String) -> JoinHandle<Answer> {
    let (before, caller) = (wire.calls("GetItem"), caller.clone());
    let waiting = tokio::spawn(async move { caller.get(&path).await });
    while wire.calls("GetItem") == before && !waiting.is_finished() {
        tokio::task::yield_now().await;
    }
    waiting
}

#[tokio::test]
async fn what_is_there_is_given_at_once() {
    let stage = Stage::start().await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    customer.says(&thread, "Hello").await.expect(200);
    let page = customer.get(&format!("/threads/{thread}/messages?after=0&wait=20")).await.expect(200).body;
    assert_eq!(seqs(&page), [1, 2]);
}

#[tokio::test]
async fn news_ends_the_wait() {
    let wire = Wire::default();
    let stage = Stage::with(Options { dynamo: wire.transport(), ..Options::default() }).await;
    let (customer, agent, thread) = (stage.customer(), stage.agent(), stage.thread().await);
    let path = format!("/threads/{thread}/messages?after=0&wait=20");
    let waiting = waits(&wire, &customer, path).await;
    agent.says(&thread, "Ana here.").await.expect(202);
    let page = waiting.await.unwrap();
    assert_eq!(seqs(&page.expect(200).body), [1, 2]);
    assert_eq!(stage.asked_of_openai("POST", RESPONSES).len(), 0);
}

#[tokio::test]
async fn without_news_the_page_is_empty() {
    let stage = Stage::start().await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    let page = customer.get(&format!("/threads/{thread}/messages?after=0&wait=1")).await.expect(200).body;
    assert_eq!(page, json!({ "data": [], "next_cursor": null }));
}

/// A page of the SDK's messages has none of them, so its caller could not go on after them.
#[tokio::test]
async fn changes_of_owner_are_no_news_where_they_are_not_shown() {
    let wire = Wire::default();
    let stage = Stage::with(Options { dynamo: wire.transport(), ..Options::default() }).await;
    let (customer, agent, thread) = (stage.customer(), stage.agent(), stage.thread().await);
    customer.escalates(&thread).await.expect(200);
    let path = format!("/threads/{thread}/messages?as=ui&after=0&wait=20");
    let waiting = waits(&wire, &customer, path).await;
    agent.says(&thread, "Ana here.").await.expect(202);
    let page = waiting.await.unwrap();
    let page = page.expect(200).body;
    assert_eq!((page["data"].as_array().unwrap().len(), &page["data"][0]["metadata"]["seq"]), (1, &json!(3)));
}

/// Anybody may be a visitor, and each wait holds a function.
#[tokio::test]
async fn visitors_do_not_wait() {
    let stage = Stage::start().await;
    let chatbot = stage.public_chatbot().await;
    let visitor = stage.visitor(&stage.anon().visits(&chatbot).await.expect(201));
    let thread = stage.thread_of(&visitor, &chatbot).await;
    visitor.get(&format!("/threads/{thread}/messages?after=0")).await.expect(200);
    visitor.get(&format!("/threads/{thread}/messages?after=0&wait=1")).await.problem(403, "forbidden");
    visitor.escalates(&thread).await.expect(200);
    assert_eq!(visitor.resumes(&thread, "").await.status(), 204);
}

#[tokio::test]
async fn a_wait_is_refused_by_its_reason() {
    let stage = Stage::start().await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    for (query, reason) in [
        ("after=0&wait=0", "must be a number of seconds from 1 to 20"),
        ("after=0&wait=21", "must be a number of seconds from 1 to 20"),
        ("after=0&wait=1.5", "must be a number of seconds from 1 to 20"),
        ("wait=5", "can only be given with after"),
        ("before=5&wait=5", "can only be given with after"),
    ] {
        let refused = customer.get(&format!("/threads/{thread}/messages?{query}")).await.invalid();
        assert_eq!(refused, format!("wait: {reason}"), "{query}");
    }
}
