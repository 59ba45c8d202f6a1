//! Token usage: for staff alone, in what they read, and in nothing that is broadcast.

use serde_json::{Value, json};

use tests::{cited_answer::QUESTION, stage::Stage};

fn tokens() -> Value {
    json!({ "input": 1200, "cached": 1024, "output": 34, "reasoning": 10 })
}

/// Checks that `usage` occurs nowhere in the value.
#[track_caller]
fn without_usage(value: &Value) {
    assert!(!value.to_string().contains("usage"), "{value}");
}

#[tokio::test]
async fn staff_read_what_each_answer_took_and_what_the_thread_took() {
    let stage = Stage::start().await;
    let thread = stage.thread_with_cited_answer().await;
    for staff in [stage.agent(), stage.admin()] {
        let log = staff.log(&thread).await;
        assert_eq!((log[0].get("usage"), &log[1]["usage"]), (None, &tokens()));
        assert_eq!(staff.reads(&thread).await["usage"], tokens());
        let listed = staff.get("/threads").await.expect(200).body;
        assert_eq!(listed["data"][0]["usage"], tokens());
    }
}

#[tokio::test]
async fn a_thread_that_took_no_tokens_has_no_usage() {
    let stage = Stage::start().await;
    let thread = stage.thread().await;
    without_usage(&stage.agent().reads(&thread).await);
}

#[tokio::test]
async fn customers_never_read_tokens() {
    let stage = Stage::start().await;
    let (customer, thread) = (stage.customer(), stage.thread_with_cited_answer().await);
    without_usage(&customer.get(&format!("/threads/{thread}/messages")).await.expect(200).body);
    without_usage(&customer.reads(&thread).await);
    without_usage(&customer.get("/threads?with=last_message").await.expect(200).body);
}

#[tokio::test]
async fn chats_answer_and_its_stream_carry_no_tokens() {
    let stage = Stage::start().await;
    let (customer, thread) = (stage.customer(), stage.thread_with_cited_answer().await);
    let (client_id, text) = QUESTION;
    let repeated = customer.says_as(&thread, client_id, text).await.expect(200).body;
    assert_eq!(repeated["reply"]["cut"], "length");
    without_usage(&repeated);
    let message = json!({ "id": client_id, "role": "user", "parts": [{ "type": "text", "text": text }] });
    let body = json!({ "id": thread, "messages": [message], "trigger": "submit-message" });
    without_usage(&json!(customer.chats(&body).await));
    without_usage(&stage.agent().says(&thread, "Ana here.").await.expect(202).body);
}

#[tokio::test]
async fn no_socket_hears_of_tokens_not_even_an_agents() {
    let stage = Stage::start().await;
    let (agent, thread) = (stage.agent(), stage.thread_with_cited_answer().await);
    for listener in [stage.customer(), agent.clone()] {
        let mut socket = listener.connects().await;
        socket.says(json!({ "action": "subscribe", "thread_id": thread, "after": 0 })).await;
        let replayed = [socket.hears_of("message.created").await, socket.hears_of("message.created").await];
        assert_eq!(replayed[1]["message"]["sources"], json!([{ "document": "prices.md" }, { "document": "hours.md" }]));
        agent.claims(&thread).await.expect(200);
        agent.releases(&thread, "queue").await.expect(200);
        let updated = socket.hears_of("thread.updated").await;
        without_usage(&json!([replayed, updated, socket.heard_so_far().await]));
    }
}
