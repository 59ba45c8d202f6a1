//! The events of a script, in the words of the wire.

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

/// The steps of a play, in the making.
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

    /// A message's one part is opened and closed; a call has none.
    pub(super) fn part(&mut self, kind: &str, place: &Place, reply: &Reply, text: &str) {
        let part = match reply {
            Reply::Text(_) => Part::output(text),
            Reply::Refusal(_) => Part::Refusal { refusal: text.to_owned() },
            Reply::Call { .. } => return,
        };
        self.send_at(place, kind, json!({ "part": part }));
    }

    /// An item opened or closed.
    pub(super) fn item(&mut self, kind: &str, place: &Place, item: &Item) {
        self.send(kind, json!({"output_index": place.output_index, "item": item}));
    }

    /// All that a client must pass over. Gives the item that is among it.
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

/// Where in the output an item's events belong. The events of a call have no content index.
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

/// A struct, not a `json!`: most events are these.
#[derive(Serialize)]
struct Delta<'a> {
    delta: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    logprobs: Option<[(); 0]>,
}

/// The body of the events that carry the whole response.
#[derive(Serialize)]
struct ResponseBody<'a> {
    response: &'a Response,
}

/// The reply as an item, as far as it has been said.
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
