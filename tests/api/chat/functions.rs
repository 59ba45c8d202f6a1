//! Functions that the model calls: `escalate_to_human`, and those of a chatbot.

use local::standin::Failure;
use serde_json::{Value, json};

use tests::stage::Stage;

/// A thread whose chatbot has the function `lookup`.
async fn with_lookup(stage: &Stage) -> String {
    let lookup = json!({ "name": "lookup", "parameters": { "type": "object", "properties": {} } });
    let chatbot = stage.chatbot_with(json!({ "tools": [lookup] })).await;
    stage.customer().post("/threads", json!({ "chatbot_id": chatbot })).await.expect(201).id()
}

fn call(name: &str, arguments: &str) -> Failure {
    Failure::Call { name: name.into(), arguments: arguments.into() }
}

#[tokio::test]
async fn a_customer_who_asks_for_a_person_is_put_in_the_queue() {
    let stage = Stage::start().await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    let answer = customer.says(&thread, "May I speak to a person?").await.expect(202);
    assert_eq!((&answer.body["thread"]["status"], &answer.body["thread"]["reason"]), (&json!("queued"), &json!("bot")));
    let asked = &customer.log(&thread).await[1];
    let event = json!({ "type": "escalated", "reason": "bot", "comment": "May I speak to a person?" });
    assert_eq!((&asked["event"], &asked["text"]), (&event, &json!("")));
    // The messages that follow are for people.
    customer.says(&thread, "Hello?").await.expect(202);
    assert_eq!(stage.asked().len(), 1);
}

#[tokio::test]
async fn a_reason_that_cannot_be_read_is_left_out() {
    let stage = Stage::start().await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    stage.next_response(call("escalate_to_human", "no json"));
    customer.says(&thread, "Hello").await.expect(202);
    assert_eq!(customer.log(&thread).await[1]["event"], json!({ "type": "escalated", "reason": "bot" }));
}

#[tokio::test]
async fn a_call_is_closed_with_an_output_and_the_model_goes_on() {
    let stage = Stage::start().await;
    let (customer, thread) = (stage.customer(), with_lookup(&stage).await);
    let answer = customer.says(&thread, "call lookup {}").await.expect(200);
    assert!(answer.reply().contains("The tool answered"), "{}", answer.reply());
    assert_eq!(stage.inputs(), [["user: call lookup {}"], ["[function_call_output]"]]);
    let output: Value = serde_json::from_str(stage.asked()[1]["input"][0]["output"].as_str().unwrap()).unwrap();
    assert_eq!(output["error"], "the function lookup cannot be called here");
    // The conversation can be used as before.
    customer.says(&thread, "Next").await.expect(200);
    assert_eq!(stage.standin().counts().conversations, 1);
}

#[tokio::test]
async fn the_end_takes_the_responses_of_calls_along() {
    let stage = Stage::start().await;
    let (customer, thread) = (stage.customer(), with_lookup(&stage).await);
    customer.says(&thread, "call lookup {}").await.expect(200);
    customer.ends(&thread).await.expect(200);
    assert_eq!(stage.standin().counts().responses, 0);
}

#[tokio::test]
async fn a_call_of_a_function_that_nobody_has_is_closed_too() {
    let stage = Stage::start().await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    stage.next_response(call("unheard_of", "no json"));
    customer.says(&thread, "Hello").await.expect(200);
    assert_eq!(stage.inputs()[1], ["[function_call_output]"]);
}

#[tokio::test]
async fn a_model_that_only_calls_is_stopped() {
    let stage = Stage::start().await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    stage.responses(call("unheard_of", "{}"), 100);
    let answer = customer.says(&thread, "Hello").await.expect(202);
    assert_eq!(answer.body["thread"]["reason"], "failure");
    assert_eq!(stage.asked().len(), 5);
}

#[tokio::test]
async fn a_deleted_chatbots_threads_go_to_people() {
    let stage = Stage::start().await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    customer.says(&thread, "Hello").await.expect(200);
    let chatbot = customer.reads(&thread).await["chatbot_id"].as_str().unwrap().to_owned();
    stage.admin().delete(&format!("/chatbots/{chatbot}")).await.expect(204);
    let answer = customer.says(&thread, "Still there?").await.expect(202);
    assert_eq!(answer.body["thread"]["reason"], "failure");
    assert_eq!(stage.asked().len(), 1);
}
