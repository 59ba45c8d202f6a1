//! `web/asyncapi.json`: the events and frames of sockets and streams, generated from the types.

use std::{env, fs, path::Path};

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};
use shared::sockets::Event;

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../web/asyncapi.json");

/// The document, generated from the types.
fn described() -> Value {
    let definitions = |settings: SchemaSettings| settings.with(|it| it.definitions_path = "/components/schemas".into());
    let mut sent = definitions(SchemaSettings::draft07()).for_serialize().into_generator();
    let event = sent.root_schema_for::<Event>().to_value();
    let mut said = definitions(SchemaSettings::draft07()).for_deserialize().into_generator();
    let frames = socket::frames(&mut said);
    let mut schemas = sent.take_definitions(true);
    schemas.extend(said.take_definitions(true));

    let (mut messages, mut by_name) = (Map::new(), Vec::new());
    for mut event in event["oneOf"].as_array().unwrap().clone() {
        let name = event["properties"]["type"]["const"].as_str().unwrap().to_owned();
        let summary = event.as_object_mut().unwrap().remove("description");
        let mut message = json!({ "name": name, "contentType": "application/json", "payload": event });
        if let Some(summary) = summary {
            message["summary"] = summary;
        }
        messages.insert(name.clone(), message);
        by_name.push(name);
    }
    let mut asked = Vec::new();
    for (action, schema) in frames {
        let name = schema.as_value()["$ref"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
        schemas[&name]["properties"]["action"] = json!({ "const": action });
        let payload = json!({ "$ref": format!("#/components/schemas/{name}") });
        let message = json!({ "name": action, "contentType": "application/json", "payload": payload });
        // Some events have the same name.
        let name = format!("{action}.frame");
        messages.insert(name.clone(), message);
        asked.push(name);
    }
    let named = |names: &[String]| -> Map<String, Value> {
        let message = |name: &String| (name.clone(), json!({ "$ref": format!("#/components/messages/{name}") }));
        names.iter().map(message).collect()
    };
    let operation = |action: &str, channel: &str, names: &[String]| {
        let message = |name: &String| json!({ "$ref": format!("#/channels/{channel}/messages/{name}") });
        let messages: Vec<_> = names.iter().map(message).collect();
        json!({ "action": action, "channel": { "$ref": format!("#/channels/{channel}") }, "messages": messages })
    };
    let on_stream: Vec<_> = by_name
        .iter()
        .filter(|name| !["subscribed", "pong", "typing", "presence", "read"].contains(&name.as_str()))
        .cloned()
        .collect();
    let on_socket: Vec<_> = by_name.iter().filter(|name| *name != "done").cloned().collect();
    let all: Vec<_> = on_socket.iter().chain(&asked).cloned().collect();
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Switchboard: sockets and streams",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "One vocabulary of events. On a socket they come at least once and in no order: put those \
                with a `seq` into the order of `seq`, drop doubles, and ask again for what is missing. The deltas of \
                one run come in order. An event over 120 KB comes without its text.",
        },
        "servers": {
            "laptop": { "host": "127.0.0.1:3000", "protocol": "ws", "description": "`cargo run`" },
        },
        "channels": {
            "socket": {
                "address": "/ws",
                "title": "WebSocket",
                "description": "Subprotocols `switchboard.v1` and `bearer.<jwt>`, or an Authorization header.",
                "messages": named(&all),
            },
            "stream": {
                "address": "/threads/{thread_id}/chat",
                "title": "Server-sent events: the answer to POST with `Accept: text/event-stream`",
                "parameters": { "thread_id": { "description": "thr_…" } },
                "messages": named(&on_stream),
            },
        },
        "operations": {
            "hear": operation("send", "socket", &on_socket),
            "say": operation("receive", "socket", &asked),
            "follow": operation("send", "stream", &on_stream),
        },
        "components": { "messages": messages, "schemas": schemas },
    })
}

/// `UPDATE_ASYNCAPI=1` rewrites the document.
#[test]
fn the_document_is_what_the_types_say() {
    let described = serde_json::to_string_pretty(&described()).unwrap() + "\n";
    if env::var_os("UPDATE_ASYNCAPI").is_some() {
        fs::write(DOCUMENT, &described).unwrap();
    }
    assert!(
        fs::read_to_string(DOCUMENT).unwrap_or_default() == described,
        "web/asyncapi.json is old: run this test with UPDATE_ASYNCAPI=1"
    );
}

/// `NODE_TOOLS` names a folder whose `node_modules` have AsyncAPI's own schema; without it nothing is checked.
#[test]
fn the_document_is_asyncapi() {
    let Some(tools) = env::var_os("NODE_TOOLS") else { return };
    let schema = Path::new(&tools).join("node_modules/@asyncapi/specs/schemas/3.0.0.json");
    let schema: Value = serde_json::from_str(&fs::read_to_string(schema).unwrap()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let document: Value = serde_json::from_str(&fs::read_to_string(DOCUMENT).unwrap()).unwrap();
    let wrong: Vec<_> = validator.iter_errors(&document).map(|error| error.to_string()).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
