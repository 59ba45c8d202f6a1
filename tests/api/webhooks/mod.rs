//! A chatbot's webhook: its settings, the functions that it carries out, and the events delivered to it.

mod addresses;
mod functions;
mod notices;
mod setting;

use local::Options;
use serde_json::{Value, json};

use tests::{
    receiver::{Receiver, SECRET},
    stage::Stage,
};

/// A thread of `cus` whose chatbot has the function `lookup`, with the receiver as its webhook.
async fn thread_with(stage: &Stage, receiver: &Receiver) -> String {
    thread_at(stage, &receiver.url).await
}

async fn thread_at(stage: &Stage, url: &str) -> String {
    let lookup = json!({ "name": "lookup", "parameters": { "type": "object", "properties": {} } });
    let webhook = json!({ "url": url, "secret": SECRET });
    let chatbot = stage.chatbot_with(json!({ "tools": [lookup], "webhook": webhook })).await;
    stage.thread_of(&stage.customer(), &chatbot).await
}

/// Options with a short webhook timeout.
fn hasty() -> Options {
    let mut options = Options::default();
    options.webhooks.timeout = std::time::Duration::from_millis(300);
    options
}

/// The output of the last function call, as the model was given it.
fn last_output(stage: &Stage) -> String {
    let asked = stage.asked();
    let mut outputs = asked.iter().flat_map(|body| body["input"].as_array().unwrap());
    let last = outputs.rfind(|item| item["type"] == "function_call_output");
    last.and_then(|item| item["output"].as_str()).expect("the model was given an output").to_owned()
}

fn error_of(output: &str) -> String {
    let output: Value = serde_json::from_str(output).unwrap();
    output["error"].as_str().unwrap().to_owned()
}
