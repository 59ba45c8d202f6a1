//! The text of server-sent events.

use serde_json::Value;
use shared::sockets::Event;

/// The event: its type, its `seq` as the id where it has one, and its JSON, which has no line break.
pub(crate) fn event(event: &Event) -> String {
    let json = on_one_line(event.frame().unwrap_or_else(|_| "{}".into()));
    let id = event.seq().map_or_else(String::new, |seq| format!("id: {seq}\n"));
    format!("event: {}\n{id}data: {json}\n\n", event.kind())
}

/// An event that has no type, only this JSON.
pub(crate) fn data(json: &Value) -> String {
    format!("data: {}\n\n", on_one_line(json.to_string()))
}

/// JSON without the characters at which some clients break lines that the format does not: U+0085, U+2028 and U+2029,
/// as Python's `splitlines` does, which httpx reads streams with. They can only be in strings, where they may be
/// escaped.
fn on_one_line(json: String) -> String {
    if !json.contains(['\u{85}', '\u{2028}', '\u{2029}']) {
        return json;
    }
    json.replace('\u{85}', "\\u0085").replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029")
}
