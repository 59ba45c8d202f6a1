//! Deduplication: a message sent twice with one `client_id` is logged once.

use futures::future::join_all;
use serde_json::json;

use tests::stage::Stage;

#[tokio::test]
async fn a_repeat_gets_the_first_answer_with_its_reply() {
    let stage = Stage::start().await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    let first = customer.says_as(&thread, "c-1", "Hello").await.expect(200);
    customer.says(&thread, "Another").await.expect(200);
    let again = customer.says_as(&thread, "c-1", "Hello").await.expect(200);
    assert_eq!(first.body["message"]["client_id"], "c-1");
    assert_eq!(again.body["message"], first.body["message"]);
    assert_eq!(again.body["reply"], first.body["reply"]);
    assert_eq!(customer.log(&thread).await.len(), 4);
    assert_eq!(stage.asked().len(), 2);
}

#[tokio::test]
async fn a_repeat_of_what_a_person_is_to_answer_is_accepted_again() {
    let stage = Stage::start().await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    stage.agent().claims(&thread).await.expect(200);
    let first = customer.says_as(&thread, "c-1", "Hello").await.expect(202);
    let again = customer.says_as(&thread, "c-1", "Hello").await.expect(202);
    assert_eq!(again.body["message"], first.body["message"]);
    assert_eq!(again.body["reply"], json!(null));
    assert_eq!(customer.transcript(&thread).await, ["[claimed]", "customer: Hello"]);
}

#[tokio::test]
async fn a_repeat_is_answered_after_the_end_too() {
    let stage = Stage::start().await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    let first = customer.says_as(&thread, "c-1", "Hello").await.expect(200);
    customer.ends(&thread).await.expect(200);
    let again = customer.says_as(&thread, "c-1", "Hello").await.expect(200);
    assert_eq!(again.body["reply"], first.body["reply"]);
    customer.says_as(&thread, "c-2", "Hello").await.problem(409, "conflict");
}

#[tokio::test]
async fn a_client_id_used_for_something_else_is_a_mismatch() {
    let stage = Stage::start().await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    let other = stage.chatbot().await;
    customer.says_as(&thread, "c-1", "Hello").await.expect(200);
    customer.says_as(&thread, "c-1", "Goodbye").await.problem(422, "idempotency_mismatch");
    let elsewhere = json!({ "text": "Hello", "client_id": "c-1", "chatbot_id": other });
    let answer = customer.post(&format!("/threads/{thread}/chat"), elsewhere).await;
    answer.problem(422, "idempotency_mismatch");
    customer.ends(&thread).await.expect(200);
    customer.says_as(&thread, "c-1", "Goodbye").await.problem(422, "idempotency_mismatch");
    assert_eq!(stage.asked().len(), 1);
}

#[tokio::test]
async fn ten_repeats_at_once_are_one_message_and_one_response() {
    let stage = Stage::start().await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    let answers = join_all((0..10).map(|_| customer.says_as(&thread, "c-1", "Hello"))).await;
    for answer in &answers {
        assert!([200, 202].contains(&answer.status), "{} {}", answer.status, answer.body);
        assert_eq!(answer.body["message"], answers[0].body["message"]);
    }
    assert_eq!(customer.log(&thread).await.len(), 2);
    assert_eq!(stage.asked().len(), 1);
}

#[tokio::test]
async fn two_authors_ids_have_nothing_to_do_with_each_other() {
    let stage = Stage::start().await;
    let (customer, agent, thread) = (stage.customer(), stage.agent(), stage.thread().await);
    customer.says_as(&thread, "1", "Hello").await.expect(200);
    agent.says_as(&thread, "1", "Ana here.").await.expect(202);
    agent.says_as(&thread, "1", "Ana here.").await.expect(202);
    let log = customer.transcript(&thread).await;
    assert_eq!(log[2..], ["[claimed]", "agent: Ana here."]);
}

#[tokio::test]
async fn a_note_has_its_client_id_too() {
    let stage = Stage::start().await;
    let (agent, thread) = (stage.agent(), stage.thread().await);
    let (path, note) =
        (format!("/threads/{thread}/chat"), json!({ "text": "VIP", "client_id": "n", "internal": true }));
    let first = agent.post(&path, note.clone()).await.expect(200);
    let again = agent.post(&path, note).await.expect(200);
    assert_eq!(again.body["note"], first.body["note"]);
    agent.says_as(&thread, "n", "VIP").await.problem(422, "idempotency_mismatch");
}
