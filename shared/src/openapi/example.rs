//! Values that the examples of several functions show.

use serde_json::{Value, json};

/// A thread's id.
pub const THREAD: &str = "thr_01JD0000000000000000000000";

/// A chatbot's id.
pub const CHATBOT: &str = "bot_01JD0000000000000000000000";

/// An erasure's id.
pub const ERASURE: &str = "era_01JD0000000000000000000000";

/// A thread with this status.
pub fn thread(status: &str) -> Value {
    let mut thread = json!({
        "id": THREAD, "chatbot_id": CHATBOT, "customer_id": "cleo", "title": "Order 4711", "metadata": {},
        "status": status, "status_since": "2026-11-30T10:00:00.000Z", "seq": 0,
        "created_at": "2026-11-30T10:00:00.000Z", "updated_at": "2026-11-30T10:00:00.000Z",
    });
    match status {
        "queued" => thread["reason"] = json!("asked"),
        "agent" => thread["agent"] = json!({ "id": "ana", "name": "Ana" }),
        "ended" => thread["ended_by"] = json!({ "id": "cleo", "name": "Cleo" }),
        _ => {}
    }
    thread
}

/// A customer's message.
pub fn message() -> Value {
    json!({
        "id": "msg_01JD0000000000000000000000", "client_id": "m1", "thread_id": THREAD, "seq": 1, "role": "customer",
        "author": { "id": "cleo", "name": "Cleo" }, "text": "Where is my order?", "at": "2026-11-30T10:00:00.000Z",
    })
}
