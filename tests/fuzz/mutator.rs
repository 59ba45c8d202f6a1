//! Changes inputs at random, from a seed.

use fastrand::Rng;
use serde_json::{Value, json};

/// Texts that programs stumble over.
const TEXTS: [&str; 24] = [
    "",
    " ",
    "\0",
    "\u{1}",
    "\u{feff}",
    "\u{200b}",
    "\u{202e}",
    "\u{10ffff}",
    "👩‍👩‍👧‍👦",
    "e\u{301}",
    "\r\n",
    "..",
    "/",
    "%00",
    "%2e%2e%2f",
    "null",
    "undefined",
    "-1",
    "1e400",
    "18446744073709551616",
    "<img src=x onerror=alert(1)>",
    "${x}",
    "#",
    "__proto__",
];

pub(super) struct Mutator(Rng);

impl Mutator {
    pub(super) fn seeded(seed: u64) -> Self {
        Self(Rng::with_seed(seed))
    }

    /// A number below `end`.
    pub(super) fn below(&mut self, end: usize) -> usize {
        self.0.usize(..end.max(1))
    }

    pub(super) fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }

    /// Changes bytes in a few places.
    pub(super) fn bytes(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        for _ in 0..=self.below(4) {
            let (from, to) = self.range(bytes.len());
            match self.below(6) {
                0 => drop(bytes.drain(from..to)),
                1 => {
                    let copied = bytes[from..to].to_vec();
                    let at = self.below(bytes.len() + 1);
                    bytes.splice(at..at, copied);
                }
                2 => bytes.truncate(from),
                3 if from < to => bytes[from] ^= 1 << self.below(8),
                4 if from < to => bytes[from] = self.0.u8(..),
                _ => {
                    let text = self.pick(&TEXTS).as_bytes().to_vec();
                    bytes.splice(from..from, text);
                }
            }
        }
        bytes
    }

    /// Changes a text; it stays UTF-8.
    pub(super) fn text(&mut self, text: &str) -> String {
        match self.below(8) {
            0 => (*self.pick(&TEXTS)).to_owned(),
            1 => text.repeat(self.below(64)),
            _ => String::from_utf8_lossy(&self.bytes(text.as_bytes())).into_owned(),
        }
    }

    /// Changes a JSON value in a few places.
    pub(super) fn json(&mut self, value: &mut Value) {
        for _ in 0..=self.below(3) {
            let nodes = count(value);
            let mut at = self.below(nodes);
            self.change_at(value, &mut at);
        }
    }

    /// Changes the node that is reached after `at` others, in the order of the document.
    fn change_at(&mut self, value: &mut Value, at: &mut usize) -> bool {
        if *at == 0 {
            self.change(value);
            return true;
        }
        *at -= 1;
        match value {
            Value::Array(values) => values.iter_mut().any(|value| self.change_at(value, at)),
            Value::Object(fields) => fields.values_mut().any(|value| self.change_at(value, at)),
            _ => false,
        }
    }

    fn change(&mut self, value: &mut Value) {
        match (self.below(6), &mut *value) {
            (0, value) => *value = self.value(),
            (_, Value::String(text)) => *text = self.text(text),
            (1 | 2, Value::Object(fields)) => {
                if let Some(name) = self.key(fields) {
                    fields.remove(&name);
                }
            }
            (3, Value::Object(fields)) => {
                if let Some(name) = self.key(fields) {
                    let (other, value) = (self.text(&name), fields[&name].clone());
                    fields.insert(other, value);
                }
            }
            (_, Value::Object(fields)) => {
                let (name, value) = (self.text("field"), self.value());
                let name = self.key(fields).filter(|_| self.below(2) == 0).unwrap_or(name);
                fields.insert(name, value);
            }
            (1, Value::Array(values)) if !values.is_empty() => {
                let at = self.below(values.len());
                values.remove(at);
            }
            (2, Value::Array(values)) if !values.is_empty() => {
                let copied = self.pick(values).clone();
                values.extend(vec![copied; self.below(40)]);
            }
            (_, Value::Array(values)) => values.push(self.value()),
            (_, value) => *value = self.value(),
        }
    }

    fn key(&mut self, of: &serde_json::Map<String, Value>) -> Option<String> {
        let at = self.below(of.len());
        of.keys().nth(at).cloned()
    }

    /// A value of any kind.
    fn value(&mut self) -> Value {
        match self.below(12) {
            0 => Value::Null,
            1 => json!(self.0.bool()),
            2 => json!(self.0.i64(-2..3)),
            3 => json!(self.0.u64(..)),
            4 => json!(i64::MIN),
            5 => json!(*self.pick(&[5e-324, 1e308, -0.0, 0.1, 1e21])),
            6 => json!([]),
            7 => json!({}),
            8 => json!([self.value()]),
            9 => json!({ self.text("name"): self.value() }),
            _ => json!(*self.pick(&TEXTS)),
        }
    }

    fn range(&mut self, len: usize) -> (usize, usize) {
        let from = self.below(len + 1);
        (from, from + self.below((len - from).min(24) + 1))
    }
}

/// The number of values in a value, itself included.
fn count(value: &Value) -> usize {
    match value {
        Value::Array(values) => 1 + values.iter().map(count).sum::<usize>(),
        Value::Object(fields) => 1 + fields.values().map(count).sum::<usize>(),
        _ => 1,
    }
}
