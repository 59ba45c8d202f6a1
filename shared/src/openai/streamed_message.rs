//! A message of a response, as far as it has streamed in.

use super::{
    output_item::{Message, Phase},
    text_filter::TextFilter,
};

/// A message as far as it has streamed in.
#[derive(Default)]
pub(super) struct StreamedMessage {
    /// Its place in the response's output.
    pub(super) index: Option<u64>,
    pub(super) phase: Option<Phase>,
    /// The text with its thinking and marks.
    pub(super) raw: String,
    pub(super) filter: TextFilter,
    pub(super) refusal: String,
    pub(super) cited: Vec<String>,
    pub(super) is_done: bool,
    /// Its [`Event::Commentary`] was sent.
    pub(super) is_announced: bool,
}

impl StreamedMessage {
    pub(super) fn is_commentary(&self) -> bool {
        self.phase == Some(Phase::Commentary)
    }

    pub(super) fn has_content(&self) -> bool {
        !(self.raw.is_empty() && self.refusal.is_empty())
    }

    /// The text as it is compared and announced.
    pub(super) fn text(&self) -> &str {
        self.filter.shown().trim()
    }

    /// True if the message goes on from here.
    pub(super) fn begins(&self, message: &Message<'_>) -> bool {
        !self.raw.is_empty() && message.text.starts_with(&self.raw)
    }

    pub(super) fn complete(&mut self, message: &Message<'_>) {
        self.phase = self.phase.or(message.phase);
        self.extend(&message.text);
        self.refuse(&message.refusal);
        self.cited.extend(message.cited.iter().map(|&file| file.to_owned()));
        self.finish();
    }

    /// Takes over a text that begins with this one and goes further.
    pub(super) fn extend(&mut self, text: &str) {
        let Some(rest) = text.strip_prefix(self.raw.as_str()).filter(|rest| !rest.is_empty()) else {
            return;
        };
        if self.is_done {
            self.filter = TextFilter::default();
            self.filter.push(text);
            self.filter.finish();
        } else {
            self.filter.push(rest);
        }
        self.raw.push_str(rest);
    }

    pub(super) fn refuse(&mut self, refusal: &str) {
        if self.refusal.is_empty() {
            self.refusal.push_str(refusal);
        }
    }

    pub(super) fn finish(&mut self) {
        if !self.is_done {
            self.is_done = true;
            self.filter.finish();
        }
    }
}
