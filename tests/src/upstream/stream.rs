//! A stream of events, written from the parts that a case names.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::part::{Call, End, Part, Say};

/// The end of a body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum StreamEnd {
    #[default]
    Clean,
    /// The connection breaks off.
    Cut,
    /// It breaks off before the response's head.
    NoResponse,
}

pub(super) enum Chunk {
    Bytes(String),
    /// Nothing more is sent before a listener has been shown a word of this response.
    UntilShown,
}

/// A stream as it is written.
pub(super) struct Stream<'a> {
    id: &'a str,
    model: &'a str,
    output: Vec<Value>,
    chunks: Vec<Chunk>,
    sequence_number: u64,
    end: StreamEnd,
    /// The response in the last event, if there is one that ends it.
    last: Option<Value>,
    has_raw_events: bool,
}

impl<'a> Stream<'a> {
    pub(super) fn of(parts: &[Part], id: &'a str, model: &'a str) -> Self {
        let (output, chunks) = (Vec::new(), Vec::new());
        let end = StreamEnd::default();
        let mut stream = Self { id, model, output, chunks, sequence_number: 0, end, last: None, has_raw_events: false };
        let begun = stream.response("in_progress", &Map::new());
        stream.event(json!({ "type": "response.created", "response": begun }));
        stream.event(json!({ "type": "response.in_progress", "response": begun }));
        let mut has_end = false;
        for part in parts {
            has_end |= matches!(part, Part::End(_));
            stream.part(part);
        }
        if !has_end {
            stream.end(&End::of("response.completed"));
        }
        stream
    }

    /// The same response as one JSON body; `None` if it has no such form: its last event does not hold all of it, say.
    pub(super) fn whole(&self) -> Option<Value> {
        let is_all = |last: &Value| last["output"] == json!(self.output) && last["status"].is_string();
        self.last.clone().filter(|last| !self.has_raw_events && is_all(last))
    }

    /// The items that the server adds to the conversation; `None` for a response that failed or broke off.
    pub(super) fn landed(&self) -> Option<Vec<Value>> {
        let has_landed = self.last.as_ref().is_some_and(|last| last["status"] != "failed");
        has_landed.then(|| self.output.clone())
    }

    pub(super) fn chunks(self) -> (Vec<Chunk>, StreamEnd) {
        (self.chunks, self.end)
    }

    fn part(&mut self, part: &Part) {
        match part {
            Part::Say(say) => self.say(say),
            Part::Refuse(text) => self.refuse(text),
            Part::Call(call) => self.call(call),
            Part::Item(item) => self.item(item, item, |_, _| {}),
            Part::Event(event) => {
                self.has_raw_events = true;
                self.event(event.clone());
            }
            Part::Shown => self.chunks.push(Chunk::UntilShown),
            Part::End(end) => self.end(end),
        }
    }

    fn say(&mut self, say: &Say) {
        let text = say.deltas.as_ref().map_or_else(|| say.say.clone(), |deltas| deltas.concat());
        let deltas = say.deltas.clone().unwrap_or_else(|| words(&say.say));
        let part = json!({ "type": "output_text", "text": text, "annotations": say.annotations });
        self.message(say, &part, |stream, at| {
            for delta in &deltas {
                stream.event(json!({
                    "type": "response.output_text.delta", "item_id": at["item_id"], "output_index": at["output_index"],
                    "content_index": 0, "delta": delta, "logprobs": [],
                }));
            }
            stream.event(json!({
                "type": "response.output_text.done", "item_id": at["item_id"], "output_index": at["output_index"],
                "content_index": 0, "text": text, "logprobs": [],
            }));
        });
    }

    fn refuse(&mut self, text: &str) {
        let part = json!({ "type": "refusal", "refusal": text });
        self.message(&Say::default(), &part, |stream, at| {
            for (kind, field) in [("delta", "delta"), ("done", "refusal")] {
                stream.event(json!({
                    "type": format!("response.refusal.{kind}"), "item_id": at["item_id"],
                    "output_index": at["output_index"], "content_index": 0, field: text,
                }));
            }
        });
    }

    /// A message with one part, whose events `write` adds.
    fn message(&mut self, say: &Say, part: &Value, write: impl FnOnce(&mut Self, &Value)) {
        let (id, status) = (format!("msg_{}_{}", self.id, self.output.len()), say.status.as_deref());
        let item = |status: &str, content: Value| {
            let mut item = json!({ "type": "message", "id": id, "role": "assistant", "status": status });
            item["content"] = content;
            if let Some(phase) = &say.phase {
                item["phase"] = phase.clone();
            }
            item
        };
        let (begun, done) = (item("in_progress", json!([])), item(status.unwrap_or("completed"), json!([part])));
        self.item(&begun, &done, |stream, at| {
            let mut empty = part.clone();
            for field in ["text", "refusal"] {
                empty.get_mut(field).into_iter().for_each(|text| *text = json!(""));
            }
            for (kind, part) in [("added", Some(&empty)), ("done", None)] {
                if let Some(part) = part {
                    stream.event(content_part(kind, at, part));
                }
            }
            write(stream, at);
            stream.event(content_part("done", at, part));
        });
    }

    fn call(&mut self, call: &Call) {
        let arguments = match &call.arguments {
            Value::Null => json!("{}"),
            given => given.clone(),
        };
        let mut item = json!({
            "type": "function_call", "id": format!("fc_{}_{}", self.id, self.output.len()), "call_id": call.id,
            "name": call.call, "arguments": arguments, "status": "completed",
        });
        replace(&mut item, &call.with);
        if call.id.is_null() {
            replace(&mut item, json!({ "call_id": "-" }).as_object().expect("an object"));
        }
        let mut begun = item.clone();
        begun["arguments"] = json!("");
        begun["status"] = json!("in_progress");
        self.item(&begun, &item, |stream, at| {
            for (kind, field) in [("delta", "delta"), ("done", "arguments")] {
                stream.event(json!({
                    "type": format!("response.function_call_arguments.{kind}"), "item_id": at["item_id"],
                    "output_index": at["output_index"], field: arguments,
                }));
            }
        });
    }

    /// An output item: its beginning, the events that `write` adds, and its end.
    fn item(&mut self, begun: &Value, done: &Value, write: impl FnOnce(&mut Self, &Value)) {
        let at = json!({ "item_id": done["id"], "output_index": self.output.len() });
        let index = at["output_index"].clone();
        self.event(json!({ "type": "response.output_item.added", "output_index": index, "item": begun }));
        write(self, &at);
        self.event(json!({ "type": "response.output_item.done", "output_index": index, "item": done }));
        self.output.push(done.clone());
    }

    fn end(&mut self, end: &End) {
        match end.end.as_str() {
            "clean" => {}
            "cut" => self.end = StreamEnd::Cut,
            "[DONE]" => {
                self.last = Some(self.response("completed", &end.response));
                self.has_raw_events = true;
                self.chunks.push(Chunk::Bytes("data: [DONE]\n\n".to_owned()));
            }
            "error" => {
                let fields = json!({ "code": end.code, "message": "The server says so.", "param": null });
                let mut event = json!({ "type": "error" });
                if end.flat {
                    event
                        .as_object_mut()
                        .into_iter()
                        .for_each(|event| event.extend(fields.as_object().unwrap().clone()));
                } else {
                    event["error"] = fields;
                }
                self.event(event);
            }
            kind => {
                let status = kind.strip_prefix("response.").unwrap_or(kind);
                let mut response = self.response(if status == "done" { "completed" } else { status }, &Map::new());
                if let Some(code) = &end.code {
                    response["error"] = json!({ "code": code, "message": "The server says so." });
                }
                if let Some(because) = &end.because {
                    response["incomplete_details"] = json!({ "reason": because });
                }
                replace(&mut response, &end.response);
                self.event(json!({ "type": kind, "response": response }));
                self.last = Some(response);
            }
        }
    }

    fn response(&self, status: &str, with: &Map<String, Value>) -> Value {
        let mut response = json!({
            "id": self.id, "object": "response", "created_at": 1, "status": status, "model": self.model, "error": null,
            "incomplete_details": null, "output": self.output, "usage": null,
        });
        if status != "in_progress" {
            response["usage"] = json!({
                "input_tokens": 9, "input_tokens_details": { "cached_tokens": 4 },
                "output_tokens": 3, "output_tokens_details": { "reasoning_tokens": 1 }, "total_tokens": 12,
            });
        }
        replace(&mut response, with);
        response
    }

    fn event(&mut self, mut event: Value) {
        event["sequence_number"] = json!(self.sequence_number);
        self.sequence_number += 1;
        let name = event["type"].as_str().unwrap_or("message");
        self.chunks.push(Chunk::Bytes(format!("event: {name}\ndata: {event}\n\n")));
    }
}

fn content_part(kind: &str, at: &Value, part: &Value) -> Value {
    json!({
        "type": format!("response.content_part.{kind}"), "item_id": at["item_id"],
        "output_index": at["output_index"], "content_index": 0, "part": part,
    })
}

/// Sets these fields; `"-"` removes one.
fn replace(object: &mut Value, with: &Map<String, Value>) {
    let fields = object.as_object_mut().expect("an object");
    for (name, value) in with {
        if value == "-" {
            fields.remove(name);
        } else {
            fields.insert(name.clone(), value.clone());
        }
    }
}

/// The text in pieces, each a word and the space after it.
fn words(text: &str) -> Vec<String> {
    text.split_inclusive(' ').map(str::to_owned).collect()
}
