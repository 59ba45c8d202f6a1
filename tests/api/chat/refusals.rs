//! Messages that are refused, and the reasons.

use serde_json::{Value, json};

use tests::{
    persona::{Answer, Persona},
    stage::Stage,
};

async fn chat(persona: &Persona, thread: &str, body: Value) -> Answer {
    persona.post(&format!("/threads/{thread}/chat"), body).await
}

#[tokio::test]
async fn a_thread_that_is_not_the_callers_does_not_exist() {
    let stage = Stage::start().await;
    let thread = stage.thread().await;
    let strangers = [
        ("acme", "customer", "eve"),
        ("other", "customer", "cus"),
        ("other", "agent", "ana"),
        ("other", "admin", "root"),
    ];
    for (tenant, role, sub) in strangers {
        stage.persona(tenant, role, sub).says(&thread, "Hello").await.problem(404, "not_found");
    }
    for nobody in ["thr_01JD0000000000000000000000", "thr_1", "nonsense"] {
        stage.customer().says(nobody, "Hello").await.problem(404, "not_found");
    }
    stage.anon().says(&thread, "Hello").await.problem(401, "unauthenticated");
    assert_eq!(stage.customer().log(&thread).await.len(), 0);
    assert_eq!(stage.asked().len(), 0);
}

#[tokio::test]
async fn what_is_wrong_with_a_message_is_said_of_its_field() {
    let stage = Stage::start().await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    let wrong = [
        (json!({}), "text"),
        (json!({ "text": "" }), "text"),
        (json!({ "text": " \n\t" }), "text"),
        (json!({ "text": 7 }), "text"),
        (json!({ "text": "é".repeat(32_001) }), "text"),
        (json!({ "text": "Hello", "client_id": "" }), "client_id"),
        (json!({ "text": "Hello", "client_id": "é".repeat(65) }), "client_id"),
        (json!({ "text": "Hello", "chatbot_id": "bot_01JD0000000000000000000000" }), "chatbot_id"),
        (json!({ "text": "Hello", "chatbot_id": "bot_1" }), "chatbot_id"),
        (json!({ "text": "Hello", "internal": "yes" }), "internal"),
        (json!({ "text": "Hello", "colour": "red" }), "colour"),
        (json!(["Hello"]), "body"),
        (json!("Hello"), "body"),
    ];
    for (body, field) in wrong {
        let answer = chat(&customer, &thread, body.clone()).await;
        assert_eq!(answer.body["field"], field, "{:?}", answer.body);
        answer.problem(400, "invalid");
    }
    assert_eq!(customer.log(&thread).await.len(), 0);
}

#[tokio::test]
async fn a_body_that_is_no_json_is_refused() {
    let stage = Stage::start().await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    for body in ["", "{", "{\"text\": \"Hello\"} {}", "\u{1}"] {
        let request = customer.request(reqwest::Method::POST, &format!("/threads/{thread}/chat"));
        let answer = Answer::of(request.header("content-type", "application/json").body(body)).await;
        assert_eq!(answer.body["field"], "body", "{body:?}");
        answer.problem(400, "invalid");
    }
}

#[tokio::test]
async fn the_longest_text_is_taken_and_answered() {
    let stage = Stage::start().await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    let text = "é".repeat(32_000);
    let body = json!({ "text": text, "client_id": "é".repeat(64) });
    let answer = chat(&customer, &thread, body).await.expect(200);
    assert_eq!(answer.body["message"]["text"], text);
    assert_eq!(customer.log(&thread).await[0]["text"], text);
}

#[tokio::test]
async fn a_body_over_a_megabyte_is_too_large() {
    let stage = Stage::start().await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    chat(&customer, &thread, json!({ "text": "x".repeat(1024 * 1024) })).await.problem(413, "too_large");
}

#[tokio::test]
async fn another_tenants_chatbot_answers_nobody_here() {
    let stage = Stage::start().await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    let theirs = json!({ "name": "Spy", "model": "gpt-5-mini", "instructions": "" });
    let theirs = stage.persona("other", "admin", "root").post("/chatbots", theirs).await.expect(201).id();
    let answer = chat(&customer, &thread, json!({ "text": "Hello", "chatbot_id": theirs })).await;
    assert_eq!(answer.problem(400, "invalid"), "chatbot_id: there is no such chatbot");
}

#[tokio::test]
async fn an_ended_thread_takes_no_more_messages() {
    let stage = Stage::start().await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    customer.ends(&thread).await.expect(200);
    for persona in [customer, stage.agent(), stage.admin()] {
        assert_eq!(persona.says(&thread, "Hello?").await.problem(409, "conflict"), "the thread has ended");
    }
    stage.agent().notes(&thread, "A note").await.problem(409, "conflict");
}
