//! Findings: what a play shows, compared with the outcome that its case must have.

use std::fmt::Debug;

use serde_json::{Value, json};
use shared::domain::At;

use super::play::{NEXT, Play, Played, differing};
use tests::{
    stage::Stage,
    upstream::{PLAIN_ANSWER, Peer, QUESTION, Step, bytes_of_input, lines},
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
        let wire = json!([played.log, played.staff_log]).to_string() + &played.told.wire;
        self.look_for_marks("somebody reads", play, &wire);
    }

    /// Adds a finding for each mark in a text, unless the reply is about marks.
    pub(super) fn look_for_marks(&mut self, what: &str, play: &Play, text: &str) {
        let is_allowed = |mark: &str| play.case.becomes.reply.as_ref().is_some_and(|reply| reply.contains(mark));
        for mark in MARKS.iter().filter(|mark| text.contains(**mark) && !is_allowed(mark)) {
            self.add(format!("{what} {mark:?}"));
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
        let last = played.asked.last().unwrap_or(&Value::Null).to_string();
        for words in becomes.holds.iter().filter(|words| !last.contains(*words)) {
            self.add(format!("the last request does not hold {words:?}"));
        }
        if becomes.input_shrinks {
            let sizes: Vec<usize> = played.asked.iter().rev().take(2).map(bytes_of_input).collect();
            if sizes.len() < 2 || sizes[0] >= sizes[1] {
                self.add(format!("the sizes of the last inputs, newest first: {sizes:?}"));
            }
        }
        // With local memory each later request repeats them.
        let mut outputs: Vec<String> = Vec::new();
        for line in played.asked.iter().flat_map(lines).filter(|line| line.starts_with("output ")) {
            if !outputs.contains(&line) {
                outputs.push(line);
            }
        }
        let is_told = |expected: &String, found: &String| {
            let (id, words) = expected.split_once(": ").unwrap_or((expected, ""));
            found.starts_with(&format!("output {id}: ")) && found.contains(words)
        };
        let Some(told) = &becomes.told else { return };
        if told.len() != outputs.len() || !told.iter().zip(&outputs).all(|(expected, found)| is_told(expected, found)) {
            self.add(format!("outputs of calls that the model is told: expected {told:?}, got {outputs:?}"));
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
