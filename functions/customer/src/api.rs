//! The description of these routes.

use serde_json::{Value, json};
use shared::{
    domain::{Act, erasure::View},
    openapi::{Api, ERASURE, Operation},
};

const TAG: &str = "Customers";

pub fn describe(api: &mut Api) {
    api.add(
        Operation::new("GET", "/erasures/{erasure_id}", "getErasure", TAG, Act::CustomerErase)
            .summary("Read the receipt of an erasure", "It names no customer.")
            .answer::<View>(200, "The receipt.", &erasure("done")),
    );
}

/// A receipt with this status.
fn erasure(status: &str) -> Value {
    let mut erasure = json!({
        "id": ERASURE, "status": status, "requested_at": "2026-11-30T10:00:00.000Z",
        "counts": {
            "threads": 2, "messages": 31, "notes": 1, "connections": 1, "idempotency_records": 2, "openai_objects": 2,
        },
    });
    if status == "done" {
        erasure["done_at"] = json!("2026-11-30T10:02:00.000Z");
    }
    erasure
}
