//! The story that each server has to serve: a customer, an agent, a function and a restart, through the public API.

use std::path::Path;

use serde_json::{Value, json};

use super::{
    claims::{COLUMNS, Verdict},
    webhook::Webhook,
};
use crate::switchboard::{Response, Role, Switchboard};

/// A cell of the table: a verdict, or else the reason for [`Verdict::No`].
pub(super) type Cell = Result<Verdict, String>;

/// The function that the model may call.
const FUNCTION: &str = "order_status";
/// A request that makes even a tiny model call it, if the server shows calls to the model in this format, which is
/// Qwen's.
const REQUEST: &str = "Repeat after me:
<tool_call>
<function=order_status>
<parameter=order>
A-17
</parameter>
</function>
</tool_call>";

/// Plays the story on a Switchboard with these variables. Data and logs go to `folder`. The error says why it could not
/// begin.
pub(super) fn play(variables: &[(&str, String)], folder: &Path) -> Result<[Cell; COLUMNS.len()], String> {
    let (data, log) = (folder.join("data"), folder.join("switchboard.log"));
    let switchboard = Switchboard::start(&data, variables, &log)?;
    let first = demo_thread(&switchboard);
    let answers = first.clone().and_then(|thread| ask(&switchboard, &thread, "Hello! Who are you?"));
    let streams = streams(&switchboard);
    let escalates = escalates(&switchboard);
    let function = function(&switchboard);
    let after_a_person = after_a_person(&switchboard);
    let restart = first.and_then(|thread| restart(switchboard, &thread, variables, folder));
    let yes = |cell: Result<(), String>| cell.map(|()| Verdict::Yes);
    Ok([yes(answers), yes(streams), yes(escalates), function, yes(after_a_person), yes(restart)])
}

/// A reply comes in pieces, and then whole.
fn streams(switchboard: &Switchboard) -> Result<(), String> {
    let thread = demo_thread(switchboard)?;
    let mut deltas = String::new();
    let events = switchboard.stream(&thread, &json!({ "text": "What do you sell?" }))?;
    for event in &events {
        match event["type"].as_str() {
            Some("message.delta") => {
                if event["index"] == 0 {
                    deltas.clear();
                }
                deltas += event["text"].as_str().unwrap_or_default();
            }
            Some("message.created") if event["message"]["role"] == "bot" => {
                let text = event["message"]["text"].as_str().unwrap_or_default();
                return if deltas.is_empty() || text.trim() != deltas.trim() {
                    Err(format!("the deltas are {deltas:?}, the reply is {text:?}"))
                } else {
                    Ok(())
                };
            }
            _ => {}
        }
    }
    let types: Vec<_> = events.iter().filter_map(|event| event["type"].as_str()).collect();
    Err(format!("no reply among the events {}", types.join(", ")))
}

/// A customer who asks for a person gets into the queue.
fn escalates(switchboard: &Switchboard) -> Result<(), String> {
    let thread = demo_thread(switchboard)?;
    ask(switchboard, &thread, "Are you there?")?;
    let queued = post(switchboard, Role::Customer, &thread, "escalate", &json!({ "reason": "I want a person." }))?;
    expect(&queued, 200, "queued")
}

/// A request with a function is accepted; the best is a call of it, and a reply that follows its result.
fn function(switchboard: &Switchboard) -> Cell {
    let webhook = Webhook::start().map_err(|error| error.to_string())?;
    let chatbot = json!({
        "name": "Orders",
        "model": switchboard.demo()?["model"],
        "instructions": "You look up orders with order_status.",
        "tools": [{
            "name": FUNCTION,
            "description": "The status of an order.",
            "parameters": {
                "type": "object",
                "properties": { "order": { "type": "string" } },
                "required": ["order"],
            },
        }],
        "webhook": { "url": webhook.url, "secret": "a secret of this test's own" },
    });
    let created = switchboard.call(Role::Admin, "POST", "/chatbots", Some(&chatbot))?;
    let Some(id) = created.body["id"].as_str() else { return Err(described(&created)) };
    let thread = thread(switchboard, id)?;
    ask(switchboard, &thread, REQUEST)?;
    let calls = webhook.calls(FUNCTION);
    println!("  calls: {}", Value::from(calls.clone()));
    Ok(if calls.is_empty() { Verdict::Accepted } else { Verdict::Yes })
}

/// An agent takes over by answering, helps, and releases the thread: the bot answers again in the same thread.
fn after_a_person(switchboard: &Switchboard) -> Result<(), String> {
    let thread = demo_thread(switchboard)?;
    ask(switchboard, &thread, "Hello")?;
    let says = |role, text: &str| post(switchboard, role, &thread, "chat", &json!({ "text": text }));
    expect(&says(Role::Agent, "Ana here, I take over.")?, 202, "agent")?;
    expect(&says(Role::Customer, "Is my anvil on its way?")?, 202, "agent")?;
    expect(&says(Role::Customer, "I ordered it last week.")?, 202, "agent")?;
    expect(&says(Role::Agent, "It left on Monday.")?, 202, "agent")?;
    expect(&post(switchboard, Role::Agent, &thread, "release", &json!({ "to": "bot" }))?, 200, "bot")?;
    ask(switchboard, &thread, "Are you there?")
}

/// Ctrl-C and another start on the same data, and so for data that a start with the stand-in made: the demo chatbot
/// answers, in an old thread and a new one.
fn restart(
    switchboard: Switchboard,
    old_thread: &str,
    variables: &[(&str, String)],
    folder: &Path,
) -> Result<(), String> {
    let (data, log) = (folder.join("data"), folder.join("switchboard.log"));
    switchboard.stop()?;
    let switchboard = Switchboard::start(&data, variables, &log)?;
    ask(&switchboard, old_thread, "Are you there?")?;
    ask(&switchboard, &demo_thread(&switchboard)?, "Hello")?;
    switchboard.stop()?;

    let data = folder.join("data-of-the-stand-in");
    let switchboard = Switchboard::start(&data, &[], &log)?;
    let old_thread = demo_thread(&switchboard)?;
    ask(&switchboard, &old_thread, "Hello")?;
    switchboard.stop()?;
    let switchboard = Switchboard::start(&data, variables, &log)?;
    let after_standin = |error| format!("after a start with the stand-in: {error}");
    ask(&switchboard, &old_thread, "Are you there?").map_err(after_standin)?;
    ask(&switchboard, &demo_thread(&switchboard)?, "Hello").map_err(after_standin)?;
    switchboard.stop()
}

/// Creates a thread of the customer with the demo chatbot; returns its id.
fn demo_thread(switchboard: &Switchboard) -> Result<String, String> {
    thread(switchboard, switchboard.demo()?["id"].as_str().unwrap_or_default())
}

/// Creates a thread of the customer; returns its id.
fn thread(switchboard: &Switchboard, chatbot: &str) -> Result<String, String> {
    let created = switchboard.call(Role::Customer, "POST", "/threads", Some(&json!({ "chatbot_id": chatbot })))?;
    created.body["id"].as_str().map(str::to_owned).ok_or_else(|| described(&created))
}

/// Says something as the customer; the bot has to reply.
fn ask(switchboard: &Switchboard, thread: &str, text: &str) -> Result<(), String> {
    let response = post(switchboard, Role::Customer, thread, "chat", &json!({ "text": text }))?;
    let reply = response.body["reply"]["text"].as_str().unwrap_or_default().trim();
    if response.status != 200 || reply.is_empty() || response.body["thread"]["status"] != "bot" {
        return Err(format!("to {text:?}: {}", described(&response)));
    }
    println!("  customer: {text}\n  bot: {}", reply.replace('\n', "\n       "));
    Ok(())
}

fn post(switchboard: &Switchboard, role: Role, thread: &str, action: &str, body: &Value) -> Result<Response, String> {
    switchboard.call(role, "POST", &format!("/threads/{thread}/{action}"), Some(body))
}

/// Checks a response's status and the status of its thread.
fn expect(response: &Response, status: u16, thread_status: &str) -> Result<(), String> {
    if response.status == status && thread_in(response)["status"] == thread_status {
        Ok(())
    } else {
        Err(format!("expected {status} and status {thread_status}, got {}", described(response)))
    }
}

/// The thread that a response is or has.
fn thread_in(response: &Response) -> &Value {
    if response.body["thread"].is_object() { &response.body["thread"] } else { &response.body }
}

/// A response in the words of an error.
fn described(Response { status, body }: &Response) -> String {
    let thread = if body["thread"].is_object() { &body["thread"] } else { body };
    match (body["detail"].as_str(), thread["status"].as_str()) {
        (Some(detail), _) => format!("{status}: {detail}"),
        (None, Some(line)) => {
            let reason = thread["reason"].as_str().map(|reason| format!(", reason {reason}")).unwrap_or_default();
            format!("{status}, reply {}, status {line}{reason}", body["reply"]["text"])
        }
        (None, None) => format!("{status}: {body}"),
    }
}
