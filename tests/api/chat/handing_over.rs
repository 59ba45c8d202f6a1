//! The bot's own words of hand-over: logged before the escalation, in one transaction with it.

use local::standin::Failure;
use serde_json::{Value, json};

use tests::stage::Stage;

const WORDS: &str = "I will get a colleague for you.";

fn with_words() -> Failure {
    Failure::Words { text: WORDS.into() }
}

#[tokio::test]
async fn the_words_stay_and_stand_before_the_escalation() {
    let stage = Stage::start().await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    stage.next_response(with_words());
    let events = customer.streams(&thread, json!({ "text": "A person, please" })).await.rest().await;
    let heard: Vec<Value> = events.into_iter().map(|event| event.data).collect();
    let types: Vec<_> = heard.iter().map(|event| event["type"].as_str().unwrap()).collect();
    let expected = ["message.created", "message.delta", "message.created", "message.created", "thread.updated", "done"];
    assert_eq!(types, expected);
    let log = customer.log(&thread).await;
    assert_eq!((log.len(), &log[1]["role"], &log[1]["text"]), (3, &json!("bot"), &json!(WORDS)));
    assert_eq!((&log[1]["answers"], &log[2]["event"]["type"]), (&json!(null), &json!("escalated")));
    assert_eq!((&heard[2]["message"], &heard[3]["message"]), (&log[1], &log[2]));
    assert_eq!(customer.reads(&thread).await["status"], "queued");
}

#[tokio::test]
async fn chat_has_no_reply_and_a_person_answers() {
    let stage = Stage::start().await;
    let (customer, agent, thread) = (stage.customer(), stage.agent(), stage.thread().await);
    stage.next_response(with_words());
    let answer = customer.says(&thread, "A person, please").await.expect(202);
    assert_eq!((&answer.body["reply"], &answer.body["thread"]["status"]), (&json!(null), &json!("queued")));
    agent.says(&thread, "Ana here.").await.expect(202);
    stage.releases_unheard(&thread).await;
    customer.says(&thread, "Thanks").await.expect(200);
    let told = &stage.inputs()[1];
    assert!(told.contains(&format!("assistant: {WORDS}")), "{told:?}");
}
