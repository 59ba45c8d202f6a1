//! The script of one response: its events in OpenAI's order, its effects, and where it is told to go wrong.

use std::{collections::VecDeque, time::Duration};

use serde_json::{Value, json};

use super::{
    Failure, Hold,
    event::{Events, item_of, serialized},
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
        let mut writer = Writer {
            events: Events::default(),
            response,
            landing,
            asked,
            failure,
            hold,
            pace,
        };
        let ending = writer.write(reply);
        Script {
            steps: writer.events.steps,
            ending,
        }
    }
}

struct Writer {
    events: Events,
    response: Response,
    landing: Landing,
    asked: usize,
    failure: Option<Failure>,
    hold: Option<Hold>,
    pace: Duration,
}

/// Why a reply ends before its end.
enum Stop {
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
        let (text, id) = match reply {
            Reply::Text(text) | Reply::Refusal(text) => (text, new_id("msg")),
            Reply::Call { arguments, .. } => (arguments, new_id("fc")),
        };
        let index = self.response.output.len();
        let item = |said: &str, status| item_of(&id, reply, said, status);
        let place = json!({"item_id": id, "output_index": index, "content_index": 0});

        let opened = item("", Status::InProgress);
        self.events.send(
            "response.output_item.added",
            json!({"output_index": index, "item": opened}),
        );
        self.events
            .part("response.content_part.added", &place, reply, "");
        let (deltas, said, stop) = self.say(reply, text, &place);
        match stop {
            None | Some(Stop::Incomplete { .. }) => {}
            Some(Stop::Cut { landed, clean }) => {
                self.response.output.push(item(text, Status::Completed));
                return self.cut(landed, clean);
            }
            Some(Stop::Error { flat, code }) => return self.error(flat, code),
            Some(Stop::Failed { code }) => return self.fail(&code),
        }
        self.events.said(reply, &said, &place);
        self.events
            .part("response.content_part.done", &place, reply, &said);
        let status = if stop.is_none() {
            Status::Completed
        } else {
            Status::Incomplete
        };
        let closed = item(&said, status);
        self.events.send(
            "response.output_item.done",
            json!({"output_index": index, "item": closed}),
        );
        self.response.output.push(closed);
        if let Some(Stop::Incomplete { reason }) = stop {
            self.response.incomplete_details = Some(json!({ "reason": reason }));
            return self.finish("incomplete", deltas);
        }
        self.finish("completed", deltas)
    }

    /// Says `text` word by word, up to where it is stopped. Gives how many deltas that took and what was said.
    fn say(&mut self, reply: &Reply, text: &str, place: &Value) -> (usize, String, Option<Stop>) {
        let words: Vec<&str> = text.split_inclusive(' ').collect();
        let (at, mut stop) = self.stop(words.len());
        let mut said = String::new();
        for n in 0..=words.len() {
            if n == at {
                match (stop.take(), &self.hold) {
                    (Some(stop), _) => return (n, said, Some(stop)),
                    (None, Some(hold)) if matches!(self.failure, Some(Failure::Hold { .. })) => {
                        self.events.steps.push_back(Step::Hold(hold.clone()));
                    }
                    (None, _) => {}
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

    /// The delta before which something happens, and what stops there (nothing where it is a hold).
    fn stop(&self, words: usize) -> (usize, Option<Stop>) {
        let failure = self.failure.clone();
        let (after, stop) = match failure {
            Some(Failure::Hold { after }) => (after, None),
            Some(Failure::Cut {
                after,
                landed,
                clean,
            }) => (after, Some(Stop::Cut { landed, clean })),
            Some(Failure::Error { after, flat, code }) => (after, Some(Stop::Error { flat, code })),
            Some(Failure::Failed { after, code }) => (after, Some(Stop::Failed { code })),
            Some(Failure::Incomplete { after, reason }) => {
                (after, Some(Stop::Incomplete { reason }))
            }
            _ => match self
                .response
                .max_output_tokens
                .and_then(|max| usize::try_from(max).ok())
            {
                Some(max) if max < words => (
                    max,
                    Some(Stop::Incomplete {
                        reason: "max_output_tokens".into(),
                    }),
                ),
                _ => (usize::MAX, None),
            },
        };
        (after.min(words), stop)
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
        landing
            .items
            .extend(self.response.output.iter().filter(known).cloned());
        landing.stored = self
            .response
            .store
            .then(|| (self.response.id.clone(), json.clone()));
        self.events.steps.push_back(Step::Land(landing));
        json
    }

    /// A failed response is stored, but leaves nothing in its conversation.
    fn fail(&mut self, code: &str) -> Ending {
        self.response.status = "failed";
        self.response.error =
            Some(json!({"code": code, "message": "The stand-in was told to fail."}));
        let json = serialized(&self.response);
        let stored = self
            .response
            .store
            .then(|| (self.response.id.clone(), json.clone()));
        self.events.steps.push_back(Step::Land(Landing {
            stored,
            ..Landing::default()
        }));
        self.events.whole("response.failed", &self.response);
        Ending::Answer(json)
    }

    fn error(&mut self, flat: bool, code: String) -> Ending {
        self.events.steps.push_back(Step::Land(Landing::default()));
        let message = "The stand-in was told to fail.";
        let error = if flat {
            json!({"code": code, "message": message, "param": null})
        } else {
            json!({"error": {"type": "server_error", "code": code, "message": message, "param": null}})
        };
        self.events.send("error", error);
        Ending::Error(code)
    }

    fn cut(&mut self, landed: bool, clean: bool) -> Ending {
        if landed {
            self.close("completed", 0);
        } else {
            self.events.steps.push_back(Step::Land(Landing::default()));
        }
        if !clean {
            self.events.steps.push_back(Step::Break);
        }
        Ending::Broken
    }
}
