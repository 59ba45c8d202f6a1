//! The description of these routes.

use serde_json::json;
use shared::{
    domain::{Act, Status, identity::SUBJECT, thread::View},
    openapi::{Api, CHATBOT, Operation, Parameter, message, thread},
};

use crate::{create::Create, list, messages, update::Update};

const TAG: &str = "Threads";

pub fn describe(api: &mut Api) {
    let (id, log) = ("/threads/{thread_id}", "/threads/{thread_id}/messages");
    let unread = "With `unread`; agents and admins also get `usage`.";
    api.add(
        Operation::new("POST", "/threads", "createThread", TAG, Act::ThreadCreate)
            .summary("Create a thread", "Agents and admins name the customer whom it belongs to in `customer_id`.")
            .idempotent()
            .body::<Create>(json!({ "chatbot_id": CHATBOT, "title": "Order 4711" }))
            .answer::<View>(201, "The thread.", &thread("bot")),
    );
    api.add(
        Operation::new("GET", "/threads", "listThreads", TAG, Act::ThreadRead)
            .summary(
                "List threads",
                "A customer's own threads, newest first. Agents and admins get all threads of the tenant: the queued \
                 ones first, longest wait first, then those with status `agent`, `bot` and `ended`, each with the \
                 latest change of owner first. With `customer_id` they get that customer's, newest first.",
            )
            .query(Parameter {
                name: "status",
                schema: json!({ "enum": Status::WORDS }),
                description: "Only threads with this status.",
            })
            .query(Parameter {
                name: "customer_id",
                schema: json!({ "type": "string", "pattern": SUBJECT }),
                description: "Only this customer's threads. Customers may name themselves.",
            })
            .query(Parameter {
                name: "with",
                schema: json!({ "const": "last_message" }),
                description: "Adds the first 200 characters of each thread's last message.",
            })
            .paged()
            .answer::<list::Page>(200, "A page.", &json!({ "data": [thread("bot")], "next_cursor": null })),
    );
    api.add(
        Operation::new("GET", id, "getThread", TAG, Act::ThreadRead).summary("Read a thread", unread).answer::<View>(
            200,
            "The thread.",
            &thread("bot"),
        ),
    );
    api.add(
        Operation::new("PATCH", id, "updateThread", TAG, Act::ThreadUpdate)
            .summary("Update a thread", "A title of null removes it; a metadata value of null removes its key.")
            .body::<Update>(json!({ "title": "Order 4712", "metadata": { "plan": null } }))
            .answer::<View>(200, "The thread.", &thread("bot"))
            .problem(409),
    );
    api.add(
        Operation::new("DELETE", id, "deleteThread", TAG, Act::ThreadDelete)
            .summary(
                "Delete a thread",
                "With its messages, here and at OpenAI. Customers may only where the deployment lets them \
                 (`CustomersMayDelete`), and not while a person holds the line.",
            )
            .no_content("It is deleted.")
            .problem(409),
    );
    let seq = || json!({ "type": "integer", "minimum": 0, "maximum": u64::MAX });
    api.add(
        Operation::new("GET", log, "listMessages", "Messages", Act::ThreadRead)
            .summary(
                "Read the messages",
                "Oldest first; without `after` or `before`, the newest page. Only one of `after`, `before` and \
                 `cursor` can be given. Agents and admins also get `notes`, and each bot message's `usage`.",
            )
            .query(Parameter { name: "after", schema: seq(), description: "Messages after this `seq`." })
            .query(Parameter { name: "before", schema: seq(), description: "Messages before this `seq`." })
            .query(Parameter {
                name: "as",
                schema: json!({ "const": "ui" }),
                description: "`ui`: the messages as the Vercel AI SDK's `UIMessage`s, without changes of owner and \
                              notes.",
            })
            .query(Parameter {
                name: "wait",
                schema: json!({ "type": "integer", "minimum": 1, "maximum": 20 }),
                description: "With `after`: where nothing is there yet, waits for it up to this many seconds.",
            })
            .paged()
            .answer::<messages::Listing>(200, "A page.", &json!({ "data": [message()], "next_cursor": null })),
    );
}
