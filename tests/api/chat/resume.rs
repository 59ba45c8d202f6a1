//! `GET /chat/{thread_id}/stream`: the next message of the bot or of a person, after a stream has ended.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use local::Options;
use serde_json::{Value, json};

use tests::{
    openai::brisk,
    stage::Stage,
    streams::{chunks, silence, text, types},
};

/// A stage whose streams wait for a person for an instant.
async fn impatient() -> Stage {
    Stage::with(Options { person_wait: Duration::from_millis(20), ..Options::default() }).await
}

#[tokio::test]
async fn where_nobody_is_awaited_there_is_no_stream() {
    let stage = Stage::start().await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    let path = format!("/chat/{thread}/stream");
    assert_eq!(customer.get(&path).await.expect(204).body, Value::Null);
    customer.says(&thread, "Hello").await.expect(200);
    customer.get(&path).await.expect(204);
    customer.get(&format!("{path}?after=2")).await.expect(204);
    customer.ends(&thread).await.expect(200);
    customer.get(&format!("{path}?after=2")).await.expect(204);
}

#[tokio::test]
async fn an_answer_that_is_being_written_is_told_whole() {
    let stage = Stage::start().await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    let hold = stage.hold_after(3);
    let _lost = customer.streams(&thread, json!({ "text": "Hello" })).await;
    hold.begun().await;
    let resumed = customer.resumes(&thread, "").await;
    hold.release();
    let resumed = chunks(resumed).await;
    let expected = ["start", "text-start", "text-delta", "text-end", "message-metadata", "finish"];
    assert_eq!(types(&resumed), expected);
    assert_eq!(customer.log(&thread).await[1]["text"], text(&resumed, "text-1"));
}

#[tokio::test]
async fn all_answers_of_a_run_are_one_message() {
    let stage = Stage::start().await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    let hold = stage.hold();
    let _lost = customer.streams(&thread, json!({ "text": "First" })).await;
    hold.begun().await;
    customer.says(&thread, "Second").await.expect(202);
    let resumed = customer.resumes(&thread, "").await;
    hold.release();
    let resumed = chunks(resumed).await;
    assert!(text(&resumed, "text-1").contains("\"First\""), "{resumed:?}");
    assert!(text(&resumed, "text-2").contains("\"Second\""), "{resumed:?}");
}

#[tokio::test]
async fn a_persons_next_message_is_told() {
    let stage = Stage::start().await;
    let (customer, agent, thread) = (stage.customer(), stage.agent(), stage.thread().await);
    customer.escalates(&thread).await.expect(200);
    let waiting = customer.resumes(&thread, "").await;
    agent.says(&thread, "Ana here.").await.expect(202);
    let told = chunks(waiting).await;
    let expected = ["start", "text-start", "text-delta", "text-end", "message-metadata", "data-thread", "finish"];
    assert_eq!(types(&told), expected);
    assert_eq!(text(&told, "text-1"), "Ana here.");
    assert_eq!(told[5]["data"]["agent"]["id"], "ana");
    let log = customer.log(&thread).await;
    let metadata = json!({
        "thread_id": thread, "message_id": log[2]["id"], "seq": 3, "at": log[2]["at"], "role": "agent",
        "owner": "agent",
    });
    assert_eq!(told[0], json!({ "type": "start", "messageId": log[2]["id"], "messageMetadata": metadata }));
}

#[tokio::test]
async fn a_claim_ends_the_answer_and_not_the_stream() {
    let stage = Stage::start().await;
    let (customer, agent, thread) = (stage.customer(), stage.agent(), stage.thread().await);
    let hold = stage.hold();
    let _lost = customer.streams(&thread, json!({ "text": "Hello" })).await;
    hold.begun().await;
    let mut waiting = customer.resumes(&thread, "").await;
    assert_eq!(waiting.chunk().await.unwrap().unwrap(), ":\n\n");
    agent.claims(&thread).await.expect(200);
    let mut claimed = String::new();
    while !claimed.contains("data-thread") {
        claimed += std::str::from_utf8(&waiting.chunk().await.unwrap().unwrap()).unwrap();
    }
    agent.says(&thread, "Ana here.").await.expect(202);
    let rest = waiting.text().await.unwrap();
    assert!(rest.contains("Ana here.") && rest.ends_with("data: [DONE]\n\n"), "{rest}");
    hold.release();
}

#[tokio::test]
async fn what_was_said_after_a_seq_is_told_at_once() {
    let stage = Stage::start().await;
    let (customer, agent, thread) = (stage.customer(), stage.agent(), stage.thread().await);
    agent.says(&thread, "Ana here.").await.expect(202);
    customer.says(&thread, "Hello, Ana").await.expect(202);
    let told = chunks(customer.resumes(&thread, "?after=0").await).await;
    assert_eq!(text(&told, "text-1"), "Ana here.");
    agent.releases(&thread, "bot").await.expect(200);
    stage.board.invocations().finished().await;
    let told = chunks(customer.resumes(&thread, "?after=3").await).await;
    assert!(text(&told, "text-1").contains("Hello, Ana"), "{told:?}");
}

/// The run that answers what an agent has left unanswered is invoked, and starts a moment later.
#[tokio::test]
async fn an_answer_that_is_about_to_begin_is_waited_for() {
    let stage = Stage::start().await;
    let (customer, agent, thread) = (stage.customer(), stage.agent(), stage.thread().await);
    agent.claims(&thread).await.expect(200);
    customer.says(&thread, "Hello?").await.expect(202);
    stage.releases_unheard(&thread).await;
    let resumed = customer.resumes(&thread, "?after=2").await;
    stage.sweeps().await;
    let told = chunks(resumed).await;
    assert!(text(&told, "text-1").contains("\"Hello?\""), "{told:?}");
}

#[tokio::test]
async fn words_of_a_person_after_a_failed_bot_end_well() {
    let stage = Stage::with(brisk()).await;
    let (customer, agent, thread) = (stage.customer(), stage.agent(), stage.thread().await);
    stage.openai_goes_down();
    customer.says(&thread, "Hello").await.expect(202);
    agent.says(&thread, "Ana here.").await.expect(202);
    let told = chunks(customer.resumes(&thread, "?after=1").await).await;
    assert_eq!(text(&told, "text-1"), "Ana here.");
    assert_eq!(told.last().unwrap()["finishReason"], "stop");
}

#[tokio::test]
async fn a_stream_ends_with_its_token() {
    let stage = Stage::start().await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    customer.escalates(&thread).await.expect(200);
    let exp = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() + 2;
    let claims = json!({
        "sub": "cus", "tenant": "acme", "role": "customer", "exp": exp, "iss": "switchboard", "aud": "switchboard",
    });
    let brief = stage.bearing(Some(stage.board.tokens().sign(&claims)));
    assert_eq!(silence(brief.resumes(&thread, "").await).await, ":\n\n");
}

#[tokio::test]
async fn a_person_who_says_nothing_is_waited_for_as_long_as_is_set() {
    let stage = impatient().await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    customer.escalates(&thread).await.expect(200);
    assert_eq!(silence(customer.resumes(&thread, "").await).await, ":\n\n");
    let stage = Stage::with(Options { person_wait: Duration::ZERO, ..Options::default() }).await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    customer.escalates(&thread).await.expect(200);
    assert_eq!(customer.resumes(&thread, "").await.status(), 204);
}

#[tokio::test]
async fn an_agent_does_not_hear_themself() {
    let stage = impatient().await;
    let (agent, thread) = (stage.agent(), stage.thread().await);
    agent.says(&thread, "Ana here.").await.expect(202);
    assert_eq!(silence(agent.resumes(&thread, "?after=1").await).await, ":\n\n");
    let told = chunks(stage.admin().resumes(&thread, "?after=1").await).await;
    assert_eq!(text(&told, "text-1"), "Ana here.");
}

#[tokio::test]
async fn what_is_refused_is_refused_as_any_request_is() {
    let stage = Stage::start().await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    let path = format!("/chat/{thread}/stream");
    stage.anon().get(&path).await.problem(401, "unauthenticated");
    stage.persona("acme", "customer", "eve").get(&path).await.problem(404, "not_found");
    customer.get("/chat/thr_01JD0000000000000000000000/stream").await.problem(404, "not_found");
    let wrong = customer.get(&format!("{path}?after=x")).await.invalid();
    assert_eq!(wrong, "after: must be a seq: a whole number, 0 or more");
    let unknown = customer.get(&format!("{path}?since=1")).await.invalid();
    assert_eq!(unknown, "since: is not a known query parameter");
}
