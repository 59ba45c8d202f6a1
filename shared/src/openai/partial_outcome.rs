//! The outcome of a response as far as it has streamed in.

use std::collections::VecDeque;

use serde_json::Value;

use super::{
    failure::Failure,
    frame::{Frame, ResponseObject, TextDone, usable_id},
    limits::{MAX_ANSWER_BYTES, MAX_KEPT_BYTES, clipped},
    outcome::{Call, Event, Incomplete, Outcome},
    output_item::{OutputItem, Phase, usage},
    streamed_message::StreamedMessage,
};

/// The bytes that a message or a call takes besides its texts.
const MESSAGE_BYTES: usize = 256;

/// Separates the texts of two messages in one response.
const MESSAGE_SEPARATOR: &str = "\n\n";

/// Collects the frames of a response, and turns them into events.
///
/// The streamed text counts. The last event may add to it (a text that goes further, an item that was not streamed) but
/// takes nothing back: some servers leave the output out of it, or send `null` in its place.
#[derive(Default)]
pub(super) struct PartialOutcome {
    response_id: String,
    pub(super) messages: Vec<StreamedMessage>,
    pub(super) calls: Vec<Call>,
    /// Texts that are complete, unparsed, until the item around them is.
    texts_done: Vec<String>,
    /// The answer came in deltas. One that arrives all at once has none.
    has_deltas: bool,
    /// The deltas that were sent since the last restart.
    sent: String,
    /// `sent` ends with all of the last message's text, so what is added to that is sent as it is.
    is_flowing: bool,
    events: VecDeque<Event>,
    /// The bytes of all texts and calls so far.
    kept_bytes: usize,
    /// The answer goes beyond the longest that is taken.
    is_full: bool,
}

impl PartialOutcome {
    /// Applies a frame. Returns the outcome if the frame ended the response. The events that come before the outcome
    /// wait in [`PartialOutcome::next_event`].
    pub(super) fn apply(&mut self, frame: Frame) -> Result<Option<Outcome>, Failure> {
        match frame {
            Frame::Created { response_id } => {
                self.response_id.clone_from(&response_id);
                self.events.push_back(Event::Created { response_id });
            }
            Frame::ItemAdded { index, phase } => {
                self.messages.push(StreamedMessage { index, phase: Some(phase), ..StreamedMessage::default() });
                self.is_flowing = false;
            }
            Frame::Delta { index, text } => self.delta(index, &text),
            Frame::Cited { index, file } => {
                let at = self.open_message(index);
                self.kept_bytes += file.len();
                self.messages[at].cited.push(file);
            }
            Frame::TextDone(data) => {
                self.kept_bytes += data.len();
                self.texts_done.push(data);
            }
            Frame::ItemDone { index, item } => self.item_done(index, &item),
            Frame::Ended(response) => return Ok(Some(self.outcome(&response))),
            Frame::Done => return self.end_of_stream(true).map(Some),
            Frame::Failed(error) => return Err(error.into_stream_failure()),
        }
        let is_too_long = self.is_full || self.kept_bytes + self.messages.len() * MESSAGE_BYTES > MAX_KEPT_BYTES;
        if is_too_long { self.abort().map(Some) } else { Ok(None) }
    }

    /// The outcome of a response that is longer than any that is taken: its beginning, if there is one.
    fn abort(&mut self) -> Result<Outcome, Failure> {
        let outcome = self.outcome(&ResponseObject::default());
        if outcome.text.is_empty() {
            return Err(Failure::Interrupted { code: None });
        }
        Ok(Outcome { incomplete: Some(Incomplete::MaxOutputTokens), is_aborted: true, ..outcome })
    }

    pub(super) fn next_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// The outcome of a stream that ended without a last event. `is_told`: the server said that this is the end. Else
    /// the response counts as interrupted unless a call or an answer is complete and no text was left open: after
    /// commentary alone, the answer is missing.
    pub(super) fn end_of_stream(&mut self, is_told: bool) -> Result<Outcome, Failure> {
        self.apply_texts_done();
        let has_answer = !self.calls.is_empty() || self.answers().any(StreamedMessage::has_content);
        let is_complete = if is_told {
            has_answer || self.messages.iter().any(StreamedMessage::has_content)
        } else {
            has_answer && self.messages.iter().all(|message| message.is_done || !message.has_content())
        };
        if is_complete {
            Ok(self.outcome(&ResponseObject::default()))
        } else {
            Err(Failure::Interrupted { code: None })
        }
    }

    fn delta(&mut self, index: Option<u64>, text: &str) {
        let at = self.open_message(index);
        let is_flowing = self.is_flowing && at + 1 == self.messages.len();
        self.kept_bytes += text.len();
        let message = &mut self.messages[at];
        message.raw.push_str(text);
        let shown = message.filter.push(text);
        if message.phase == Some(Phase::Commentary) {
            return;
        }
        self.has_deltas = true;
        match shown {
            Some("") if is_flowing => {}
            Some(whole) if is_flowing => {
                let shown = clipped(whole, MAX_ANSWER_BYTES - self.sent.len());
                self.is_full |= shown.len() < whole.len();
                self.sent.push_str(shown);
                self.events.push_back(Event::Delta { text: shown.to_owned() });
            }
            _ => self.send_answer(),
        }
    }

    /// Sends what of the answer was not sent yet. Starts over if the answer is no longer what was sent.
    fn send_answer(&mut self) {
        let (mut answer, is_flowing) = self.answer();
        self.is_full |= clip(&mut answer);
        let rest = answer.strip_prefix(self.sent.as_str());
        if rest.is_none() {
            self.events.push_back(Event::Restart);
        }
        let rest = rest.unwrap_or(&answer);
        if !rest.is_empty() {
            self.events.push_back(Event::Delta { text: rest.to_owned() });
        }
        (self.sent, self.is_flowing) = (answer, is_flowing);
    }

    /// The answer: every text but commentary, equal ones once. A text that is still open is held back while it may turn
    /// out to equal an earlier one. Also returns whether the last message is part of it.
    fn answer(&self) -> (String, bool) {
        let (mut answer, mut texts) = (String::new(), Vec::new());
        let mut is_flowing = false;
        for message in &self.messages {
            let text = message.text();
            let is_repeated = |known: &&str| *known == text || !message.is_done && known.starts_with(text);
            is_flowing = !(message.is_commentary() || text.is_empty() || texts.iter().any(is_repeated));
            if is_flowing {
                if !answer.is_empty() {
                    answer.push_str(MESSAGE_SEPARATOR);
                }
                answer.push_str(message.filter.shown());
                texts.push(text);
            }
        }
        (answer, is_flowing)
    }

    /// The message that a frame belongs to; a new one if it is not open. Indices are not missed where a server sends
    /// none.
    pub(super) fn open_message(&mut self, index: Option<u64>) -> usize {
        let is_meant = |message: &StreamedMessage| {
            !message.is_done && (index.is_none() || message.index.is_none() || message.index == index)
        };
        let at = self.messages.iter().rposition(is_meant).unwrap_or_else(|| {
            self.is_flowing = false;
            self.messages.push(StreamedMessage::default());
            self.messages.len() - 1
        });
        self.messages[at].index = self.messages[at].index.or(index);
        at
    }

    fn item_done(&mut self, index: Option<u64>, item: &Value) {
        match OutputItem::read(item) {
            OutputItem::Message(message) => {
                self.kept_bytes += message.text.len();
                self.texts_done.clear();
                let begins_it = |streamed: &StreamedMessage| !streamed.is_done && streamed.begins(&message);
                let at = self.messages.iter().position(begins_it).unwrap_or_else(|| self.open_message(index));
                self.messages[at].complete(&message);
                self.send_completed(at);
            }
            OutputItem::Call(call) if call.call_id.is_empty() => self.add_call(call),
            OutputItem::Call(call) => {
                if self.calls.iter().all(|known| known.call_id != call.call_id) {
                    self.add_call(call);
                }
            }
            OutputItem::Other => {}
        }
    }

    fn add_call(&mut self, call: Call) {
        self.kept_bytes += MESSAGE_BYTES + call.call_id.len() + call.name.len() + call.arguments.len();
        self.calls.push(call);
    }

    /// Sends the rest of an answer, or a commentary, whose message is complete.
    fn send_completed(&mut self, at: usize) {
        if self.has_deltas {
            self.send_answer();
        }
        let message = &mut self.messages[at];
        if message.is_commentary() && !message.is_announced && !message.text().is_empty() {
            message.is_announced = true;
            self.events.push_back(Event::Commentary { text: message.text().to_owned() });
        }
    }

    /// Completes the texts whose item was not said to be complete.
    fn apply_texts_done(&mut self) {
        for data in std::mem::take(&mut self.texts_done) {
            let done = TextDone::parse(&data);
            let known = self.messages.iter().rposition(|message| message.index == done.index());
            let at = known.unwrap_or_else(|| self.open_message(done.index()));
            let message = &mut self.messages[at];
            message.extend(done.text());
            message.refuse(done.refusal());
            message.finish();
            self.send_completed(at);
        }
    }

    fn outcome(&mut self, response: &ResponseObject) -> Outcome {
        self.apply_texts_done();
        self.merge_output(response);
        for at in 0..self.messages.len() {
            self.messages[at].finish();
        }
        if self.has_deltas {
            self.send_answer();
        }
        let mut refusal: String = self.answers().map(|message| message.refusal.as_str()).collect();
        let is_commentary_alone = self.answers().all(|message| message.text().is_empty());
        let is_commentary_alone = is_commentary_alone && refusal.is_empty() && self.calls.is_empty();
        let mut commentary = self.commentary();
        let mut text =
            if is_commentary_alone { std::mem::take(&mut commentary).join(MESSAGE_SEPARATOR) } else { self.answer().0 };
        let is_cut = clip(&mut text) | clip(&mut refusal);
        self.announce(&commentary);
        Outcome {
            response_id: usable_id(&response.id).map_or_else(|| std::mem::take(&mut self.response_id), str::to_owned),
            text,
            commentary,
            is_phased: self.messages.iter().any(|message| message.phase.is_some()),
            cited_files: self.cited_files(is_commentary_alone),
            refusal: Some(refusal).filter(|refusal| !refusal.is_empty()),
            calls: std::mem::take(&mut self.calls),
            incomplete: if is_cut { Some(Incomplete::MaxOutputTokens) } else { response.incomplete() },
            is_aborted: false,
            usage: usage(&response.usage),
        }
    }

    fn answers(&self) -> impl Iterator<Item = &StreamedMessage> {
        self.messages.iter().filter(|message| !message.is_commentary())
    }

    /// The texts of commentary that are no answer, equal ones once.
    fn commentary(&self) -> Vec<String> {
        let mut commentary: Vec<String> = Vec::new();
        for text in self.messages.iter().filter(|message| message.is_commentary()).map(StreamedMessage::text) {
            let is_answer = self.answers().any(|message| message.text() == text);
            if !(text.is_empty() || is_answer || commentary.iter().any(|known| known == text)) {
                commentary.push(text.to_owned());
            }
        }
        commentary
    }

    /// Sends the commentary that only the last event brought.
    fn announce(&mut self, commentary: &[String]) {
        for message in self.messages.iter_mut().filter(|message| message.is_commentary() && !message.is_announced) {
            message.is_announced = true;
            let text = message.text().to_owned();
            if commentary.contains(&text) {
                self.events.push_back(Event::Commentary { text });
            }
        }
    }

    fn cited_files(&self, is_commentary_alone: bool) -> Vec<String> {
        let mut files: Vec<String> = Vec::new();
        for message in self.messages.iter().filter(|message| is_commentary_alone || !message.is_commentary()) {
            for file in message.cited.iter().chain(message.filter.cited()) {
                if !files.contains(file) {
                    files.push(file.clone());
                }
            }
        }
        files
    }
}

/// Cuts a text to the longest answer. Returns `true` if it was longer.
fn clip(text: &mut String) -> bool {
    let bytes = clipped(text, MAX_ANSWER_BYTES).len();
    let is_longer = bytes < text.len();
    text.truncate(bytes);
    is_longer
}
