//! Asynchronous invocations over HTTP, as Lambda takes them.

use local::Options;
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};

use tests::{sample::event, signed::signed, stage::Stage};

/// A stage whose services are open to other processes.
async fn shared() -> Stage {
    Stage::with(Options { share: true, ..Options::default() }).await
}

async fn invokes(stage: &Stage, function: &str, kind: &str, event: impl Into<Vec<u8>>) -> Response {
    let url = format!("{}/2015-03-31/functions/{function}/invocations", stage.board.url());
    let (key, headers) = (stage.board.tokens().access_key(), [("x-amz-invocation-type", kind)]);
    signed(&key, "lambda", (Method::POST, &url), &headers, event).send().await.unwrap()
}

/// Leaves a question for the bot in this thread; its invocation gets lost.
async fn waits(stage: &Stage, thread: &str) {
    stage.agent().claims(thread).await.expect(200);
    stage.customer().says(thread, "Anybody?").await.expect(202);
    stage.releases_unheard(thread).await;
}

#[tokio::test]
async fn an_event_is_taken_at_once_and_done_later() {
    let stage = shared().await;
    let thread = stage.thread().await;
    waits(&stage, &thread).await;
    let hold = stage.hold();
    let event = json!({ "tenant": "acme", "thread_id": thread }).to_string();
    let answer = invokes(&stage, "chat", "Event", event).await;
    assert_eq!(answer.status(), StatusCode::ACCEPTED);
    assert_eq!(answer.text().await.unwrap(), "");
    hold.begun().await;
    hold.release();
    stage.board.invocations().finished().await;
    assert_eq!(stage.customer().log(&thread).await.len(), 4);
}

#[tokio::test]
async fn what_is_no_event_for_a_function_is_refused_with_lambdas_own_errors() {
    let stage = shared().await;
    for (function, kind, event, status, error) in [
        ("nobody", "Event", "{}", 404, "ResourceNotFoundException"),
        ("chat", "RequestResponse", "{}", 400, "InvalidParameterValueException"),
        ("chat", "Event", "{", 400, "InvalidRequestContentException"),
    ] {
        let answer = invokes(&stage, function, kind, event).await;
        assert_eq!(answer.status(), status, "{error}");
        assert_eq!(answer.headers()["x-amzn-errortype"], error);
    }
}

#[tokio::test]
async fn nobody_becomes_somebody_else_by_this_door() {
    let stage = shared().await;
    let mut ends: Value = serde_json::from_str(&event("chat-end")).unwrap();
    let thread = stage.thread().await;
    ends["pathParameters"]["thread_id"] = json!(thread);
    ends["requestContext"]["authorizer"]["role"] = json!("admin");
    let answer = invokes(&stage, "chat-end", "Event", ends.to_string()).await;
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    stage.board.invocations().finished().await;
    assert_eq!(stage.customer().reads(&thread).await["status"], "bot");
}

#[tokio::test]
async fn the_schedule_comes_by_itself() {
    let every = Some(std::time::Duration::from_millis(20));
    let stage = Stage::with(Options { sweep_every: every, ..Options::default() }).await;
    let thread = stage.thread().await;
    let mut socket = stage.customer().listens(&thread).await;
    waits(&stage, &thread).await;
    while socket.hears_of("message.created").await["message"]["role"] != "bot" {}
}
