//! Rebuilt conversations: OpenAI's conversation is a cache of the log. A lost or broken one is rebuilt, unnoticed by
//! the customer.

use std::time::Duration;

use local::standin::{ErrorResponse as Refusal, Failure};
use reqwest::Method;
use serde_json::json;
use tokio::join;

use tests::{clock::Turned, openai::brisk, stage::Stage, table::Table};

const REBUILT: [&str; 3] = ["user: One.", "assistant: Fine.", "user: Two."];

/// A thread after one turn, and its conversation.
async fn begun(stage: &Stage) -> (String, String) {
    let thread = stage.thread().await;
    stage.next_response(Failure::Say { text: "Fine.".into() });
    stage.customer().says(&thread, "One.").await.expect(200);
    let conversation = stage.stored(&thread).await.openai.conversation_id.unwrap();
    (thread, conversation)
}

#[tokio::test]
async fn a_conversation_that_is_gone_is_built_from_the_log() {
    let stage = Stage::start().await;
    let (thread, conversation) = begun(&stage).await;
    stage.openai(Method::DELETE, &format!("/conversations/{conversation}"), json!(null)).await;
    let answer = stage.customer().says(&thread, "Two.").await.expect(200);
    assert!(answer.reply().ends_with("Earlier messages I can see: 2."), "{}", answer.reply());
    assert_eq!(stage.inputs().last().unwrap(), &REBUILT);
    assert_ne!(stage.stored(&thread).await.openai.conversation_id.unwrap(), conversation);
}

#[tokio::test]
async fn a_conversation_with_an_unanswered_call_is_built_from_the_log() {
    let stage = Stage::start().await;
    let (thread, conversation) = begun(&stage).await;
    let call = json!({ "type": "function_call", "call_id": "call_1", "name": "lookup", "arguments": "{}" });
    stage.openai(Method::POST, &format!("/conversations/{conversation}/items"), json!({ "items": [call] })).await;
    stage.customer().says(&thread, "Two.").await.expect(200);
    assert_eq!(stage.inputs().last().unwrap(), &REBUILT);
    // The broken conversation is deleted with all its items.
    let counts = stage.standin().counts();
    assert_eq!((counts.conversations, counts.items, counts.orphaned_items), (1, 4, 0));
}

#[tokio::test]
async fn a_conversation_that_stays_locked_is_left_for_a_new_one() {
    let stage = Stage::with(brisk()).await;
    let (thread, conversation) = begun(&stage).await;
    stage.responses(Refusal::status(400).code("conversation_locked"), 3);
    stage.customer().says(&thread, "Two.").await.expect(200);
    assert_eq!(stage.inputs().last().unwrap(), &REBUILT);
    assert_ne!(stage.stored(&thread).await.openai.conversation_id.unwrap(), conversation);
}

#[tokio::test]
async fn after_a_failed_run_the_next_one_starts_a_new_conversation() {
    let (stage, table) = Table::of(brisk()).await;
    let (thread, conversation) = begun(&stage).await;
    stage.responses(Failure::Cut { after: 1, landed: true, clean: false }, 2);
    stage.customer().says(&thread, "Two.").await.expect(202);
    let stored = stage.stored(&thread).await.openai;
    assert!(stored.in_doubt);
    // The second try was made in a conversation of its own.
    let second = stored.conversation_id.unwrap();
    assert_eq!(table.removals(&thread).await, std::slice::from_ref(&conversation));

    stage.releases_unheard(&thread).await;
    stage.customer().says(&thread, "Three.").await.expect(200);
    let told = [
        "user: One.",
        "assistant: Fine.",
        "user: Two.",
        "developer: The customer was put in the queue for a human agent.",
        "developer: The human agent left. You answer again from here on.",
        "user: Three.",
    ];
    assert_eq!(stage.inputs().last().unwrap(), &told);
    let stored = stage.stored(&thread).await;
    assert!(!stored.openai.in_doubt);
    let third = stored.openai.conversation_id.unwrap();
    assert!(third != conversation && third != second);
    // Deleted already, and once more when every run that could still write to it is certainly over.
    assert_eq!(stage.standin().counts().conversations, 1);
    assert_eq!(table.removals(&thread).await, [conversation, second]);
}

#[tokio::test]
async fn a_thread_made_while_openai_was_away_gets_its_conversation_at_the_first_message() {
    let stage = Stage::with(brisk()).await;
    let (customer, chatbot) = (stage.customer(), stage.chatbot().await);
    stage.standin().fault(local::standin::Fault::on("POST", "/v1/conversations", Refusal::status(503)).times(3));
    let body = json!({ "chatbot_id": chatbot, "title": "Parcel" });
    let thread = customer.post("/threads", body).await.expect(201).id();
    assert_eq!(stage.standin().counts().conversations, 0);
    customer.says(&thread, "One.").await.expect(200);
    assert_eq!(stage.standin().counts().conversations, 1);
    let made = stage.standin().requests().into_iter().rfind(|request| request.path == "/v1/conversations").unwrap();
    assert_eq!(made.body["metadata"], json!({ "title": "Parcel", "switchboard_thread": thread }));
}

#[tokio::test]
async fn what_people_said_is_told_to_the_model_when_it_has_the_line_again() {
    let stage = Stage::start().await;
    let (customer, agent) = (stage.customer(), stage.agent());
    let (thread, conversation) = begun(&stage).await;
    agent.says(&thread, "Ana here.").await.expect(202);
    agent.notes(&thread, "A difficult one").await.expect(200);
    customer.says(&thread, "Thanks!").await.expect(202);
    stage.releases_unheard(&thread).await;
    let answer = customer.says(&thread, "And now?").await.expect(200);
    let told = [
        "developer: A human agent took over. The assistant messages that follow are theirs.",
        "assistant: Ana here.",
        "user: Thanks!",
        "developer: The human agent left. You answer again from here on.",
        "user: And now?",
    ];
    assert_eq!(stage.inputs().last().unwrap(), &told);
    assert_eq!(stage.asked().last().unwrap()["conversation"], conversation);
    assert!(answer.reply().ends_with("Earlier messages I can see: 6."), "{}", answer.reply());
}

#[tokio::test]
async fn a_title_that_openai_missed_is_told_at_the_next_run() {
    let stage = Stage::with(brisk()).await;
    let customer = stage.customer();
    let (thread, conversation) = begun(&stage).await;
    let path = format!("/v1/conversations/{conversation}");
    stage.standin().fault(local::standin::Fault::on("POST", &path, Refusal::status(503)).times(3));
    customer.patch(&format!("/threads/{thread}"), json!({ "title": "Parcel" })).await.expect(200);
    assert_eq!(stage.standin().faults_left(), 0);
    stage.standin().forget_requests();
    for text in ["Two.", "Three."] {
        customer.says(&thread, text).await.expect(200);
    }
    let told: Vec<_> = stage.standin().requests().into_iter().filter(|request| request.path == path).collect();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].body["metadata"]["title"], "Parcel");
}

#[tokio::test]
async fn what_is_said_while_a_conversation_is_made_is_asked_once_and_answered_with_the_rest() {
    let turned = Turned::default();
    let stage = Stage::with(local::Options { clock: turned.clock(), ..brisk() }).await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    let (dead, made) = (stage.hold(), stage.standin().stall("POST", "/v1/conversations"));
    let (first, ()) = join!(customer.says(&thread, "First"), async {
        dead.begun().await;
        turned.by(Duration::from_secs(31));
        let (swept, ()) = join!(stage.board.sweep(), made.begun());
        assert!(swept);
        customer.says(&thread, "Second").await.expect(202);
        turned.by(Duration::from_secs(20));
        let answered = stage.hold();
        made.release();
        answered.begun().await;
        // Saving the conversation renewed the lease.
        let held_until = stage.stored(&thread).await.run.unwrap().lease_until;
        assert!(held_until > stage.board.app().now() + Duration::from_secs(20));
        answered.release();
        stage.board.invocations().finished().await;
        dead.release();
    });
    first.expect(202);
    assert_eq!(stage.inputs()[1..], [["user: First", "user: Second"]]);
    let log = customer.log(&thread).await;
    assert_eq!((log.len(), &log[2]["answers"]), (3, &json!({ "from": 1, "through": 2 })));
    assert!(!stage.stored(&thread).await.openai.in_doubt);
}
