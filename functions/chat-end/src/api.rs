//! The description of this route.

use serde_json::json;
use shared::{
    domain::{Act, thread::View},
    openapi::{Api, Operation, thread},
};

use crate::End;

pub fn describe(api: &mut Api) {
    api.add(
        Operation::new("POST", "/threads/{thread_id}/end", "endThread", "Handoff", Act::ThreadEnd)
            .summary("End a thread", "Its conversation at OpenAI is deleted; the messages stay readable.")
            .optional_body::<End>(json!({}))
            .answer::<View>(200, "The thread.", &thread("ended")),
    );
}
