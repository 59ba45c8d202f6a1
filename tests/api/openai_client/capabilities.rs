//! The check that a server offers the Conversations API.

use serde_json::json;
use shared::openai::Failure;

use super::{
    client,
    peer::{self, Peer, refusal, status},
};

const READ: &str = "GET /v1/conversations/conv_probe";
const CREATED: &str = "POST /v1/conversations";

#[tokio::test]
async fn an_error_that_speaks_of_the_conversation_proves_the_route_and_creates_nothing() {
    for answer in [
        refusal(404, "not_found", "Conversation with id 'conv_probe' not found."),
        refusal(400, "invalid_value", "Invalid 'conversation_id': 'conv_probe'."),
        refusal(404, "conversation_not_found", "No such object."),
        peer::json(404, &json!({ "error": "No object 'conv_probe'" })),
        peer::json(400, &json!({ "detail": "Conversation conv_probe not found" })),
    ] {
        let peer = Peer::saying([answer]).await;
        assert_eq!(client(&peer).has_conversations().await, Ok(true));
        assert_eq!(peer.lines(), [READ]);
    }
}

#[tokio::test]
async fn where_the_error_says_too_little_a_conversation_is_created_and_deleted() {
    for answer in [
        peer::json(404, &json!({ "detail": "Not Found" })),
        status(404),
        peer::json(200, &json!({ "id": "conv_probe" })),
    ] {
        let peer = Peer::saying([
            answer,
            peer::json(200, &json!({ "id": "conv_1", "object": "conversation" })),
            peer::json(200, &json!({ "data": [], "has_more": false })),
            peer::json(200, &json!({ "id": "conv_1", "deleted": true })),
        ])
        .await;
        assert_eq!(client(&peer).has_conversations().await, Ok(true));
        let items = "GET /v1/conversations/conv_1/items?limit=100&order=asc";
        assert_eq!(peer.lines(), [READ, CREATED, items, "DELETE /v1/conversations/conv_1"]);
    }
}

#[tokio::test]
async fn a_server_without_the_route_is_not_taken_for_one_that_has_it() {
    let answers = || {
        vec![
            peer::text(404, "text/plain", "404 page not found"),
            peer::text(404, "text/html", "<pre>Cannot GET /v1/conversations/conv_probe</pre>"),
            peer::json(404, &json!({ "error": { "message": "Invalid URL (GET /v1/conversations/conv_probe)" } })),
            peer::json(404, &json!({ "error": "Route /v1/conversations not found" })),
            peer::json(404, &json!({ "error": { "message": "File Not Found", "code": 404 } })),
            peer::json(404, &json!({ "detail": "Not Found" })),
            peer::text(200, "text/html", "<h1>Welcome</h1>"),
            status(405),
        ]
    };
    for (read, created) in answers().into_iter().zip(answers()) {
        let peer = Peer::saying([read, created]).await;
        assert_eq!(client(&peer).has_conversations().await, Ok(false));
        assert_eq!(peer.lines(), [READ, CREATED]);
    }
}

#[tokio::test]
async fn a_wrong_key_or_a_failing_server_leaves_it_open() {
    let peer = Peer::playing(|_| refusal(401, "invalid_api_key", "Incorrect API key provided.")).await;
    let failure = client(&peer).has_conversations().await.unwrap_err();
    assert!(matches!(failure, Failure::Refused { status: 401, .. }));
    assert_eq!(peer.lines(), [READ]);

    let peer = Peer::playing(|_| status(503)).await;
    assert_eq!(client(&peer).has_conversations().await, Err(Failure::Unavailable { maybe_ran: true }));
}

#[tokio::test]
async fn a_conversation_of_the_check_that_cannot_be_deleted_changes_nothing() {
    let mut answers = vec![status(404), peer::json(200, &json!({ "id": "conv_1" }))];
    answers.extend((0..3).map(|_| status(500)));
    let peer = Peer::saying(answers).await;
    assert_eq!(client(&peer).has_conversations().await, Ok(true));
}
