//! The description of these routes.

use serde_json::{Value, json};
use shared::{
    domain::{Act, erasure::View},
    openapi::{Api, CHATBOT, ERASURE, Operation, Parameter, THREAD},
};

use crate::{audit, usage};

const TAG: &str = "Customers";

/// The beginning and the end of an export.
const EXPORT: &str = concat!(
    r#"{"type":"customer","id":"cleo","exported_at":"2026-11-30T10:00:00.000Z"}"#,
    "\n",
    r#"{"type":"end","threads":0,"messages":0,"notes":0}"#,
    "\n"
);

pub fn describe(api: &mut Api) {
    let day = || json!({ "type": "string", "format": "date" });
    let example = json!({
        "day": "2026-11-30", "chatbot_id": CHATBOT, "turns": 412,
        "tokens": { "input": 310_222, "cached": 120_001, "output": 41_800, "reasoning": 9_024 }, "hand_overs": 17,
    });
    api.add(
        Operation::new("GET", "/usage", "getUsage", TAG, Act::UsageRead)
            .summary(
                "Read the usage, by day and chatbot",
                "The replies of the bots, their tokens, and the threads that went into the queue. Days are UTC's. \
                 Replies of the last ten minutes may be missing.",
            )
            .query(Parameter {
                name: "from",
                schema: day(),
                description: "The first day. Absent: 29 days before today.",
            })
            .query(Parameter { name: "to", schema: day(), description: "The last day. Absent: today." })
            .query(Parameter { name: "cursor", schema: day(), description: "`next_cursor` of the page before." })
            .answer::<usage::Page>(
                200,
                "Whole days, the oldest first.",
                &json!({ "data": [example], "next_cursor": null }),
            ),
    );
    api.add(
        Operation::new("GET", "/customers/{customer_id}/export", "exportCustomer", TAG, Act::CustomerExport)
            .summary(
                "Export a customer",
                "All threads with their messages and notes, as JSON Lines: an object a line, with a `type` of \
                 `customer`, `thread`, `read_marker`, `message`, `note`, `cursor`, `error` or `end`. The last line of \
                 a whole export is `end`, with the numbers of threads, messages and notes. One without it was cut: \
                 send the `cursor` of its last line of that type, and drop the lines after that one.",
            )
            .query(Parameter {
                name: "cursor",
                schema: json!({ "type": "string" }),
                description: "Goes on after this line of an earlier export.",
            })
            .lines("A line for each thing.", EXPORT),
    );
    api.add(
        Operation::new("DELETE", "/customers/{customer_id}", "eraseCustomer", TAG, Act::CustomerErase)
            .summary(
                "Erase a customer",
                "Deletes all that exists of them at this time, here and at OpenAI: threads with messages and notes, \
                 connections, idempotency records. It begins at once and is done within a few minutes: the receipt, at \
                 `Location`, says when. A repeat while it is under way gets the same receipt. Threads that the \
                 customer creates later are not touched. Percent-encode the id.",
            )
            .answer::<View>(202, "The receipt.", &erasure("pending"))
            .problem(400),
    );
    api.add(
        Operation::new("GET", "/erasures/{erasure_id}", "getErasure", TAG, Act::CustomerErase)
            .summary("Read the receipt of an erasure", "It names no customer.")
            .answer::<View>(200, "The receipt.", &erasure("done")),
    );
    let day = || json!({ "type": "string", "format": "date" });
    api.add(
        Operation::new("GET", "/audit", "listAudit", TAG, Act::AuditRead)
            .summary(
                "Read the audit trail",
                "What agents and admins read, changed, exported and erased, newest first, without texts. A page may be \
                 short, or empty, and others follow: go on while `next_cursor` is not null.",
            )
            .query(Parameter { name: "from", schema: day(), description: "The first day. Default: 30 days before." })
            .query(Parameter { name: "to", schema: day(), description: "The last day, in UTC. Default: today." })
            .query(Parameter {
                name: "actor",
                schema: json!({ "type": "string" }),
                description: "Only what this agent or admin did.",
            })
            .query(Parameter {
                name: "thread_id",
                schema: json!({ "type": "string", "pattern": "^thr_[0-7][0-9A-HJKMNP-TV-Z]{25}$" }),
                description: "Only what was done with this thread.",
            })
            .paged()
            .answer::<audit::Page>(200, "A page.", &trail()),
    );
}

/// The trail of one claim.
fn trail() -> Value {
    json!({
        "data": [{
            "id": "aud_01JD0000000000000000000000", "at": "2026-11-30T10:00:00.000Z",
            "actor": { "id": "ana", "role": "agent" }, "act": "thread.claimed", "thread_id": THREAD,
        }],
        "next_cursor": null,
    })
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
