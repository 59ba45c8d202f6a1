//! A listener's view of a thread: what somebody sees who is told nothing but events.

use std::collections::BTreeMap;

use serde_json::Value;

/// Built from the events of a socket or a stream.
#[derive(Default)]
pub(super) struct View {
    /// Messages by `seq`.
    pub(super) messages: BTreeMap<u64, Value>,
    /// The text of an answer that is being written.
    written: String,
    /// The run that writes it.
    run: Option<Value>,
    pub(super) progress: Vec<String>,
    pub(super) status: Option<Value>,
    /// The number of times that shown words were withdrawn.
    pub(super) discarded: usize,
    /// Impossible things: a delta that leaves a gap, say.
    pub(super) flaws: Vec<String>,
}

impl View {
    /// Returns true if the event shows words of an answer.
    pub(super) fn hear(&mut self, event: &Value) -> bool {
        match event["type"].as_str().unwrap_or_default() {
            "message.created" => {
                let message = &event["message"];
                if message["role"] == "bot" {
                    self.written.clear();
                }
                self.messages.insert(event["seq"].as_u64().unwrap_or_default(), message.clone());
                false
            }
            "message.delta" => self.write(event),
            "message.discarded" => {
                self.discarded += usize::from(!self.written.is_empty());
                self.written.clear();
                self.run = None;
                false
            }
            "message.progress" => {
                self.progress.push(event["text"].as_str().unwrap_or("?").to_owned());
                false
            }
            "thread.updated" => {
                self.status = Some(event["thread"]["status"].clone());
                false
            }
            "error" => {
                self.flaws.push(format!("an error event: {event}"));
                false
            }
            _ => false,
        }
    }

    fn write(&mut self, delta: &Value) -> bool {
        let (index, text) = (delta["index"].as_u64().unwrap_or_default(), delta["text"].as_str().unwrap_or_default());
        if index == 0 {
            self.written.clear();
            self.run = Some(delta["run_id"].clone());
        }
        if index != self.written.encode_utf16().count() as u64 {
            self.flaws.push(format!("a delta at {index} follows {:?}", self.written));
        }
        if self.run.as_ref() != Some(&delta["run_id"]) {
            self.flaws.push("a delta of another run does not begin at 0".to_owned());
        }
        self.written.push_str(text);
        !text.is_empty()
    }

    /// The words of an answer that still stand at the end, although no message holds them.
    pub(super) fn loose_words(&self) -> &str {
        &self.written
    }
}

/// The view of the Vercel AI SDK: the text parts of its stream that were not made void.
#[derive(Default)]
pub(super) struct AiSdkView {
    parts: Vec<(Value, String)>,
    pub(super) progress: Vec<String>,
    pub(super) discarded: usize,
    pub(super) finish_reason: Option<Value>,
    pub(super) flaws: Vec<String>,
}

impl AiSdkView {
    /// Returns true if the chunk shows words of an answer.
    pub(super) fn hear(&mut self, chunk: &Value) -> bool {
        match chunk["type"].as_str().unwrap_or_default() {
            "text-start" => self.parts.push((chunk["id"].clone(), String::new())),
            "text-delta" => {
                let Some((_, text)) = self.parts.iter_mut().find(|(id, _)| *id == chunk["id"]) else {
                    self.flaws.push(format!("a delta of a part that never began: {chunk}"));
                    return false;
                };
                text.push_str(chunk["delta"].as_str().unwrap_or_default());
                return true;
            }
            "data-discarded" => {
                self.parts.retain(|(id, _)| *id != chunk["data"]["part"]);
                self.discarded += 1;
            }
            "data-progress" => {
                self.progress.push(chunk["data"]["text"].as_str().unwrap_or("?").to_owned());
                if chunk["transient"] != true {
                    self.flaws.push("progress is not transient".to_owned());
                }
            }
            "finish" => self.finish_reason = Some(chunk["finishReason"].clone()),
            "error" => self.flaws.push(format!("an error chunk: {chunk}")),
            _ => {}
        }
        false
    }

    /// The texts that stand.
    pub(super) fn texts(&self) -> Vec<String> {
        self.parts.iter().map(|(_, text)| text.clone()).filter(|text| !text.is_empty()).collect()
    }
}
