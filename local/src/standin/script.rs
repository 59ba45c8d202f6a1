//! The script of a response: its events in OpenAI's order, its effects, and the failure that a fault asks for.

use std::{collections::VecDeque, time::Duration};

use serde_json::json;

use super::{
    error_response::FAULT_MESSAGE,
    event::{Events, Place, reply_item, serialized},
    fault::{Failure, MatchedFault},
    hold::Hold,
    item::{Item, Status},
    prompt_cache::PromptTokens,
    reply::Reply,
    response::{Response, Usage},
    stamp::{new_id, now},
    step::{Effects, Outcome, Step},
};

pub(super) struct Script {
    pub(super) steps: VecDeque<Step>,
    pub(super) outcome: Outcome,
}

impl Script {
    /// Writes the script. Without a `reply` the output is empty; `effects` holds the items of the input.
    pub(super) fn write(
        response: Response,
        reply: Option<&Reply>,
        prompt_tokens: PromptTokens,
        effects: Effects,
        fault: Option<MatchedFault>,
        pace: Duration,
    ) -> Self {
        let (failure, hold) = fault.map(|fault| (fault.failure, fault.hold)).unzip();
        let mut writer = Writer { events: Events::default(), response, effects, prompt_tokens, failure, hold, pace };
        let outcome = writer.write(reply);
        Script { steps: writer.events.steps, outcome }
    }
}

struct Writer {
    events: Events,
    response: Response,
    effects: Effects,
    prompt_tokens: PromptTokens,
    failure: Option<Failure>,
    hold: Option<Hold>,
    pace: Duration,
}

/// An interruption between two deltas. All but a hold end the reply there.
enum Interruption {
    Hold,
    Cut { landed: bool, clean: bool },
    Error { flat: bool, code: String },
    Failed { code: String },
    Incomplete { reason: String },
}

impl Writer {
    fn write(&mut self, reply: Option<&Reply>) -> Outcome {
        self.events.response("response.created", &self.response);
        self.events.response("response.in_progress", &self.response);
        if matches!(self.failure, Some(Failure::Noise)) {
            let novelty = self.events.noise(&self.response);
            self.response.output.push(novelty);
        }
        if let Some(Failure::Words { text }) = self.failure.clone() {
            self.write_words(&Reply::Text(text));
        }
        let Some(reply) = reply else {
            return self.finish("completed", 0);
        };
        let (text, prefix, content_index) = match reply {
            Reply::Text(text) | Reply::Refusal(text) => (text, "msg", Some(0)),
            Reply::Call { arguments, .. } => (arguments, "fc", None),
        };
        let place = Place { item_id: new_id(prefix), output_index: self.response.output.len(), content_index };
        let opened = reply_item(&place.item_id, reply, "", Status::InProgress);
        self.events.item("response.output_item.added", &place, &opened);
        self.events.part("response.content_part.added", &place, reply, "");
        let (deltas, sent, interruption) = self.write_deltas(reply, text, &place);
        match interruption {
            None | Some(Interruption::Hold) => {
                self.close_item(reply, &sent, &place, Status::Completed);
                self.finish("completed", deltas)
            }
            Some(Interruption::Incomplete { reason }) => {
                self.close_item(reply, &sent, &place, Status::Incomplete);
                self.response.incomplete_details = Some(json!({ "reason": reason }));
                self.finish("incomplete", deltas)
            }
            Some(Interruption::Cut { landed, clean }) => {
                let whole = reply_item(&place.item_id, reply, text, Status::Completed);
                self.response.output.push(whole);
                self.cut(landed, clean)
            }
            Some(Interruption::Error { flat, code }) => self.error(flat, code),
            Some(Interruption::Failed { code }) => self.fail(&code),
        }
    }

    /// Writes a whole message before the reply itself.
    fn write_words(&mut self, words: &Reply) {
        let Reply::Text(text) = words else { return };
        let place = Place { item_id: new_id("msg"), output_index: self.response.output.len(), content_index: Some(0) };
        let opened = reply_item(&place.item_id, words, "", Status::InProgress);
        self.events.item("response.output_item.added", &place, &opened);
        self.events.part("response.content_part.added", &place, words, "");
        self.events.delta(words, text, &place);
        self.close_item(words, text, &place, Status::Completed);
    }

    fn close_item(&mut self, reply: &Reply, sent: &str, place: &Place, status: Status) {
        let closed = reply_item(&place.item_id, reply, sent, status);
        self.events.done(reply, sent, place);
        self.events.part("response.content_part.done", place, reply, sent);
        self.events.item("response.output_item.done", place, &closed);
        self.response.output.push(closed);
    }

    /// Writes `text` as one delta per word, up to an interruption that ends it. Returns the number of deltas and the
    /// text that was sent.
    fn write_deltas(&mut self, reply: &Reply, text: &str, place: &Place) -> (usize, String, Option<Interruption>) {
        let words: Vec<&str> = text.split_inclusive(' ').collect();
        let (after, mut interruption) = self.interruption(words.len()).unzip();
        let after = after.map(|after| words.len().min(after));
        let mut sent = String::new();
        for n in 0..=words.len() {
            if after == Some(n) {
                match (interruption.take(), &self.hold) {
                    (Some(Interruption::Hold), Some(hold)) => {
                        self.events.steps.push_back(Step::Hold(hold.clone()));
                    }
                    (interruption, _) => return (n, sent, interruption),
                }
            }
            if let Some(word) = words.get(n) {
                if !self.pace.is_zero() {
                    self.events.steps.push_back(Step::Pause(self.pace));
                }
                self.events.delta(reply, word, place);
                sent.push_str(word);
            }
        }
        (words.len(), sent, None)
    }

    /// The interruption of a text of this many `words`, and the number of words before it.
    fn interruption(&self, words: usize) -> Option<(usize, Interruption)> {
        match self.failure.clone() {
            Some(Failure::Hold { after }) => Some((after, Interruption::Hold)),
            Some(Failure::Cut { after, landed, clean }) => Some((after, Interruption::Cut { landed, clean })),
            Some(Failure::Error { after, flat, code }) => Some((after, Interruption::Error { flat, code })),
            Some(Failure::Failed { after, code }) => Some((after, Interruption::Failed { code })),
            Some(Failure::Incomplete { after, reason }) => Some((after, Interruption::Incomplete { reason })),
            _ => {
                let most = usize::try_from(self.response.max_output_tokens?).ok()?;
                let reason = "max_output_tokens".to_owned();
                (most < words).then_some((most, Interruption::Incomplete { reason }))
            }
        }
    }

    fn finish(&mut self, status: &'static str, deltas: usize) -> Outcome {
        let json = self.close(status, deltas);
        let kind = format!("response.{status}");
        self.events.response(&kind, &self.response);
        Outcome::Response(json)
    }

    /// Completes the response and applies its effects. Returns its JSON.
    fn close(&mut self, status: &'static str, deltas: usize) -> Box<str> {
        self.response.status = status;
        self.response.completed_at = (status == "completed").then(now);
        self.response.usage = Some(Usage {
            input_tokens: self.prompt_tokens.input,
            input_tokens_details: json!({"cached_tokens": self.prompt_tokens.cached, "cache_write_tokens": 0}),
            output_tokens: deltas,
            output_tokens_details: json!({"reasoning_tokens": 0}),
            total_tokens: self.prompt_tokens.input + deltas,
        });
        let json = serialized(&self.response);
        let mut effects = std::mem::take(&mut self.effects);
        let is_stored = |item: &&Item| !matches!(item, Item::Novelty { .. });
        effects.items.extend(self.response.output.iter().filter(is_stored).cloned());
        self.apply(effects, Some(&json));
        json
    }

    /// Fails the response, which is stored but adds nothing to its conversation.
    fn fail(&mut self, code: &str) -> Outcome {
        self.response.status = "failed";
        self.response.error = Some(json!({"code": code, "message": FAULT_MESSAGE}));
        let json = serialized(&self.response);
        self.apply(Effects::default(), Some(&json));
        self.events.response("response.failed", &self.response);
        Outcome::Response(json)
    }

    fn apply(&mut self, mut effects: Effects, json: Option<&str>) {
        let stored = json.filter(|_| self.response.store);
        effects.stored = stored.map(|json| (self.response.id.clone(), json.into()));
        self.events.steps.push_back(Step::Apply(effects));
    }

    fn error(&mut self, flat: bool, code: String) -> Outcome {
        self.apply(Effects::default(), None);
        let error = if flat {
            json!({"code": code, "message": FAULT_MESSAGE, "param": null})
        } else {
            json!({"error": {"type": "server_error", "code": code, "message": FAULT_MESSAGE, "param": null}})
        };
        self.events.send("error", error);
        Outcome::Error(code)
    }

    fn cut(&mut self, landed: bool, clean: bool) -> Outcome {
        if landed {
            self.close("completed", 0);
        } else {
            self.apply(Effects::default(), None);
        }
        if !clean {
            self.events.steps.push_back(Step::Cut);
        }
        Outcome::Cut
    }
}
