//! The description of these routes.

use serde_json::{Value, json};
use shared::{
    domain::Act,
    openapi::{Api, CHATBOT, Operation, Parameter, THREAD, message, thread},
};

use crate::{
    ag_ui::RunAgentInput,
    ai_sdk::UiRequest,
    response::{ChatResponse, MessageResponse},
    submission::ChatRequest,
};

const TAG: &str = "Messages";

pub fn describe(api: &mut Api) {
    let message = json!({ "text": "Where is my order?", "client_id": "m1" });
    api.add(
        Operation::new("POST", "/threads/{thread_id}/chat", "chat", TAG, Act::Chat)
            .summary(
                "Post a message",
                "The bot answers a customer while it holds the line; otherwise a person will. A repeat under the same \
                 `client_id` gets the first answer again. With `internal: true` agents and admins write a note. With \
                 `Accept: text/event-stream` the answer is a stream of the events in `/asyncapi.json`.",
            )
            .body::<ChatRequest>(message)
            .answer::<ChatResponse>(200, "The message with the bot's reply, or the note.", &answered())
            .stream("Server-sent events, which end with `done`.", EVENTS)
            .answer::<MessageResponse>(
                202,
                "The message is in the log. An answer comes later: from a person, or from the run of an earlier \
                 message.",
                &waiting(),
            )
            .problem(409)
            .problem(422),
    );
    let parts = json!([{ "type": "text", "text": "Where is my order?" }]);
    let request = json!({
        "id": THREAD, "trigger": "submit-message", "messages": [{ "id": "m1", "role": "user", "parts": parts }],
    });
    api.add(
        Operation::new("POST", "/chat", "chatByAiSdk", "Front ends", Act::Chat)
            .summary(
                "Post a message from the Vercel AI SDK",
                "What its `DefaultChatTransport` sends. The last message of the role `user` counts; fields that are \
                 not listed are ignored.",
            )
            .body::<UiRequest>(request)
            .stream("A UI message stream, version 1.", CHUNKS)
            .problem(404)
            .problem(409),
    );
    api.add(
        Operation::new("GET", "/chat/{thread_id}/stream", "resumeByAiSdk", "Front ends", Act::ThreadRead)
            .summary(
                "Resume a stream of the Vercel AI SDK",
                "The next message of the bot, while it writes one, or of a person, for as long as the deployment \
                 waits for one.",
            )
            .query(Parameter {
                name: "after",
                schema: json!({ "type": "integer", "minimum": 0, "maximum": u64::MAX }),
                description: "The `seq` of the last message that the caller has. Without it: from now on.",
            })
            .stream("A UI message stream, version 1.", CHUNKS)
            .no_content("Nobody is about to say anything."),
    );
    let messages = json!([{ "id": "m1", "role": "user", "content": "Where is my order?" }]);
    let input = json!({ "threadId": THREAD, "runId": "run-1", "messages": messages });
    api.add(
        Operation::new("POST", "/agui", "chatByAgUi", "Front ends", Act::Chat)
            .summary(
                "Post a message by AG-UI",
                "AG-UI's `RunAgentInput`. The last message of the role `user` counts; fields that are not listed are \
                 ignored. While a person holds the line, the run ends with an interrupt.",
            )
            .body::<RunAgentInput>(input)
            .stream("AG-UI's events, as server-sent events.", RUN)
            .problem(404)
            .problem(409),
    );
}

const EVENTS: &str = "data: {\"type\":\"message.delta\",\"thread_id\":\"thr_01JD0000000000000000000000\",\
    \"run_id\":\"run_01JD0000000000000000000000\",\"index\":0,\"text\":\"It is on the van.\"}\n\n\
    data: {\"type\":\"done\",\"thread_id\":\"thr_01JD0000000000000000000000\",\"joined\":false}\n\n";

const CHUNKS: &str = "data: {\"type\":\"start\"}\n\ndata: {\"type\":\"text-start\",\"id\":\"text-1\"}\n\n\
    data: {\"type\":\"text-delta\",\"id\":\"text-1\",\"delta\":\"It is on the van.\"}\n\n\
    data: {\"type\":\"text-end\",\"id\":\"text-1\"}\n\ndata: {\"type\":\"finish\",\"finishReason\":\"stop\"}\n\n\
    data: [DONE]\n\n";

const RUN: &str = "data: {\"type\":\"RUN_STARTED\",\"threadId\":\"thr_01JD0000000000000000000000\",\
    \"runId\":\"run-1\",\"protocolVersion\":\"1.0\"}\n\n\
    data: {\"type\":\"TEXT_MESSAGE_START\",\"messageId\":\"run_01JD0000000000000000000000-1\",\
    \"role\":\"assistant\"}\n\n\
    data: {\"type\":\"TEXT_MESSAGE_CONTENT\",\"messageId\":\"run_01JD0000000000000000000000-1\",\
    \"delta\":\"It is on the van.\"}\n\n\
    data: {\"type\":\"TEXT_MESSAGE_END\",\"messageId\":\"run_01JD0000000000000000000000-1\"}\n\n\
    data: {\"type\":\"RUN_FINISHED\",\"threadId\":\"thr_01JD0000000000000000000000\",\"runId\":\"run-1\",\
    \"outcome\":{\"type\":\"success\"}}\n\n";

fn answered() -> Value {
    let mut answered = waiting();
    answered["reply"] = json!({
        "id": "msg_01JD0000000000000000000001", "thread_id": THREAD, "seq": 2, "role": "bot",
        "author": { "id": CHATBOT, "name": "Robin" }, "text": "It is on the van.",
        "at": "2026-11-30T10:00:02.000Z", "answers": { "from": 1, "through": 1 },
    });
    answered["thread"]["seq"] = json!(2);
    answered
}

fn waiting() -> Value {
    json!({ "message": message(), "reply": null, "thread": thread("bot") })
}
