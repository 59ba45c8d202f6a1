//! The sweep: unanswered messages, timed-out waits, idle threads, cleanup.

mod answers;
mod endings;
mod leftovers;
mod many;
mod models;
mod waits;

use std::time::Duration;

use local::Options;
use serde_json::json;
use shared::domain::Timeouts;

use tests::{clock::Turned, openai::brisk, persona::Persona, stage::Stage};

/// A persona of `acme` whose token outlives every advance of the clock.
fn lasting(stage: &Stage, role: &str, sub: &str) -> Persona {
    let claims = json!({
        "iss": "switchboard", "aud": "switchboard", "exp": 4_102_444_800_u64,
        "sub": sub, "tenant": "acme", "role": role,
    });
    stage.bearing(Some(stage.board.tokens().sign(&claims)))
}

const MINUTE: Duration = Duration::from_mins(1);
const DAY: Duration = Duration::from_hours(24);

/// A stage whose functions' clock can be advanced.
async fn stage() -> (Stage, Turned) {
    stage_with(Timeouts::default()).await
}

async fn stage_with(timeouts: Timeouts) -> (Stage, Turned) {
    let turned = Turned::default();
    (Stage::with(Options { clock: turned.clock(), timeouts, ..brisk() }).await, turned)
}
