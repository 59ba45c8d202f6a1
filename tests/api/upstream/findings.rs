//! Findings: what a play shows, compared with the outcome that its case must have.

use std::fmt::Debug;

use serde_json::{Value, json};
use shared::domain::{At, chatbot::Memory};

use super::{
    play::{NEXT, Play, Played, differing},
    way::Way,
};
use tests::{
    stage::Stage,
    upstream::{Form, PLAIN_ANSWER, Peer, QUESTION, Step, bytes_of_input, lines},
};

/// Signs of what no person may read: citation marks, and a model's thoughts.
const MARKS: [&str; 6] = ["\u{e200}", "\u{e201}", "\u{e202}", "†", "<think", "</think"];

#[derive(Default)]
pub(super) struct Findings(Vec<String>);

impl Findings {
    pub(super) fn all(self) -> Vec<String> {
        self.0
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn add(&mut self, finding: String) {
        self.0.push(finding);
    }

    /// Adds a finding if the two differ.
    pub(super) fn same<T: PartialEq + Debug + ?Sized>(&mut self, what: &str, expected: &T, found: &T) {
        if expected != found {
            self.add(format!("{what}: expected {expected:?}, got {found:?}"));
        }
    }

    /// Compares the reply, the thread, the log and the requests.
    pub(super) fn compare(&mut self, play: &Play, peer: &Peer, played: &Played) {
        let becomes = &play.case.becomes;
        let status = becomes.status.as_deref().unwrap_or(if becomes.reply.is_some() { "bot" } else { "queued" });
        self.same("the status", &json!(status), &played.view["status"]);
        if let Some(reason) = &becomes.reason {
            self.same("the reason", &json!(reason), &played.view["reason"]);
        }
        self.same("requests for a response", &becomes.asked.unwrap_or(1), &played.asked.len());
        self.same("answers that were not asked for", &0, &peer.answers_left());
        self.compare_log(play, played);
        self.compare_message(play, played);
        self.compare_requests(play, played);
        self.same("calls of the webhook", &becomes.called, &played.called);
        let is_warned = |(code, words): &(String, String), warning: &Value| {
            warning["code"] == *code && warning["detail"].as_str().is_some_and(|detail| detail.contains(words))
        };
        let warnings = played.chatbot["warnings"].as_array().cloned().unwrap_or_default();
        let matches = becomes.warnings.iter().zip(&warnings).all(|(expected, found)| is_warned(expected, found));
        if !matches || becomes.warnings.len() != warnings.len() {
            self.add(format!("the chatbot's warnings: expected {:?}, got {warnings:?}", becomes.warnings));
        }
        for field in differing(&becomes.view, &played.chatbot) {
            self.add(format!("of the chatbot, {field}"));
        }
    }

    fn compare_log(&mut self, play: &Play, played: &Played) {
        let becomes = &play.case.becomes;
        let line = |message: &Value| match message["event"]["type"].as_str() {
            Some(event) => format!("[{event}]"),
            None => format!("{}: {}", message["role"].as_str().unwrap_or("?"), message["text"].as_str().unwrap_or("?")),
        };
        let found: Vec<String> = played.log.iter().map(line).collect();
        let question = match play.case.story.as_slice() {
            [Step::Customer(text)] => text,
            _ => QUESTION,
        };
        let expected = becomes.log.clone().unwrap_or_else(|| {
            let last = becomes.reply.as_ref().map_or("[escalated]".to_owned(), |reply| format!("bot: {reply}"));
            vec![format!("customer: {question}"), last]
        });
        self.same("the log", &expected, &found);
        for message in &played.log {
            if message["event"]["reason"] == "failure" && !message["event"]["comment"].is_null() {
                self.add(format!("a customer reads the reason of a failure: {}", message["event"]));
            }
        }
        let is_allowed = |mark: &str| becomes.reply.as_ref().is_some_and(|reply| reply.contains(mark));
        let everything = json!([played.log, played.staff_log]).to_string() + &played.told.wire;
        for mark in MARKS.iter().filter(|mark| everything.contains(**mark) && !is_allowed(mark)) {
            self.add(format!("somebody reads {mark:?}"));
        }
    }

    /// Compares the last bot message.
    fn compare_message(&mut self, play: &Play, played: &Played) {
        let becomes = &play.case.becomes;
        let last = |log: &[Value]| log.iter().rfind(|message| message["role"] == "bot").cloned().unwrap_or_default();
        let (message, staffs) = (last(&played.log), last(&played.staff_log));
        self.same("the cut", &json!(becomes.cut), &message["cut"]);
        let sources = message["sources"].as_array().cloned().unwrap_or_default();
        let sources: Vec<&str> = sources.iter().map(|source| source["document"].as_str().unwrap_or("?")).collect();
        self.same("the sources", &becomes.sources.iter().map(String::as_str).collect(), &sources);
        if !message["usage"].is_null() {
            self.add("a customer reads the usage".to_owned());
        }
        if let Some(usage) = &becomes.usage {
            self.same("the usage", usage, &staffs["usage"]);
        }
    }

    fn compare_requests(&mut self, play: &Play, played: &Played) {
        let becomes = &play.case.becomes;
        for (at, expected) in becomes.requests.iter().enumerate() {
            for field in differing(expected, played.asked.get(at).unwrap_or(&Value::Null)) {
                self.add(format!("in request {}, {field}", at + 1));
            }
        }
        if becomes.input_shrinks {
            let sizes: Vec<usize> = played.asked.iter().rev().take(2).map(bytes_of_input).collect();
            if sizes.len() < 2 || sizes[0] >= sizes[1] {
                self.add(format!("the sizes of the last inputs, newest first: {sizes:?}"));
            }
        }
        let mut outputs: Vec<String> = played.asked.iter().flat_map(lines).collect();
        outputs.retain(|line| line.starts_with("output "));
        outputs.dedup();
        let mut seen = Vec::new();
        outputs.retain(|line| {
            !seen.contains(line) && {
                seen.push(line.clone());
                true
            }
        });
        let is_told = |expected: &String, found: &String| {
            let (id, words) = expected.split_once(": ").unwrap_or((expected, ""));
            found.starts_with(&format!("output {id}: ")) && found.contains(words)
        };
        let Some(told) = &becomes.told else { return };
        if told.len() != outputs.len() || !told.iter().zip(&outputs).all(|(expected, found)| is_told(expected, found)) {
            self.add(format!("outputs of calls that the model is told: expected {told:?}, got {outputs:?}"));
        }
    }

    /// Compares what listeners were shown with the log.
    pub(super) fn compare_listeners(&mut self, play: &Play, played: &Played) {
        let becomes = &play.case.becomes;
        let bots = |log: &[Value]| -> Vec<String> {
            let asked = log.iter().rposition(|message| message["role"] == "customer").unwrap_or_default();
            let bots = log[asked..].iter().filter(|message| message["role"] == "bot");
            bots.map(|message| message["text"].as_str().unwrap_or_default().to_owned()).collect()
        };
        if let Some(view) = &played.told.ai_sdk {
            self.same("the text that stands in the AI SDK", &bots(&played.log), &view.texts());
            self.0.extend(view.flaws.iter().cloned());
            let finish = match becomes.cut.as_deref() {
                Some("length") => "length",
                Some(_) => "content-filter",
                None => "stop",
            };
            self.same("the AI SDK's reason of the end", &Some(json!(finish)), &view.finish_reason);
        } else {
            self.same("the reply", &becomes.reply, &played.told.reply);
        }
        if let Some(progress) = becomes.progress.as_ref().filter(|_| play.way != Way::Json) {
            self.same("the commentary", progress, &played.progress);
        }
        let views = [&played.told.view].into_iter().chain(played.listener.as_ref().map(|listener| &listener.view));
        for view in views {
            self.0.extend(view.flaws.iter().cloned());
            if !view.loose_words().is_empty() {
                self.add(format!("{:?} stands beside the log", view.loose_words()));
            }
            for (seq, seen) in &view.messages {
                let logged = played.log.iter().find(|message| message["seq"] == *seq).unwrap_or(&Value::Null);
                self.same("a message as it was told", logged, seen);
            }
        }
        if play.way == Way::Sse && becomes.reply.is_some() {
            let discarded = if play.form == Form::Whole { 0 } else { becomes.discarded };
            self.same("withdrawals of shown words", &discarded, &played.told.view.discarded);
        }
        if let Some(listener) = &played.listener {
            self.same("messages on the socket", &played.log.len(), &listener.view.messages.len());
            if let Some(status) = &listener.view.status {
                self.same("the status on the socket", &played.view["status"], status);
            }
        }
    }

    /// Compares the plain turn that follows.
    pub(super) fn compare_next(&mut self, play: &Play, peer: &Peer, answer: &Value, asked_before: usize) {
        let (next, becomes) = (&play.case.becomes.next, &play.case.becomes);
        self.same("the reply of the next turn", &json!(PLAIN_ANSWER), &answer["reply"]["text"]);
        let asked = peer.asked();
        self.same("requests of the next turn", &next.asked.unwrap_or(1), &(asked.len() - asked_before));
        let last = asked.last().unwrap_or(&Value::Null);
        for field in differing(&next.request, last) {
            self.add(format!("in the next turn's request, {field}"));
        }
        let is_plain =
            becomes.status.is_none() && becomes.log.is_none() && becomes.progress.as_ref().is_some_and(Vec::is_empty);
        let plain = becomes.reply.as_ref().filter(|_| is_plain && play.case.story.len() == 1);
        let expected = next.input.clone().or_else(|| {
            let reply = plain?;
            let Step::Customer(question) = &play.case.story[0] else { return None };
            let turn = [format!("user: {question}"), format!("assistant: {reply}")];
            let is_new = asked.iter().filter(|it| it["conversation"] == last["conversation"]).count() == 1;
            let earlier = if play.memory == Memory::Local || is_new { turn.to_vec() } else { Vec::new() };
            Some([earlier, vec![format!("user: {NEXT}")]].concat())
        });
        if let Some(expected) = expected {
            self.same("the next turn's input", &expected, &lines(last));
        }
        let text = last.to_string();
        for words in next.holds.iter().filter(|words| !text.contains(*words)) {
            self.add(format!("the next turn's request does not hold {words:?}"));
        }
        for words in next.lacks.iter().chain(&MARKS.map(str::to_owned)).filter(|words| text.contains(*words)) {
            if !becomes.reply.as_ref().is_some_and(|reply| reply.contains(words.as_str())) {
                self.add(format!("the next turn's request holds {words:?}"));
            }
        }
        if peer.conversations().len() > 1 {
            self.add(format!("more than one conversation is left: {:?}", peer.conversations()));
        }
    }

    /// Checks what was logged of the thread, and that nothing was that people or the model said.
    pub(super) fn compare_logs(&mut self, play: &Play, thread: &str, lines: &[String]) {
        for expected in &play.case.becomes.logged {
            let (level, words) = expected.split_once(' ').unwrap_or((expected, ""));
            let is_it = |line: &&String| line.trim_start().starts_with(level) && line.contains(thread);
            if !lines.iter().filter(is_it).any(|line| line.contains(words)) {
                let of_thread: Vec<_> = lines.iter().filter(|line| line.contains(thread)).collect();
                self.add(format!("no line of the log is `{expected}`: {of_thread:?}"));
            }
        }
        let said = [Some(QUESTION), Some(NEXT), play.case.becomes.reply.as_deref(), Some(PLAIN_ANSWER)];
        for words in said.into_iter().flatten().filter(|words| words.len() > 5) {
            if let Some(line) = lines.iter().find(|line| line.contains(words)) {
                self.add(format!("the log holds what was said: {line}"));
            }
        }
    }

    /// Verifies that the thread keeps the invariants of one voice.
    pub(super) async fn verify(&mut self, stage: &Stage, thread: &str) {
        let (store, at_no_time) = (&stage.board.app().store, At::from_millis(0));
        let report = store.thread_verify("acme", &thread.parse().unwrap(), at_no_time).await.unwrap();
        if let Some(violation) = report.and_then(|report| report.violation) {
            self.add(format!("the thread violates an invariant: {violation}"));
        }
    }
}
