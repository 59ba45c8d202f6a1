//! The description of these routes.

use serde_json::{Value, json};
use shared::{
    domain::Act,
    openapi::{Api, CHATBOT, Operation},
};

use crate::{
    TokenRequest, TokenResponse, TrialRequest,
    merge::{MergeRequest, Merged},
};

const TAG: &str = "Visitors";

pub fn describe(api: &mut Api) {
    api.add(
        Operation::open("POST", "/visitors", "createVisitor", TAG)
            .summary(
                "Get a visitor's token",
                "For anybody, for a day, to talk to a public chatbot from a page on one of its origins. A visitor who \
                 sends an earlier token in `Authorization` keeps their id.",
            )
            .body::<TokenRequest>(json!({ "tenant": "acme", "chatbot_id": CHATBOT }))
            .answer::<TokenResponse>(201, "The token.", &example())
            .problem(403)
            .problem(404),
    );
    api.add(
        Operation::new("POST", "/chatbots/{chatbot_id}/visitors", "tryChatbot", TAG, Act::ChatbotRead)
            .summary("Try a chatbot as a visitor", "A token for an hour, from any origin, public or not.")
            .optional_body::<TrialRequest>(json!({}))
            .answer::<TokenResponse>(201, "The token.", &example()),
    );
    api.add(
        Operation::new("POST", "/visitors/merge", "mergeVisitor", TAG, Act::VisitorMerge)
            .summary(
                "Take over a visitor's threads",
                "For a customer who has talked as a visitor before they signed in. Both tokens have to be proven: the \
                 customer's in `Authorization`, the visitor's in the body. Each thread is merged once.",
            )
            .body::<MergeRequest>(json!({ "visitor_token": "eyJhbGciOiJIUzI1NiIsImtpZCI6InZpc2l0b3IifQ.…" }))
            .answer::<Merged>(
                200,
                "The threads that are the caller's now.",
                &json!({ "threads": [], "has_more": false }),
            )
            .problem(409),
    );
}

fn example() -> Value {
    json!({
        "token": "eyJhbGciOiJIUzI1NiIsImtpZCI6InZpc2l0b3IifQ.…", "expires_at": "2026-12-01T10:00:00.000Z",
        "visitor": { "id": "vis_01JD0000000000000000000000" },
        "chatbot": { "id": CHATBOT, "name": "Robin", "greeting": "Hello! How can I help?" },
    })
}
