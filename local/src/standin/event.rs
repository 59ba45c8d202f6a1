//! The events of a response's stream, in OpenAI's format.

use std::collections::VecDeque;

use serde::Serialize;
use serde_json::json;

use super::{
    item::{Item, Part, Role, Status},
    reply::Reply,
    response::Response,
    stamp::new_id,
    step::Step,
};

/// A builder of a script's steps.
#[derive(Default)]
pub(super) struct Events {
    pub(super) steps: VecDeque<Step>,
    sequence: u64,
}

impl Events {
    pub(super) fn delta(&mut self, reply: &Reply, delta: &str, place: &Place) {
        let (kind, logprobs) = match reply {
            Reply::Text(_) => ("response.output_text.delta", Some([])),
            Reply::Refusal(_) => ("response.refusal.delta", None),
            Reply::Call { .. } => ("response.function_call_arguments.delta", None),
        };
        self.send_at(place, kind, Delta { delta, logprobs });
    }

    pub(super) fn done(&mut self, reply: &Reply, text: &str, place: &Place) {
        let (kind, extra) = match reply {
            Reply::Text(_) => ("response.output_text.done", json!({"text": text, "logprobs": []})),
            Reply::Refusal(_) => ("response.refusal.done", json!({ "refusal": text })),
            Reply::Call { name, .. } => {
                ("response.function_call_arguments.done", json!({"name": name, "arguments": text}))
            }
        };
        self.send_at(place, kind, extra);
    }

    /// A content part of a message is added or done; a function call has none.
    pub(super) fn part(&mut self, kind: &str, place: &Place, reply: &Reply, text: &str) {
        let part = match reply {
            Reply::Text(_) => Part::output(text),
            Reply::Refusal(_) => Part::Refusal { refusal: text.to_owned() },
            Reply::Call { .. } => return,
        };
        self.send_at(place, kind, json!({ "part": part }));
    }

    /// An output item is added or done.
    pub(super) fn item(&mut self, kind: &str, place: &Place, item: &Item) {
        self.send(kind, json!({"output_index": place.output_index, "item": item}));
    }

    /// Everything that a client must ignore. Returns the unknown item among it.
    pub(super) fn noise(&mut self, response: &Response) -> Item {
        self.steps.push_back(Step::Send(b": a comment, as proxies send\n\n".to_vec()));
        self.send("keepalive", json!({}));
        self.response("response.queued", response);
        self.send("response.standin_novelty.delta", json!({"delta": {"nested": [1, 2]}}));
        let novelty = Item::Novelty { id: new_id("nov") };
        for kind in ["response.output_item.added", "response.output_item.done"] {
            self.send(kind, json!({"output_index": 0, "item": novelty}));
        }
        novelty
    }

    /// An event that carries the whole response.
    pub(super) fn response(&mut self, kind: &str, response: &Response) {
        self.send(kind, ResponseBody { response });
    }

    fn send_at(&mut self, place: &Place, kind: &str, body: impl Serialize) {
        self.send(kind, Placed { place, body });
    }

    pub(super) fn send(&mut self, r#type: &str, body: impl Serialize) {
        let event = Event { r#type, sequence_number: self.sequence, body };
        let event = format!("event: {}\ndata: {}\n\n", r#type, serialized(&event));
        self.steps.push_back(Step::Send(event.into_bytes()));
        self.sequence += 1;
    }
}

#[derive(Serialize)]
struct Event<'a, T> {
    r#type: &'a str,
    sequence_number: u64,
    #[serde(flatten)]
    body: T,
}

/// The place of an item's events in the output. The events of a function call have no content index.
#[derive(Serialize)]
pub(super) struct Place {
    pub(super) item_id: String,
    pub(super) output_index: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) content_index: Option<usize>,
}

#[derive(Serialize)]
struct Placed<'a, T> {
    #[serde(flatten)]
    place: &'a Place,
    #[serde(flatten)]
    body: T,
}

/// The body of a delta: a struct rather than a `json!`, because most events are deltas.
#[derive(Serialize)]
struct Delta<'a> {
    delta: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    logprobs: Option<[(); 0]>,
}

/// The body of an event that carries the whole response.
#[derive(Serialize)]
struct ResponseBody<'a> {
    response: &'a Response,
}

/// The reply as an output item with the `text` that was sent so far.
pub(super) fn reply_item(id: &str, reply: &Reply, text: &str, status: Status) -> Item {
    let message =
        |part| Item::Message { id: id.to_owned(), status, role: Role::Assistant, content: Vec::from_iter(part) };
    let has_begun = status != Status::InProgress;
    match reply {
        Reply::Text(_) => message(has_begun.then(|| Part::output(text))),
        Reply::Refusal(_) => message(has_begun.then(|| Part::Refusal { refusal: text.to_owned() })),
        Reply::Call { name, .. } => Item::FunctionCall {
            id: id.to_owned(),
            status,
            call_id: id.replacen("fc_", "call_", 1),
            name: name.clone(),
            arguments: text.to_owned(),
        },
    }
}

pub(super) fn serialized(value: &impl Serialize) -> Box<str> {
    serde_json::to_string(value).expect("plain structs with string keys always serialise").into()
}
