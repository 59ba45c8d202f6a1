//! Faults of the stand-in in the middle of a stream.

use local::standin::{Failure, Fault, Stage};
use serde_json::{Value, json};

use super::{Server, events_in, last, text, types, valid_events};

impl Server {
    /// The events of a stream on `conversation` that fails like this.
    async fn failing(&self, conversation: &str, failure: Failure) -> Vec<Value> {
        self.standin.fault(Fault::on("POST", "/v1/responses", failure));
        self.events(json!({"input": "hello", "conversation": conversation})).await
    }

    /// Number of items in the conversation, on which no response is running.
    async fn landed(&self, conversation: &str) -> usize {
        assert_eq!(self.standin.counts().running, 0);
        self.item_ids(conversation).await.len()
    }
}

fn deltas(events: &[Value]) -> usize {
    types(events).iter().filter(|kind| kind.contains(".delta")).count()
}

#[tokio::test]
async fn a_held_stream_shows_what_came_before_and_goes_on_when_released() {
    let server = Server::start().await;
    let hold = server.standin.hold("POST", "/v1/responses", 2);
    let mut stream = server.stream(json!({"input": "hello"})).await;
    hold.begun().await;
    let mut heard = String::new();
    while !heard.ends_with("\n\n") || deltas(&events_in(&heard)) < 2 {
        heard += str::from_utf8(&stream.chunk().await.unwrap().unwrap()).unwrap();
    }
    assert_eq!((deltas(&events_in(&heard)), hold.stage()), (2, Stage::Held));
    hold.release();
    heard += &stream.text().await.unwrap();
    last(&events_in(&heard), "response.completed");
}

#[tokio::test]
async fn a_client_that_leaves_a_held_stream_frees_the_conversation_and_leaves_nothing() {
    let server = Server::start().await;
    let conversation = server.conversation().await;
    let hold = server.standin.hold("POST", "/v1/responses", 1);
    let stream = server.stream(json!({"input": "hello", "conversation": conversation})).await;
    hold.begun().await;
    assert_eq!(server.standin.counts().running, 1);
    drop(stream);
    hold.left().await;
    let (status, response) = server.respond(json!({"input": "again", "conversation": conversation})).await;
    assert_eq!(status, 200, "{response}");
    assert!(text(&response).ends_with("Earlier messages I can see: 0."));
}

#[tokio::test]
async fn a_cut_stream_breaks_after_so_many_deltas() {
    let server = Server::start().await;
    let conversation = server.conversation().await;
    for (landed, items) in [(false, 0), (true, 2)] {
        let cut = Failure::Cut { after: 3, landed, clean: false };
        server.standin.fault(Fault::on("POST", "/v1/responses", cut));
        let mut stream = server.stream(json!({"input": "hello", "conversation": conversation})).await;
        let mut heard = String::new();
        let broken = loop {
            match stream.chunk().await {
                Ok(Some(chunk)) => heard += str::from_utf8(&chunk).unwrap(),
                Ok(None) => break false,
                Err(_) => break true,
            }
        };
        assert!(broken);
        assert_eq!(deltas(&events_in(&heard)), 3);
        assert_eq!(server.landed(&conversation).await, items);
    }
}

#[tokio::test]
async fn a_stream_may_end_politely_without_its_last_events() {
    let server = Server::start().await;
    let conversation = server.conversation().await;
    let cut = Failure::Cut { after: 1, landed: false, clean: true };
    let events = server.failing(&conversation, cut).await;
    last(&events, "response.output_text.delta");
    assert_eq!(server.landed(&conversation).await, 0);
}

#[tokio::test]
async fn a_hold_that_is_cut_breaks_the_stream() {
    let server = Server::start().await;
    let hold = server.standin.hold("POST", "/v1/responses", 1);
    let stream = server.stream(json!({"input": "hello"})).await;
    hold.begun().await;
    server.standin.clear_faults();
    assert!(stream.text().await.is_err());
}

#[tokio::test]
async fn an_error_event_is_flat_or_nested() {
    let server = Server::start().await;
    let conversation = server.conversation().await;
    let error = |flat| Failure::Error { after: 1, flat, code: "server_error".into() };
    let events = server.failing(&conversation, error(true)).await;
    valid_events(&events);
    assert_eq!(last(&events, "error")["code"], "server_error");
    let events = server.failing(&conversation, error(false)).await;
    assert_eq!(last(&events, "error")["error"]["code"], "server_error");
    assert_eq!(server.landed(&conversation).await, 0);
}

#[tokio::test]
async fn a_failed_response_leaves_nothing_in_its_conversation() {
    let server = Server::start().await;
    let conversation = server.conversation().await;
    let failed = Failure::Failed { after: 2, code: "rate_limit_exceeded".into() };
    let events = server.failing(&conversation, failed).await;
    valid_events(&events);
    let response = &last(&events, "response.failed")["response"];
    assert_eq!(response["error"]["code"], "rate_limit_exceeded");
    assert_eq!(server.landed(&conversation).await, 0);
}

#[tokio::test]
async fn an_incomplete_response_keeps_what_was_said() {
    let server = Server::start().await;
    let conversation = server.conversation().await;
    let filtered = Failure::Incomplete { after: 2, reason: "content_filter".into() };
    let events = server.failing(&conversation, filtered).await;
    valid_events(&events);
    let response = &last(&events, "response.incomplete")["response"];
    assert_eq!(text(response), "This is ");
    assert_eq!(response["output"][0]["status"], "incomplete");
    assert_eq!(server.landed(&conversation).await, 2);
}

#[tokio::test]
async fn an_answer_may_be_empty_or_a_refusal() {
    let server = Server::start().await;
    let conversation = server.conversation().await;
    let events = server.failing(&conversation, Failure::Empty).await;
    valid_events(&events);
    assert_eq!(types(&events), ["response.created", "response.in_progress", "response.completed"]);
    let events = server.failing(&conversation, Failure::Refusal { text: "I must not.".into() }).await;
    valid_events(&events);
    assert!(types(&events).contains(&"response.refusal.done"));
    let response = &last(&events, "response.completed")["response"];
    assert_eq!(response["output"][0]["content"][0]["refusal"], "I must not.");
}

#[tokio::test]
async fn noise_surrounds_an_answer_that_is_whole() {
    let server = Server::start().await;
    let conversation = server.conversation().await;
    let events = server.failing(&conversation, Failure::Noise).await;
    let types = types(&events);
    for kind in ["keepalive", "response.queued", "response.standin_novelty.delta"] {
        assert!(types.contains(&kind), "{kind}");
    }
    let output = &last(&events, "response.completed")["response"]["output"];
    assert_eq!((output[0]["type"].as_str(), output[1]["type"].as_str()), (Some("standin_novelty"), Some("message")));
    assert_eq!(server.landed(&conversation).await, 2);
}
