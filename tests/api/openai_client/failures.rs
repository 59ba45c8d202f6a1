//! Refusals of OpenAI, and the failures that they map to.

use axum::response::Response;
use serde_json::{Value, json};
use shared::openai::{Failure, ResponseRequest};

use super::{
    KEY, client, hello, outcome,
    peer::{self, Peer, events, refusal, reply},
};

async fn refused_with(answer: Response) -> Failure {
    let peer = Peer::saying([answer]).await;
    let failure = outcome(&client(&peer)).await.unwrap_err();
    assert_eq!(peer.seen().len(), 1, "the request is not repeated");
    failure
}

async fn failed_in_stream(event: Value) -> Failure {
    let mut stream = reply("Hi");
    stream[3] = event;
    let peer = Peer::saying([events(&stream)]).await;
    outcome(&client(&peer)).await.unwrap_err()
}

fn quota() -> Failure {
    Failure::Quota { code: "insufficient_quota".to_owned() }
}

fn filtered(code: &str) -> Failure {
    Failure::ContentFilter { code: code.to_owned() }
}

#[tokio::test]
async fn refusals_are_told_apart() {
    let orphan = "No tool output found for function call call_1.";
    assert_eq!(refused_with(refusal(400, "invalid_request_error", orphan)).await, Failure::OrphanCall);
    assert_eq!(refused_with(refusal(429, "insufficient_quota", "You exceeded your quota.")).await, quota());
    assert_eq!(refused_with(refusal(400, "content_filter", "filtered")).await, filtered("content_filter"));
    assert_eq!(refused_with(refusal(400, "invalid_prompt", "flagged")).await, filtered("invalid_prompt"));
}

#[tokio::test]
async fn a_refusal_keeps_what_it_names() {
    let error = json!({
        "message": "Unsupported parameter", "type": "invalid_request_error",
        "param": "temperature", "code": "unsupported_parameter",
    });
    let failure = refused_with(peer::json(400, &json!({ "error": error }))).await;
    assert_eq!(
        failure,
        Failure::Refused {
            status: 400,
            code: Some("unsupported_parameter".to_owned()),
            param: Some("temperature".to_owned()),
            message: "Unsupported parameter".to_owned(),
        }
    );
}

#[tokio::test]
async fn a_refusal_in_a_proxys_words_keeps_its_status() {
    for (content_type, body) in [
        ("text/html", "<h1>Forbidden</h1>"),
        ("application/json", "{\"detail\":\"Forbidden\"}"),
        ("application/json", "{\"error\":"),
        ("application/json", "[1]"),
        ("text/plain", ""),
    ] {
        let failure = refused_with(peer::text(403, content_type, body)).await;
        let nothing_said = Failure::Refused { status: 403, code: None, param: None, message: String::new() };
        assert_eq!(failure, nothing_said, "{body}");
    }
}

#[tokio::test]
async fn a_redirect_is_a_refusal_because_a_key_stays_where_it_belongs() {
    let elsewhere = peer::with_header(peer::status(307), "location", "/elsewhere");
    assert!(matches!(refused_with(elsewhere).await, Failure::Refused { status: 307, .. }));
}

#[tokio::test]
async fn only_a_404_that_speaks_of_the_conversation_means_that_it_is_missing() {
    let missing = || refusal(404, "not_found", "Conversation with id 'conv_1' not found.");
    assert_eq!(refused_with(missing()).await, Failure::Missing);

    let named =
        json!({ "message": "not found", "type": "invalid_request_error", "param": "conversation", "code": null });
    assert_eq!(refused_with(peer::json(404, &json!({ "error": named }))).await, Failure::Missing);

    for other in [
        refusal(404, "model_not_found", "The model 'some-model' does not exist."),
        refusal(404, "not_found", "Vector store with id ['vs_1'] not found."),
        peer::json(404, &json!({ "error": { "code": 404, "message": "File Not Found", "type": "not_found_error" } })),
        peer::text(404, "text/plain", "404 page not found"),
    ] {
        assert!(matches!(refused_with(other).await, Failure::Refused { status: 404, .. }));
    }

    let peer = Peer::saying([missing()]).await;
    let failure = client(&peer).respond(&ResponseRequest { conversation: None, ..hello() }).await.err();
    assert!(matches!(failure, Some(Failure::Refused { status: 404, .. })), "the request named no conversation");
}

#[tokio::test]
async fn an_error_in_the_stream_is_read_flat_nested_and_untyped() {
    let fields = json!({ "code": "server_error", "message": "sorry", "param": null });
    let mut flat = fields.clone();
    flat["type"] = "error".into();
    for event in [
        flat,
        json!({ "type": "error", "sequence_number": 3, "error": fields }),
        json!({ "error": fields }),
        json!({
            "type": "response.failed",
            "response": { "id": "resp_1", "status": "failed", "error": fields, "output": [] },
        }),
    ] {
        let expected = Failure::Interrupted { code: Some("server_error".to_owned()) };
        assert_eq!(failed_in_stream(event.clone()).await, expected, "{event}");
    }
}

#[tokio::test]
async fn an_error_in_the_stream_means_what_it_means_in_a_refusal() {
    let error = |code, message| json!({ "type": "error", "error": { "type": "x", "code": code, "message": message } });
    assert_eq!(failed_in_stream(error("insufficient_quota", "pay")).await, quota());
    assert_eq!(failed_in_stream(error("invalid_prompt", "flagged")).await, filtered("invalid_prompt"));
    assert_eq!(failed_in_stream(error("conversation_locked", "busy")).await, Failure::Locked);
    let orphan = "No tool output found for function call call_1.";
    assert_eq!(failed_in_stream(error("invalid_request_error", orphan)).await, Failure::OrphanCall);
}

#[tokio::test]
async fn a_failed_response_without_an_error_is_interrupted() {
    let failed =
        json!({ "type": "response.failed", "response": { "id": "resp_1", "status": "failed", "error": null } });
    assert_eq!(failed_in_stream(failed).await, Failure::Interrupted { code: None });
}

#[tokio::test]
async fn a_failure_shows_neither_the_key_nor_what_was_said() {
    let said = format!("Incorrect API key provided: {KEY}. You said: my secret");
    let failure = refused_with(refusal(401, "invalid_api_key", &said)).await;
    assert_eq!(failure.to_string(), "OpenAI rejected the request with status 401");
    assert!(!format!("{failure:?}").contains(KEY));
}

#[tokio::test]
async fn what_may_have_run_is_known_by_its_failure() {
    let refused = Failure::Refused { status: 400, code: None, param: None, message: String::new() };
    assert!(Failure::Interrupted { code: None }.maybe_ran());
    assert!(Failure::Unavailable { maybe_ran: true }.maybe_ran());
    assert!(!Failure::Unavailable { maybe_ran: false }.maybe_ran());
    assert!(!refused.maybe_ran());
}
