//! `Idempotency-Key`: the same key, the same response.

use futures::future::join_all;
use serde_json::{Value, json};

use tests::{persona::Persona, stage::Stage};

async fn creates(persona: &Persona, key: &str, chatbot: &str, title: &str) -> Value {
    persona.posts_under(key, "/threads", json!({ "chatbot_id": chatbot, "title": title })).await.expect(201).body
}

async fn count(persona: &Persona) -> usize {
    persona.get("/threads").await.expect(200).body["data"].as_array().unwrap().len()
}

#[tokio::test]
async fn a_repeat_gets_the_first_answer_even_after_a_change() {
    let stage = Stage::start().await;
    let (customer, chatbot) = (stage.customer(), stage.chatbot().await);
    let first = creates(&customer, "k1", &chatbot, "A parcel").await;
    let path = format!("/threads/{}", first["id"].as_str().unwrap());
    customer.patch(&path, json!({ "title": "Another" })).await.expect(200);
    assert_eq!(creates(&customer, "k1", &chatbot, "A parcel").await, first);
    assert_eq!((count(&customer).await, stage.standin().counts().conversations), (1, 1));
}

#[tokio::test]
async fn ten_at_once_under_one_key_make_one_thread_and_one_conversation() {
    let stage = Stage::start().await;
    let (customer, chatbot) = (stage.customer(), stage.chatbot().await);
    let all = join_all((0..10).map(|_| creates(&customer, "k1", &chatbot, "A parcel"))).await;
    assert!(all.iter().all(|one| *one == all[0]), "{all:?}");
    assert_eq!((count(&customer).await, stage.standin().counts().conversations), (1, 1));
}

#[tokio::test]
async fn one_that_was_overtaken_under_its_key_takes_its_conversation_back() {
    let stage = Stage::start().await;
    let (customer, chatbot) = (stage.customer(), stage.chatbot().await);
    let stall = stage.standin().stall("POST", "/v1/conversations");
    let (overtaken, first) = tokio::join!(creates(&customer, "k1", &chatbot, "A parcel"), async {
        stall.begun().await;
        let first = creates(&customer, "k1", &chatbot, "A parcel").await;
        stall.release();
        first
    });
    assert_eq!(overtaken, first);
    assert_eq!((count(&customer).await, stage.standin().counts().conversations), (1, 1));
}

#[tokio::test]
async fn another_request_under_a_used_key_is_refused() {
    let stage = Stage::start().await;
    let (customer, chatbot) = (stage.customer(), stage.chatbot().await);
    creates(&customer, "k1", &chatbot, "A parcel").await;
    let other = json!({ "chatbot_id": chatbot, "title": "Another" });
    let said = customer.posts_under("k1", "/threads", other).await.problem(422, "idempotency_mismatch");
    assert_eq!(said, "this Idempotency-Key was already used with different content");
    assert_eq!(stage.standin().counts().conversations, 1);
}

#[tokio::test]
async fn a_key_is_its_users_own() {
    let stage = Stage::start().await;
    let chatbot = stage.chatbot().await;
    let (one, other) = (stage.customer(), stage.persona("acme", "customer", "dora"));
    let made = creates(&one, "k1", &chatbot, "A parcel").await;
    assert_ne!(creates(&other, "k1", &chatbot, "A parcel").await["id"], made["id"]);
    assert_eq!((count(&one).await, count(&other).await), (1, 1));
}

#[tokio::test]
async fn without_a_key_each_request_makes_a_thread() {
    let stage = Stage::start().await;
    let (customer, chatbot) = (stage.customer(), stage.chatbot().await);
    for _ in 0..2 {
        stage.thread_of(&customer, &chatbot).await;
    }
    assert_eq!(count(&customer).await, 2);
}

#[tokio::test]
async fn a_refused_creation_does_not_use_up_its_key() {
    let stage = Stage::start().await;
    let (customer, chatbot) = (stage.customer(), stage.chatbot().await);
    let wrong = json!({ "chatbot_id": chatbot, "title": "A".repeat(201) });
    customer.posts_under("k1", "/threads", wrong).await.invalid();
    creates(&customer, "k1", &chatbot, "A parcel").await;
}

#[tokio::test]
async fn a_key_has_1_to_255_characters() {
    let stage = Stage::start().await;
    let (customer, chatbot) = (stage.customer(), stage.chatbot().await);
    creates(&customer, &"k".repeat(255), &chatbot, "A parcel").await;
    for key in ["", &"k".repeat(256)] {
        let said = customer.posts_under(key, "/threads", json!({ "chatbot_id": chatbot })).await.invalid();
        assert_eq!(said, "Idempotency-Key: must have 1 to 255 printable characters");
    }
}
