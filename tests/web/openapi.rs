//! `web/openapi.json`: the REST API, generated from the types and the descriptions beside the handlers.

use std::{collections::BTreeSet, env, fs};

use local::template::Template;
use reqwest::Method;
use serde_json::{Value, json};
use shared::openapi::Api;
use tests::stage::Stage;

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../web/openapi.json");

type Describe = fn(&mut Api);

/// The functions with routes, by their names in the template, and their descriptions.
const FUNCTIONS: [(&str, Describe); 7] = [
    ("thread", thread::api::describe),
    ("chat", chat::api::describe),
    ("handoff", handoff::api::describe),
    ("chat-end", chat_end::api::describe),
    ("chatbot", chatbot::api::describe),
    ("visitor", visitor::api::describe),
    ("customer", customer::api::describe),
];

/// The document, generated from the types.
fn described() -> Value {
    let mut api = Api::default();
    for (_, describe) in FUNCTIONS {
        describe(&mut api);
    }
    let info = json!({
        "title": "Switchboard",
        "version": env!("CARGO_PKG_VERSION"),
        "summary": "A chat backend in which an AI answers first, a person can take over, and exactly one may speak.",
        "description": "Unknown fields of a body, and unknown parameters of a list, are refused by name; `POST /chat` \
            and `POST /agui` ignore other fields. Times are RFC 3339 in UTC with milliseconds. Bodies are at most \
            1 MiB. Events of sockets and of `POST /threads/{thread_id}/chat` as a stream are in `/asyncapi.json`.",
        "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
    });
    let api_id = json!({ "default": "abcde12345", "description": "The API's id, from the stack's output `RestUrl`." });
    let servers = json!([
        { "url": "http://127.0.0.1:3000", "description": "On a laptop: `cargo run`." },
        {
            "url": "https://{api}.execute-api.{region}.amazonaws.com/v1",
            "description": "On AWS.",
            "variables": { "api": api_id, "region": { "default": "eu-central-1" } },
        },
    ]);
    let tag = |(name, description): (&str, &str)| json!({ "name": name, "description": description });
    let tags = [
        ("Threads", "A customer's conversation."),
        ("Messages", "The log of a thread."),
        ("Handoff", "The bot, the queue, or an agent: exactly one."),
        ("Chatbots", "The bots."),
        ("Visitors", "Customers without an account."),
        ("Customers", "A customer's data: export and erasure."),
        ("Front ends", "The protocols of libraries for chat pages."),
    ];
    api.document(&info, &servers, &json!(tags.map(tag)))
}

/// `UPDATE_OPENAPI=1` rewrites the document.
#[test]
fn the_document_is_what_the_types_say() {
    let described = serde_json::to_string_pretty(&described()).unwrap() + "\n";
    if env::var_os("UPDATE_OPENAPI").is_some() {
        fs::write(DOCUMENT, &described).unwrap();
    }
    assert!(
        fs::read_to_string(DOCUMENT).unwrap_or_default() == described,
        "web/openapi.json is old: run this test with UPDATE_OPENAPI=1"
    );
}

/// The operations of the document: the method, the path, and the description.
fn operations() -> Vec<(Method, String, Value)> {
    let document: Value = serde_json::from_str(&fs::read_to_string(DOCUMENT).unwrap()).unwrap();
    let paths = document["paths"].as_object().unwrap().clone();
    let of = |(path, methods): (String, Value)| {
        let methods = methods.as_object().unwrap().clone();
        let method = |method: String| method.to_uppercase().parse().unwrap();
        methods.into_iter().map(move |(name, described)| (method(name), path.clone(), described)).collect::<Vec<_>>()
    };
    paths.into_iter().flat_map(of).collect()
}

/// The routes that a function describes, as `METHOD path`.
fn routes_of(describe: Describe) -> BTreeSet<String> {
    let mut api = Api::default();
    describe(&mut api);
    let document = api.document(&Value::Null, &Value::Null, &Value::Null);
    let paths = document["paths"].as_object().unwrap().clone();
    let of = |(path, methods): (String, Value)| {
        let methods = methods.as_object().unwrap().clone();
        methods.into_iter().map(move |(method, _)| format!("{} {path}", method.to_uppercase())).collect::<Vec<_>>()
    };
    paths.into_iter().flat_map(of).collect()
}

#[test]
fn each_function_describes_its_routes() {
    let template = Template::built_in().unwrap();
    for (function, describe) in FUNCTIONS {
        let deployed = template.rest.routes.iter().filter(|route| route.function == function);
        let deployed: BTreeSet<_> = deployed.map(|route| format!("{} {}", route.method, route.path)).collect();
        assert_eq!(routes_of(describe), deployed, "{function}");
    }
    assert_eq!(operations().len(), template.rest.routes.len());
}

#[test]
fn each_operation_has_a_tag_of_the_document() {
    let document: Value = serde_json::from_str(&fs::read_to_string(DOCUMENT).unwrap()).unwrap();
    let tags: BTreeSet<_> = document["tags"].as_array().unwrap().iter().map(|tag| tag["name"].to_string()).collect();
    let used: BTreeSet<_> = operations().iter().map(|(_, _, described)| described["tags"][0].to_string()).collect();
    assert_eq!(used, tags);
}

#[test]
fn a_route_without_an_authorizer_is_described_as_one() {
    let template = Template::built_in().unwrap();
    for (method, path, described) in operations() {
        let route = template.rest.routes.iter().find(|route| route.method == method && route.path == path).unwrap();
        let is_open = described["security"].as_array().unwrap().contains(&json!({}));
        assert_eq!(is_open, route.open, "{method} {path}");
        assert_eq!(described["x-roles"].is_null(), route.open, "{method} {path}");
    }
}

/// Each operation is called with its example, by each role.
#[tokio::test]
async fn each_role_may_do_what_the_document_says() {
    let stage = Stage::start().await;
    for (method, path, described) in operations() {
        let Some(roles) = described["x-roles"].as_array() else { continue };
        let path = path
            .replace("{thread_id}", shared::openapi::THREAD)
            .replace("{chatbot_id}", shared::openapi::CHATBOT)
            .replace("{customer_id}", "cleo")
            .replace("{erasure_id}", shared::openapi::ERASURE);
        let example = &described["requestBody"]["content"]["application/json"]["example"];
        for role in ["customer", "agent", "admin"] {
            let mut example = example.clone();
            if path == "/threads" && role != "customer" {
                example["customer_id"] = json!("cleo");
            }
            let caller = stage.persona("acme", role, role);
            let body = if example.is_null() { String::new() } else { example.to_string() };
            let answer = caller.sends(method.clone(), &path, body).await;
            assert_eq!(answer.status == 403, !roles.contains(&json!(role)), "{role}: {method} {path}: {}", answer.body);
        }
    }
}

#[test]
fn each_example_matches_its_schema() {
    let document: Value = serde_json::from_str(&fs::read_to_string(DOCUMENT).unwrap()).unwrap();
    let check = |operation: &str, content: &Value| {
        if content.is_null() {
            return 0;
        }
        let schema = json!({ "allOf": [content["schema"]], "components": document["components"] });
        let validator = jsonschema::validator_for(&schema).unwrap();
        validator.validate(&content["example"]).unwrap_or_else(|error| panic!("{operation}: {error}"));
        1
    };
    let mut checked = 0;
    for (method, path, described) in operations() {
        let operation = format!("{method} {path}");
        checked += check(&operation, &described["requestBody"]["content"]["application/json"]);
        for response in described["responses"].as_object().unwrap().values() {
            checked += check(&operation, &response["content"]["application/json"]);
        }
    }
    assert!(checked > operations().len());
}
