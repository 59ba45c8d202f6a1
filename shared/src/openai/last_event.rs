//! The last event of a response, added to what was streamed.

use std::collections::VecDeque;

use super::{
    frame::ResponseObject,
    outcome::Call,
    output_item::{Message, OutputItem},
    partial_outcome::PartialOutcome,
    streamed_message::StreamedMessage,
};

impl PartialOutcome {
    /// Adds the output of the last event to what was streamed.
    pub(super) fn merge_output(&mut self, response: &ResponseObject) {
        let (mut messages, mut calls) = (Vec::new(), Vec::new());
        for item in response.output.as_array().into_iter().flatten() {
            match OutputItem::read(item) {
                OutputItem::Message(message) => messages.push(message),
                OutputItem::Call(call) => calls.push(call),
                OutputItem::Other => {}
            }
        }
        self.merge_messages(messages);
        self.merge_calls(&calls);
        if let Some(text) = response.output_text.as_str()
            && self.messages.iter().all(|message| message.raw.is_empty())
        {
            let at = self.open_message(None);
            self.messages[at].extend(text);
        }
    }

    /// Finds the streamed message of each: the one with the beginning of its text, else the next. Texts can differ
    /// where a proxy has lost deltas.
    fn merge_messages(&mut self, messages: Vec<Message<'_>>) {
        let mut streamed: VecDeque<usize> = (0..self.messages.len()).collect();
        let mut others = Vec::new();
        for message in messages {
            match streamed.iter().position(|at| self.messages[*at].begins(&message)) {
                Some(found) => {
                    let at = streamed.remove(found).unwrap_or_default();
                    self.messages[at].complete(&message);
                }
                None => others.push(message),
            }
        }
        for message in others {
            let at = streamed.pop_front().unwrap_or_else(|| {
                self.messages.push(StreamedMessage::default());
                self.messages.len() - 1
            });
            self.messages[at].complete(&message);
        }
    }

    /// Finds the streamed call of each: the one with its id, else one that calls the same where ids were lost or
    /// changed on the way. No call is made twice.
    fn merge_calls(&mut self, calls: &[Call]) {
        let is_id_of = |call: &Call, known: &Call| !call.call_id.is_empty() && call.call_id == known.call_id;
        let is_named = |known: &Call| calls.iter().any(|call| is_id_of(call, known));
        let mut others: Vec<usize> = (0..self.calls.len()).filter(|at| !is_named(&self.calls[*at])).collect();
        for call in calls {
            let known = self.calls.iter().position(|known| is_id_of(call, known)).or_else(|| {
                let found = others.iter().position(|at| self.calls[*at].is_same(call))?;
                Some(others.remove(found))
            });
            match known.map(|at| &mut self.calls[at]) {
                Some(known) if known.call_id.is_empty() => known.call_id.clone_from(&call.call_id),
                Some(known) if known.arguments.is_empty() => known.arguments.clone_from(&call.arguments),
                Some(_) => {}
                None => self.calls.push(call.clone()),
            }
        }
    }
}

impl Call {
    /// True for the same function with the same arguments, as far as they arrived.
    fn is_same(&self, other: &Self) -> bool {
        let is_known = !(self.arguments.is_empty() || other.arguments.is_empty());
        self.name == other.name && (!is_known || self.arguments == other.arguments)
    }
}
