//! Validation of events against `web/asyncapi.json`.

use std::{fs, sync::OnceLock};

use jsonschema::Validator;
use serde_json::{Value, json};

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../web/asyncapi.json");

/// Checks a received event against the document; panics if it does not match.
#[track_caller]
pub fn validate_event(event: &Value) {
    static EVENTS: OnceLock<Validator> = OnceLock::new();
    let validator = EVENTS.get_or_init(|| {
        let mut document: Value = serde_json::from_str(&fs::read_to_string(DOCUMENT).unwrap()).unwrap();
        let messages = document["components"]["messages"].as_object().unwrap().values();
        let events: Vec<_> = messages
            .filter(|message| message["payload"]["properties"]["type"].is_object())
            .map(|message| message["payload"].clone())
            .collect();
        let schemas = document["components"].take();
        jsonschema::validator_for(&json!({ "oneOf": events, "components": schemas })).unwrap()
    });
    if let Err(error) = validator.validate(event) {
        panic!("{event} does not match web/asyncapi.json: {error}");
    }
}
