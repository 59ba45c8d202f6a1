//! The table of routes in `docs/api.md`, generated from `web/openapi.json`.

use std::{env, fs};

use serde_json::Value;

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../web/openapi.json");
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/api.md");
/// The lines around the table.
const BEGIN: &str = "<!-- From web/openapi.json: UPDATE_OPENAPI=1 rewrites it. -->\n\n";
const END: &str = "\n\n<!-- The end of the table. -->";

/// The most fields that a row names.
const MAX_FIELDS: usize = 8;

const METHODS: [&str; 4] = ["post", "get", "patch", "delete"];

/// The rows in the order of the document's tags.
fn table() -> String {
    let document: Value = serde_json::from_str(&fs::read_to_string(DOCUMENT).unwrap()).unwrap();
    let mut rows = vec!["| route | roles | body or query | success |".to_owned(), "|---|---|---|---|".to_owned()];
    for tag in document["tags"].as_array().unwrap() {
        for (path, methods) in document["paths"].as_object().unwrap() {
            for method in METHODS {
                let operation = &methods[method];
                if operation["tags"][0] == tag["name"] {
                    rows.push(row(&document, &format!("{} {path}", method.to_uppercase()), operation));
                }
            }
        }
    }
    rows.join("\n")
}

fn row(document: &Value, route: &str, operation: &Value) -> String {
    let roles = match operation["x-roles"].as_array() {
        None => "no token".to_owned(),
        Some(roles) if roles.len() == 3 => "all".to_owned(),
        Some(roles) => roles.iter().map(|role| role.as_str().unwrap()).collect::<Vec<_>>().join(", "),
    };
    let answers: Vec<_> = operation["responses"].as_object().unwrap().iter().filter_map(answer).collect();
    format!("| `{route}` | {roles} | {} | {} |", accepted(document, operation), answers.join(", "))
}

/// The fields of the body, and the parameters of the query. Those that may be left out have a question mark.
fn accepted(document: &Value, operation: &Value) -> String {
    let body = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].as_str();
    let name = body.and_then(|name| name.rsplit('/').next());
    let schema = name.map(|name| &document["components"]["schemas"][name]);
    let required = schema.and_then(|schema| schema["required"].as_array()).into_iter().flatten();
    let required: Vec<_> = required.filter_map(Value::as_str).collect();
    let fields = schema.and_then(|schema| schema["properties"].as_object()).into_iter().flatten();
    let mut fields: Vec<_> = fields.map(|(name, _)| name.as_str()).collect();
    if fields.len() > MAX_FIELDS {
        return format!("the fields of `{}`", name.unwrap());
    }
    fields.sort_by_key(|name| !required.contains(name));
    let marked = |name: &&str| format!("`{name}{}`", if required.contains(name) { "" } else { "?" });
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    let query = parameters.filter(|it| it["in"] == "query").map(|it| format!("`{}?`", it["name"].as_str().unwrap()));
    fields.iter().map(marked).chain(query).collect::<Vec<_>>().join(", ")
}

fn answer((status, answer): (&String, &Value)) -> Option<String> {
    if !answer["$ref"].is_null() {
        return None;
    }
    let json = answer["content"]["application/json"]["schema"]["$ref"].as_str();
    let shape = json.and_then(|name| name.rsplit('/').next()).map(|name| format!(" `{name}`")).unwrap_or_default();
    let is_stream = !answer["content"]["text/event-stream"].is_null();
    let stream = match (is_stream, shape.is_empty()) {
        (false, _) => "",
        (true, true) => " stream",
        (true, false) => " or a stream",
    };
    Some(format!("{status}{shape}{stream}"))
}

#[test]
fn the_routes_in_the_docs_are_those_of_the_document() {
    let page = fs::read_to_string(PAGE).unwrap();
    let (before, rest) = page.split_once(BEGIN).expect("docs/api.md has the line before the table");
    let (written, after) = rest.split_once(END).expect("docs/api.md has the line after the table");
    let table = table();
    if env::var_os("UPDATE_OPENAPI").is_some() {
        fs::write(PAGE, [before, BEGIN, &table, END, after].concat()).unwrap();
    } else {
        assert!(written == table, "the table in docs/api.md is old: run this test with UPDATE_OPENAPI=1");
    }
}
