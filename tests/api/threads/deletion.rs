//! `DELETE /threads/{thread_id}`: deletes a thread from the table and from OpenAI.

use local::Options;
use reqwest::Method;
use serde_json::json;

use tests::{persona::Persona, stage::Stage, wire::Wire};

async fn stage() -> (Stage, Wire) {
    let wire = Wire::default();
    (Stage::with(Options { dynamo: wire.transport(), ..Options::default() }).await, wire)
}

/// A thread with every kind of item: turns, a note, a `client_id`, a listener.
async fn lively(stage: &Stage) -> String {
    let (customer, agent, thread) = (stage.customer(), stage.agent(), stage.thread().await);
    let chat = format!("/threads/{thread}/chat");
    customer.post(&chat, json!({ "text": "Hello", "client_id": "c-1" })).await.expect(200);
    customer.says(&thread, "Where is my parcel?").await.expect(200);
    agent.post(&chat, json!({ "text": "Check the depot", "internal": true })).await.expect(200);
    agent.listens(&thread).await;
    thread
}

async fn is_gone(customer: &Persona, thread: &str) {
    for (method, path, body) in [
        (Method::GET, String::new(), json!(null)),
        (Method::PATCH, String::new(), json!({ "title": "Late" })),
        (Method::DELETE, String::new(), json!(null)),
        (Method::GET, "/messages".into(), json!(null)),
        (Method::POST, "/chat".into(), json!({ "text": "Anybody?" })),
        (Method::POST, "/escalate".into(), json!({})),
        (Method::POST, "/end".into(), json!({})),
    ] {
        let answer = customer.sends(method, &format!("/threads/{thread}{path}"), body.to_string()).await;
        answer.problem(404, "not_found");
    }
    assert_eq!(customer.get("/threads").await.expect(200).body["data"], json!([]));
}

#[tokio::test]
async fn a_deleted_thread_leaves_nothing_behind() {
    let (stage, wire) = stage().await;
    let (customer, thread) = (stage.customer(), lively(&stage).await);
    let partition = format!("acme#THREAD#{thread}");
    assert!(wire.partition(&partition).await.len() >= 7);
    let before = stage.standin().counts();
    assert_eq!((before.conversations, before.responses, before.items), (1, 2, 4));

    let deleted = stage.admin().delete(&format!("/threads/{thread}")).await.expect(204);
    assert!(deleted.body.is_null());
    is_gone(&customer, &thread).await;
    let after = stage.standin().counts();
    assert_eq!((after.conversations, after.responses, after.items, after.orphaned_items), (0, 0, 0, 0));
    assert_eq!(wire.partition(&partition).await, [""; 0]);
}

#[tokio::test]
async fn an_admin_deletes_anybodys_thread_and_no_other_goes_with_it() {
    let (stage, wire) = stage().await;
    let (thread, other) = (lively(&stage).await, lively(&stage).await);
    stage.admin().delete(&format!("/threads/{thread}")).await.expect(204);
    stage.customer().get(&format!("/threads/{other}")).await.expect(200);
    assert_eq!(stage.customer().log(&other).await.len(), 4);
    assert_eq!(stage.standin().counts().conversations, 1);
    assert_eq!(wire.partition(&format!("acme#THREAD#{thread}")).await.len(), 0);
}

#[tokio::test]
async fn customers_end_their_threads_and_delete_them_only_where_they_may() {
    let stage = Stage::start().await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    let path = format!("/threads/{thread}");
    let refused = customer.delete(&path).await.problem(403, "forbidden");
    assert_eq!(refused, "customers may not delete threads here; a thread can be ended");
    customer.ends(&thread).await.expect(200);
    customer.delete(&path).await.problem(403, "forbidden");
    stage.persona("acme", "customer", "other").delete(&path).await.problem(404, "not_found");
    assert_eq!(customer.reads(&thread).await["status"], "ended");
}

#[tokio::test]
async fn where_customers_may_delete_they_cannot_while_a_person_holds_the_line() {
    let stage = Stage::with(Options { customers_may_delete: true, ..Options::default() }).await;
    let (customer, agent, thread) = (stage.customer(), stage.agent(), stage.thread().await);
    let path = format!("/threads/{thread}");
    stage.persona("acme", "customer", "other").delete(&path).await.problem(404, "not_found");
    agent.claims(&thread).await.expect(200);
    let refused = customer.delete(&path).await;
    assert_eq!(refused.body["agent"]["id"], "ana");
    refused.problem(409, "conflict");
    agent.releases(&thread, "bot").await.expect(200);
    customer.delete(&path).await.expect(204);
    is_gone(&customer, &thread).await;
}

#[tokio::test]
async fn a_log_longer_than_a_batch_goes_as_a_whole() {
    let (stage, wire) = stage().await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    customer.posts(&format!("/threads/{thread}/escalate")).await.expect(200);
    for n in 0..30 {
        customer.says(&thread, &format!("number {n}")).await.expect(202);
    }
    stage.admin().delete(&format!("/threads/{thread}")).await.expect(204);
    assert_eq!(wire.partition(&format!("acme#THREAD#{thread}")).await.len(), 0);
    assert!(wire.calls("BatchWriteItem") >= 2);
}

#[tokio::test]
async fn without_openai_a_thread_is_gone_here_and_its_removal_there_stays_due() {
    let (stage, wire) = stage().await;
    let (customer, thread) = (stage.customer(), lively(&stage).await);
    stage.openai_goes_down();
    stage.admin().delete(&format!("/threads/{thread}")).await.expect(204);
    is_gone(&customer, &thread).await;
    let left = wire.partition(&format!("acme#THREAD#{thread}")).await;
    assert!(left.iter().any(|sk| sk.starts_with("REMOVAL#conv_")), "{left:?}");
    // The log names the responses that are still to be deleted.
    assert!(left.iter().any(|sk| sk.starts_with("LOG#")), "{left:?}");
    assert_eq!(stage.standin().counts().conversations, 1);
}

#[tokio::test]
async fn a_thread_that_has_ended_can_be_deleted() {
    let (stage, wire) = stage().await;
    let (customer, thread) = (stage.customer(), lively(&stage).await);
    customer.posts(&format!("/threads/{thread}/end")).await.expect(200);
    assert_eq!(stage.standin().counts().conversations, 0);
    stage.admin().delete(&format!("/threads/{thread}")).await.expect(204);
    is_gone(&customer, &thread).await;
    assert_eq!(wire.partition(&format!("acme#THREAD#{thread}")).await.len(), 0);
}
