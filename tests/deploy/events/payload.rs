//! A function's payload as text, for the golden files: what Lambda's Runtime API gets, without the values that differ
//! from run to run.

use serde_json::Value;

use super::played::settle;
use tests::runtime_api::Answer;

/// The envelope as JSON, then the body, if there is one.
pub(super) fn text(answer: &Answer) -> String {
    let (kind, envelope, body) = match answer {
        Answer::Buffered(payload) => {
            let mut envelope = payload.clone();
            let body = match envelope.get_mut("body") {
                Some(Value::String(body)) if !body.is_empty() => std::mem::replace(body, "[below]".into()),
                _ => String::new(),
            };
            // A token's: the events that come through a gateway hold a fixed one.
            if let Some(expires) = envelope.pointer_mut("/context/expires") {
                *expires = "[seconds]".into();
            }
            ("buffered", envelope, body)
        }
        Answer::Streamed { prelude, body } => {
            let mut prelude = prelude.clone();
            if let Some(location) = prelude.pointer_mut("/headers/location") {
                *location = "[location]".into();
            }
            ("prelude, 8 NUL bytes, body", prelude, String::from_utf8(body.clone()).unwrap())
        }
    };
    let mut text = format!("{kind}\n\n{envelope:#}\n");
    if !body.is_empty() {
        text.extend(["\n", &settled_body(&body), "\n"]);
    }
    text
}

/// JSON in many lines, JSON Lines, or the lines of a stream of events.
fn settled_body(body: &str) -> String {
    if let Some(json) = settled_json(body) {
        return format!("{json:#}");
    }
    let line = |line: &str| match (line.strip_prefix("data: ").and_then(settled_json), settled_json(line)) {
        (Some(json), _) => format!("data: {json}"),
        (None, Some(json)) => json.to_string(),
        (None, None) => line.to_owned(),
    };
    body.trim_end().lines().map(line).collect::<Vec<_>>().join("\n")
}

fn settled_json(text: &str) -> Option<Value> {
    let mut json = serde_json::from_str(text).ok()?;
    settle(&mut json);
    Some(json)
}

/// The status in a golden file or in a payload; `None` for one that is not HTTP.
pub(super) fn status(payload: &str) -> Option<u16> {
    let (_, after) = payload.split_once("\"statusCode\":")?;
    after.trim_start().split(|end: char| !end.is_ascii_digit()).next()?.parse().ok()
}
