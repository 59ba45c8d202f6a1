//! The description of these routes.

use serde_json::json;
use shared::{
    domain::{Act, thread::View},
    openapi::{Api, Operation, thread},
};

use crate::{Claim, Escalate, Release};

const TAG: &str = "Handoff";

pub fn describe(api: &mut Api) {
    api.add(
        Operation::new("POST", "/threads/{thread_id}/escalate", "escalateThread", TAG, Act::Escalate)
            .summary("Ask for a person", "Puts the thread into the queue. A repeat changes nothing.")
            .optional_body::<Escalate>(json!({ "reason": "I want to talk to a person." }))
            .answer::<View>(200, "The thread.", &thread("queued"))
            .problem(409),
    );
    api.add(
        Operation::new("POST", "/threads/{thread_id}/claim", "claimThread", TAG, Act::Claim)
            .summary(
                "Take the line",
                "From the bot or the queue; an admin also takes it from an agent. Of two claims at once one wins, and \
                 the other is told who has it.",
            )
            .optional_body::<Claim>(json!({}))
            .answer::<View>(200, "The thread.", &thread("agent"))
            .problem(409),
    );
    api.add(
        Operation::new("POST", "/threads/{thread_id}/release", "releaseThread", TAG, Act::Release)
            .summary(
                "Give the line back",
                "To the bot, or to the queue for another agent. Only the agent who holds it, or an admin, may.",
            )
            .body::<Release>(json!({ "to": "bot" }))
            .answer::<View>(200, "The thread.", &thread("bot"))
            .problem(409),
    );
}
