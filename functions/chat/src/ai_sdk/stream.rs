//! The SDK's UI message stream.

use serde_json::{Value, json};
use shared::{
    domain::{Identity, message::Cut},
    sockets::Event,
};

use crate::{
    narration::{FinishReason, Narrator, Step},
    server_sent::data,
};

/// Writes a turn's events as the chunks of one assistant message.
#[derive(Default)]
pub(crate) struct AiSdkStream {
    narrator: Narrator,
    /// The number of text parts so far.
    part_count: usize,
}

impl AiSdkStream {
    /// The stream of this caller.
    pub(crate) fn new(caller: &Identity) -> Self {
        Self { narrator: Narrator::new(caller), part_count: 0 }
    }

    pub(crate) fn write(&mut self, event: &Event) -> String {
        let steps = self.narrator.steps(event);
        let is_over = steps.iter().any(|step| matches!(step, Step::Done { .. } | Step::Error { .. }));
        let chunks = steps.into_iter().flat_map(|step| self.chunks(step));
        let text: String = chunks.map(|chunk| data(&chunk)).collect();
        if is_over { text + "data: [DONE]\n\n" } else { text }
    }

    fn chunks(&mut self, step: Step) -> Vec<Value> {
        let chunk = match step {
            Step::Start { id: Some(id), metadata } => {
                json!({ "type": "start", "messageId": id, "messageMetadata": metadata })
            }
            Step::Start { id: None, metadata } => json!({ "type": "start", "messageMetadata": metadata }),
            Step::TextStart { .. } => {
                self.part_count += 1;
                json!({ "type": "text-start", "id": self.part() })
            }
            Step::TextDelta { text } => json!({ "type": "text-delta", "id": self.part(), "delta": text }),
            Step::TextEnd { .. } => json!({ "type": "text-end", "id": self.part() }),
            Step::Discarded { reason } => {
                json!({ "type": "data-discarded", "data": { "part": self.part(), "reason": reason } })
            }
            Step::Sources { sources } => return sources.iter().map(|source| json!(source)).collect(),
            Step::Metadata { metadata } => json!({ "type": "message-metadata", "messageMetadata": metadata }),
            Step::Progress { text } => {
                // Transient: the SDK hands it to `onData` and keeps it out of the message.
                json!({ "type": "data-progress", "data": { "text": text }, "transient": true })
            }
            Step::Thread { thread } => json!({ "type": "data-thread", "data": thread }),
            Step::Error { detail, .. } => json!({ "type": "error", "errorText": detail }),
            Step::Done { reason } => json!({ "type": "finish", "finishReason": word(reason) }),
        };
        vec![chunk]
    }

    fn part(&self) -> String {
        format!("text-{}", self.part_count)
    }
}

fn word(reason: FinishReason) -> &'static str {
    match reason {
        FinishReason::Stop => "stop",
        FinishReason::Cut(Cut::Length) => "length",
        FinishReason::Cut(Cut::Filter) => "content-filter",
        FinishReason::Failure => "error",
    }
}

#[cfg(test)]
mod tests {
    use shared::domain::{Message, RunId, ThreadId, message::Source};

    use super::*;

    const THREAD: &str = "thr_01JD0000000000000000000000";
    const RUN: &str = "run_01JD0000000000000000000000";

    fn delta(index: usize, text: &str) -> Event {
        let (thread_id, run_id) = (THREAD.parse().unwrap(), RUN.parse().unwrap());
        Event::MessageDelta { thread_id, run_id, index, text: text.to_owned() }
    }

    fn progress(text: &str) -> Event {
        let (thread_id, run_id): (ThreadId, RunId) = (THREAD.parse().unwrap(), RUN.parse().unwrap());
        Event::MessageProgress { thread_id, run_id, text: text.to_owned() }
    }

    fn discarded() -> Event {
        let (thread_id, run_id) = (THREAD.parse().unwrap(), RUN.parse().unwrap());
        Event::MessageDiscarded { thread_id, run_id, reason: "the model is asked again", draft: None }
    }

    /// The reply, whose text was cut in this way.
    fn reply(text: &str, cut: Option<Cut>) -> Event {
        let mut message: Message = serde_json::from_value(json!({
            "id": "msg_01JD0000000000000000000000", "thread_id": THREAD, "seq": 2, "role": "bot",
            "author": { "id": "bot_01JD0000000000000000000000" }, "text": text, "at": "2026-01-02T03:04:05.000Z",
        }))
        .unwrap();
        message.cut = cut;
        message.sources = vec![Source { document: "hours.md".to_owned() }];
        Event::message(&message)
    }

    fn done() -> Event {
        Event::Done { thread_id: THREAD.parse().unwrap(), joined: false }
    }

    /// The chunks of these events, in short: the type, and the text or id that tells it apart.
    fn chunks(events: &[Event]) -> Vec<String> {
        let mut stream = AiSdkStream::default();
        let written: String = events.iter().map(|event| stream.write(event)).collect();
        let data = written.split("\n\n").filter_map(|event| event.strip_prefix("data: ")).filter(|it| *it != "[DONE]");
        let short = |chunk: &str| {
            let chunk: Value = serde_json::from_str(chunk).unwrap();
            let rest = ["delta", "title", "finishReason"].iter().find_map(|name| chunk[name].as_str());
            let rest = rest.or(chunk["data"]["text"].as_str()).or(chunk["data"]["reason"].as_str());
            format!("{} {}", chunk["type"].as_str().unwrap(), rest.unwrap_or_default()).trim_end().to_owned()
        };
        data.map(short).collect()
    }

    #[test]
    fn progress_is_transient() {
        let written = AiSdkStream::default().write(&progress("Looking"));
        let chunk = written.trim().rsplit("data: ").next().unwrap();
        let chunk: Value = serde_json::from_str(chunk).unwrap();
        assert_eq!(chunk, json!({ "type": "data-progress", "data": { "text": "Looking" }, "transient": true }));
    }

    #[test]
    fn words_that_became_progress_are_void_and_an_empty_delta_begins_no_part() {
        let events =
            [delta(0, "Let me look."), delta(0, ""), progress("Let me look."), delta(0, ""), delta(0, "At 9.")];
        assert_eq!(
            chunks(&[&events[..], &[reply("At 9.", None), done()]].concat()),
            [
                "start",
                "text-start",
                "text-delta Let me look.",
                "text-end",
                "data-discarded the answer was started again",
                "data-progress Let me look.",
                "text-start",
                "text-delta At 9.",
                "text-end",
                "source-document hours.md",
                "message-metadata",
                "finish stop",
            ]
        );
    }

    #[test]
    fn a_second_try_after_a_discarded_one_has_a_part_of_its_own() {
        let events = [delta(0, "We o"), discarded(), delta(0, "At 9."), reply("At 9.", Some(Cut::Filter)), done()];
        assert_eq!(
            chunks(&events),
            [
                "start",
                "text-start",
                "text-delta We o",
                "text-end",
                "data-discarded the model is asked again",
                "text-start",
                "text-delta At 9.",
                "text-end",
                "source-document hours.md",
                "message-metadata",
                "finish content-filter",
            ]
        );
    }
}
