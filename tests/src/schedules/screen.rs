//! The screen of a customer who listens: what a client makes of the frames on its socket.
//!
//! A delta at index 0, or `message.discarded`, makes the words of its run so far void. Like the widget, this client
//! ignores deltas while no message waits for the bot.

use std::collections::BTreeMap;

use serde_json::Value;
use shared::domain::{
    Line, Message,
    message::{Change, Role},
};

use super::tries::Tries;

pub(super) struct Screen<'a> {
    /// The log at the end of the story.
    log: &'a [Message],
    /// The words of each response, as OpenAI sent them.
    said: &'a [String],
    tries: &'a Tries,
    /// The words of answers that are being written, by run.
    words: BTreeMap<String, String>,
    asked: u64,
    answered: u64,
    /// The newest change of owner, and whether the bot has had the line since.
    line: (u64, bool),
}

impl<'a> Screen<'a> {
    pub(super) fn new(log: &'a [Message], said: &'a [String], tries: &'a Tries) -> Self {
        Self { log, said, tries, words: BTreeMap::new(), asked: 0, answered: 0, line: (0, true) }
    }

    /// Shows a frame. The error describes what a customer should not have seen.
    pub(super) fn show(&mut self, frame: &Value) -> Result<(), String> {
        match frame["type"].as_str() {
            Some("message.created") => self.place(&frame["message"]),
            Some("message.delta") => self.stream(frame),
            Some("message.discarded") => {
                self.words.remove(frame["run_id"].as_str().unwrap_or_default());
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// The number of answers that are still shown and were never logged.
    pub(super) fn left(&self) -> usize {
        self.words.len()
    }

    fn place(&mut self, shown: &Value) -> Result<(), String> {
        let is_it = |message: &&Message| shown["id"] == message.id.as_str();
        let logged = self.log.iter().find(is_it).ok_or_else(|| format!("{shown} was shown and is not in the log"))?;
        if shown["text"] != logged.text.as_str() || shown["seq"] != logged.seq {
            return Err(format!("{shown} was shown, but the log has {}: {:?}", logged.seq, logged.text));
        }
        if let Some(answers) = logged.answers {
            self.answered = self.answered.max(answers.through);
            let run = self.tries.run_of(logged.id.as_str()).unwrap_or_default();
            // Other words of the same run would have been an answer of their own.
            if let Some(words) = self.words.remove(&run).filter(|words| !logged.text.starts_with(words)) {
                return Err(format!("{words:?} was shown, and then {:?} for it", logged.text));
            }
        }
        match logged.role {
            Role::Customer => self.asked = self.asked.max(logged.seq),
            Role::Agent => self.answered = self.answered.max(logged.seq),
            _ => {}
        }
        if let Some(event) = logged.event.as_ref().filter(|_| logged.seq > self.line.0) {
            let is_bots = matches!(event, Change::Released { to } | Change::TimedOut { to } if *to == Line::Bot);
            self.line = (logged.seq, is_bots);
        }
        Ok(())
    }

    fn stream(&mut self, delta: &Value) -> Result<(), String> {
        let is_late = !self.line.1 || self.asked <= self.answered;
        let run = delta["run_id"].as_str().unwrap_or_default();
        let (text, index) = (delta["text"].as_str().unwrap_or_default(), delta["index"].as_u64().unwrap_or_default());
        let known: Vec<u16> = self.words.get(run).map(|words| words.encode_utf16().collect()).unwrap_or_default();
        let index = usize::try_from(index).unwrap_or(usize::MAX);
        if is_late || index > known.len() {
            return Ok(());
        }
        let words = String::from_utf16_lossy(&known[..index]) + text;
        if !self.said.iter().any(|said| said.starts_with(&words)) {
            return Err(format!("{words:?} was shown, which no one response says"));
        }
        self.words.insert(run.to_owned(), words);
        Ok(())
    }
}
