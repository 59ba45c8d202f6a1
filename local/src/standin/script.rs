//! The script of one response: its events in OpenAI's order, its effects, and where it is told to go wrong.

use std::{collections::VecDeque, time::Duration};

use serde_json::json;

use super::{
    Failure, Hold,
    event::{Events, Place, item_of, serialized},
    front::Taken,
    item::{Item, Status},
    new_id, now,
    play::Step,
    reply::Reply,
    response::{Response, Usage},
};

pub(super) struct Script {
    pub(super) steps: VecDeque<Step>,
    pub(super) ending: Ending,
}

/// What a client that wants no stream gets at the end.
pub(super) enum Ending {
    Answer(Box<str>),
    /// A 500 with this code.
    Error(String),
    Broken,
}

/// What a response leaves behind.
#[derive(Default)]
pub(super) struct Landing {
    pub(super) conversation: Option<String>,
    pub(super) items: Vec<Item>,
    /// The response's id and JSON, where it is stored.
    pub(super) stored: Option<(String, Box<str>)>,
}

impl Script {
    /// No `reply` is an empty answer. `asked` is what the input counts, in tokens; `landing` holds the input's items.
    pub(super) fn write(
        response: Response,
        reply: Option<&Reply>,
        asked: usize,
        landing: Landing,
        taken: Option<Taken>,
        pace: Duration,
    ) -> Self {
        let (failure, hold) = taken.map(|Taken(failure, hold)| (failure, hold)).unzip();
        let mut writer = Writer { events: Events::default(), response, landing, asked, failure, hold, pace };
        let ending = writer.write(reply);
        Script { steps: writer.events.steps, ending }
    }
}

/// The message of every failure that was asked for.
pub(super) const TOLD: &str = "The stand-in was told to fail.";

struct Writer {
    events: Events,
    response: Response,
    landing: Landing,
    asked: usize,
    failure: Option<Failure>,
    hold: Option<Hold>,
    pace: Duration,
}

/// What comes in among the deltas. All but a hold end the reply there.
enum Snag {
    Hold,
    Cut { landed: bool, clean: bool },
    Error { flat: bool, code: String },
    Failed { code: String },
    Incomplete { reason: String },
}

impl Writer {
    fn write(&mut self, reply: Option<&Reply>) -> Ending {
        self.events.whole("response.created", &self.response);
        self.events.whole("response.in_progress", &self.response);
        if matches!(self.failure, Some(Failure::Noise)) {
            let novelty = self.events.noise(&self.response);
            self.response.output.push(novelty);
        }
        let Some(reply) = reply else {
            return self.finish("completed", 0);
        };
        let (text, prefix, content_index) = match reply {
            Reply::Text(text) | Reply::Refusal(text) => (text, "msg", Some(0)),
            Reply::Call { arguments, .. } => (arguments, "fc", None),
        };
        let place = Place { item_id: new_id(prefix), output_index: self.response.output.len(), content_index };
        let opened = item_of(&place.item_id, reply, "", Status::InProgress);
        self.events.item("response.output_item.added", &place, &opened);
        self.events.part("response.content_part.added", &place, reply, "");
        let (deltas, said, snag) = self.say(reply, text, &place);
        match snag {
            None | Some(Snag::Hold) => {
                self.close_item(reply, &said, &place, Status::Completed);
                self.finish("completed", deltas)
            }
            Some(Snag::Incomplete { reason }) => {
                self.close_item(reply, &said, &place, Status::Incomplete);
                self.response.incomplete_details = Some(json!({ "reason": reason }));
                self.finish("incomplete", deltas)
            }
            Some(Snag::Cut { landed, clean }) => {
                let whole = item_of(&place.item_id, reply, text, Status::Completed);
                self.response.output.push(whole);
                self.cut(landed, clean)
            }
            Some(Snag::Error { flat, code }) => self.error(flat, code),
            Some(Snag::Failed { code }) => self.fail(&code),
        }
    }

    fn close_item(&mut self, reply: &Reply, said: &str, place: &Place, status: Status) {
        let closed = item_of(&place.item_id, reply, said, status);
        self.events.said(reply, said, place);
        self.events.part("response.content_part.done", place, reply, said);
        self.events.item("response.output_item.done", place, &closed);
        self.response.output.push(closed);
    }

    /// Says `text` word by word, up to where it ends. Gives how many deltas that took, and what was said.
    fn say(&mut self, reply: &Reply, text: &str, place: &Place) -> (usize, String, Option<Snag>) {
        let words: Vec<&str> = text.split_inclusive(' ').collect();
        let (after, mut snag) = self.snag(words.len()).unzip();
        let after = after.map(|after| words.len().min(after));
        let mut said = String::new();
        for n in 0..=words.len() {
            if after == Some(n) {
                match (snag.take(), &self.hold) {
                    (Some(Snag::Hold), Some(hold)) => {
                        self.events.steps.push_back(Step::Hold(hold.clone()));
                    }
                    (snag, _) => return (n, said, snag),
                }
            }
            if let Some(word) = words.get(n) {
                if !self.pace.is_zero() {
                    self.events.steps.push_back(Step::Pause(self.pace));
                }
                self.events.delta(reply, word, place);
                said.push_str(word);
            }
        }
        (words.len(), said, None)
    }

    /// What comes in among this many `words`, and after how many of them.
    fn snag(&self, words: usize) -> Option<(usize, Snag)> {
        match self.failure.clone() {
            Some(Failure::Hold { after }) => Some((after, Snag::Hold)),
            Some(Failure::Cut { after, landed, clean }) => Some((after, Snag::Cut { landed, clean })),
            Some(Failure::Error { after, flat, code }) => Some((after, Snag::Error { flat, code })),
            Some(Failure::Failed { after, code }) => Some((after, Snag::Failed { code })),
            Some(Failure::Incomplete { after, reason }) => Some((after, Snag::Incomplete { reason })),
            _ => {
                let most = usize::try_from(self.response.max_output_tokens?).ok()?;
                let reason = "max_output_tokens".to_owned();
                (most < words).then_some((most, Snag::Incomplete { reason }))
            }
        }
    }

    fn finish(&mut self, status: &'static str, deltas: usize) -> Ending {
        let json = self.close(status, deltas);
        let kind = format!("response.{status}");
        self.events.whole(&kind, &self.response);
        Ending::Answer(json)
    }

    /// Completes the response and lets it land. Gives its JSON.
    fn close(&mut self, status: &'static str, deltas: usize) -> Box<str> {
        self.response.status = status;
        self.response.completed_at = (status == "completed").then(now);
        self.response.usage = Some(Usage {
            input_tokens: self.asked,
            input_tokens_details: json!({"cached_tokens": 0, "cache_write_tokens": 0}),
            output_tokens: deltas,
            output_tokens_details: json!({"reasoning_tokens": 0}),
            total_tokens: self.asked + deltas,
        });
        let json = serialized(&self.response);
        let mut landing = std::mem::take(&mut self.landing);
        let known = |item: &&Item| !matches!(item, Item::Novelty { .. });
        landing.items.extend(self.response.output.iter().filter(known).cloned());
        self.land(landing, Some(&json));
        json
    }

    /// A failed response is stored, but leaves nothing in its conversation.
    fn fail(&mut self, code: &str) -> Ending {
        self.response.status = "failed";
        self.response.error = Some(json!({"code": code, "message": TOLD}));
        let json = serialized(&self.response);
        self.land(Landing::default(), Some(&json));
        self.events.whole("response.failed", &self.response);
        Ending::Answer(json)
    }

    fn land(&mut self, mut landing: Landing, json: Option<&str>) {
        let stored = json.filter(|_| self.response.store);
        landing.stored = stored.map(|json| (self.response.id.clone(), json.into()));
        self.events.steps.push_back(Step::Land(landing));
    }

    fn error(&mut self, flat: bool, code: String) -> Ending {
        self.land(Landing::default(), None);
        let error = if flat {
            json!({"code": code, "message": TOLD, "param": null})
        } else {
            json!({"error": {"type": "server_error", "code": code, "message": TOLD, "param": null}})
        };
        self.events.send("error", error);
        Ending::Error(code)
    }

    fn cut(&mut self, landed: bool, clean: bool) -> Ending {
        if landed {
            self.close("completed", 0);
        } else {
            self.land(Landing::default(), None);
        }
        if !clean {
            self.events.steps.push_back(Step::Break);
        }
        Ending::Broken
    }
}
