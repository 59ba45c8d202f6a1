//! AG-UI's events.

use serde_json::{Value, json};
use shared::{
    domain::{Identity, ThreadId, thread},
    sockets::Event,
    ui_message::UiPart,
};

use crate::{
    narration::{FinishReason, Narrator, Step},
    server_sent::data,
};

/// The version of the protocol that the events follow.
const PROTOCOL_VERSION: &str = "1.0";

/// Writes a turn's events as those of one AG-UI run. Each text is a message of its own.
pub(crate) struct AgUiStream {
    narrator: Narrator,
    thread_id: ThreadId,
    run_id: String,
    has_started: bool,
    /// The id of the last message.
    message_id: String,
    /// The thread, once it is not the bot's.
    thread: Option<Box<thread::View>>,
}

impl AgUiStream {
    pub(crate) fn new(caller: &Identity, thread_id: ThreadId, run_id: String) -> Self {
        Self {
            narrator: Narrator::new(caller),
            thread_id,
            run_id,
            has_started: false,
            message_id: String::new(),
            thread: None,
        }
    }

    pub(crate) fn write(&mut self, event: &Event) -> String {
        let mut events = Vec::new();
        if !self.has_started {
            self.has_started = true;
            let run = json!({
                "type": "RUN_STARTED", "threadId": self.thread_id, "runId": self.run_id,
                "protocolVersion": PROTOCOL_VERSION,
            });
            events.push(run);
        }
        for step in self.narrator.steps(event) {
            events.extend(self.event(step));
        }
        events.iter().map(data).collect()
    }

    fn event(&mut self, step: Step) -> Option<Value> {
        Some(match step {
            // The thread tells the owner, and a message's end its place in the log.
            Step::Start { .. } | Step::Metadata { .. } => return None,
            Step::TextStart { id, name } => {
                self.message_id = id;
                let mut start = json!({
                    "type": "TEXT_MESSAGE_START", "messageId": self.message_id, "role": "assistant",
                });
                if let Some(name) = name {
                    start["name"] = name.into();
                }
                start
            }
            Step::TextDelta { text } => {
                json!({ "type": "TEXT_MESSAGE_CONTENT", "messageId": self.message_id, "delta": text })
            }
            Step::TextEnd { logged } => {
                let mut end = json!({ "type": "TEXT_MESSAGE_END", "messageId": self.message_id });
                if let Some(logged) = logged {
                    end["metadata"] = json!(logged);
                }
                end
            }
            Step::Discarded { reason } => {
                custom("discarded", &json!({ "messageId": self.message_id, "reason": reason }))
            }
            Step::Sources { sources } => {
                let documents: Vec<_> = sources.iter().filter_map(document).collect();
                custom("sources", &json!({ "messageId": self.message_id, "sources": documents }))
            }
            Step::Progress { text } => custom("progress", &json!({ "text": text })),
            Step::Thread { thread } => {
                let told = custom("thread", &json!(thread));
                self.thread = Some(thread);
                told
            }
            Step::Error { code, detail } => json!({ "type": "RUN_ERROR", "message": detail, "code": code }),
            Step::Done { reason } => self.end(reason),
        })
    }

    /// The end of the run. A person who is to answer is an interrupt, never a success.
    fn end(&self, reason: FinishReason) -> Value {
        let outcome = match self.thread.as_ref().and_then(|thread| interrupt(thread)) {
            Some(interrupt) => json!({ "type": "interrupt", "interrupts": [interrupt] }),
            None if reason == FinishReason::Failure => {
                let message = "the stream ended before the answer, which will be in the log";
                return json!({ "type": "RUN_ERROR", "message": message, "code": "run_failed" });
            }
            None => json!({ "type": "success" }),
        };
        json!({ "type": "RUN_FINISHED", "threadId": self.thread_id, "runId": self.run_id, "outcome": outcome })
    }
}

fn custom(name: &str, value: &Value) -> Value {
    json!({ "type": "CUSTOM", "name": name, "value": value })
}

fn document(part: &UiPart) -> Option<Value> {
    match part {
        UiPart::SourceDocument { title, .. } => Some(json!({ "document": title })),
        UiPart::Text { .. } => None,
    }
}

/// The interrupt of a thread in which a person answers.
fn interrupt(thread: &thread::View) -> Option<Value> {
    let message = match (thread.status, &thread.agent) {
        ("agent", Some(agent)) => format!("{} answers", agent.label()),
        ("queued", _) => "The conversation waits for a person".to_owned(),
        _ => return None,
    };
    // One for each time that the line changes hands, or a message is left to a person.
    let id = format!("{}-{}", thread.id, thread.seq);
    Some(json!({ "id": id, "reason": "human_has_the_line", "message": message }))
}
