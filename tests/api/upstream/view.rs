//! A listener's view of a thread, built from nothing but the events that it was told.

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
    /// Deltas come at intervals, so a message may overtake a withdrawal; it takes the place of the words in any case.
    is_sampled: bool,
    /// All texts of deltas, withdrawn ones too.
    pub(super) shown: Vec<String>,
    /// Impossible things: a delta that leaves a gap, say.
    pub(super) flaws: Vec<String>,
}

impl View {
    /// The view of a socket.
    pub(super) fn sampled() -> Self {
        Self { is_sampled: true, ..Self::default() }
    }

    /// Returns true if the event shows words of an answer.
    pub(super) fn hear(&mut self, event: &Value) -> bool {
        match event["type"].as_str().unwrap_or_default() {
            "message.created" => {
                let message = &event["message"];
                if message["role"] == "bot" {
                    self.conclude(message["text"].as_str().unwrap_or_default());
                }
                self.messages.insert(event["seq"].as_u64().unwrap_or_default(), message.clone());
                false
            }
            "message.delta" => self.write(event),
            "message.discarded" => {
                self.discarded += usize::from(!self.written.is_empty());
                self.withdraw();
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
            self.withdraw();
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

    fn withdraw(&mut self) {
        let written = std::mem::take(&mut self.written);
        if !written.is_empty() {
            self.shown.push(written);
        }
    }

    /// A bot's message takes the place of the words so far.
    fn conclude(&mut self, text: &str) {
        if !self.is_sampled && !text.starts_with(&self.written) {
            self.flaws.push(format!("{:?} was shown, and became {text:?} without a word", self.written));
        }
        self.withdraw();
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
    /// The texts of parts that were made void.
    void: Vec<String>,
    pub(super) progress: Vec<String>,
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
                let is_void = |(id, _): &mut (Value, String)| *id == chunk["data"]["part"];
                self.void.extend(self.parts.extract_if(.., is_void).map(|(_, text)| text));
                if chunk["data"]["reason"] == "the logged answer differs" {
                    self.flaws.push("the words that were shown are not those of the log".to_owned());
                }
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

    /// All texts, those that were made void too.
    pub(super) fn shown(&self) -> String {
        let texts = self.void.iter().chain(self.parts.iter().map(|(_, text)| text));
        texts.map(String::as_str).collect::<Vec<_>>().join("\n")
    }

    /// The texts that stand.
    pub(super) fn texts(&self) -> Vec<String> {
        self.parts.iter().map(|(_, text)| text.clone()).filter(|text| !text.is_empty()).collect()
    }
}
