//! The description of the REST API in OpenAPI 3.1: each function describes its routes beside their handlers, and the
//! schemas come from the types that the handlers parse and serialise.

mod example;
mod operation;
mod problem;

use schemars::{SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

pub use example::{CHATBOT, ERASURE, THREAD, message, thread};
pub use operation::{Operation, Parameter};

/// The place of the schemas in the document.
const SCHEMAS: &str = "/components/schemas";

/// The operations that are described so far.
pub struct Api {
    paths: Map<String, Value>,
    /// Schemas of what the API accepts.
    accepted: SchemaGenerator,
    /// Schemas of what it returns.
    returned: SchemaGenerator,
}

impl Default for Api {
    fn default() -> Self {
        let settings = || SchemaSettings::draft2020_12().with(|it| it.definitions_path = SCHEMAS.into());
        Self {
            paths: Map::new(),
            accepted: settings().for_deserialize().into_generator(),
            returned: settings().for_serialize().into_generator(),
        }
    }
}

impl Api {
    /// Adds an operation.
    pub fn add(&mut self, operation: Operation) {
        let (path, method) = (operation.path(), operation.method().to_lowercase());
        let described = operation.describe(&mut self.accepted, &mut self.returned);
        let path = self.paths.entry(path).or_insert_with(|| json!({}));
        path[method] = described;
    }

    /// The whole document, with these `info`, `servers` and `tags`.
    ///
    /// A type that is both accepted and returned has two schemas, since what a caller may leave out is always returned.
    /// If they differ, the accepted one's name ends in `Input`.
    pub fn document(mut self, info: &Value, servers: &Value, tags: &Value) -> Value {
        let mut schemas = self.returned.take_definitions(true);
        schemas.values_mut().for_each(never_null);
        let accepted = self.accepted.take_definitions(true);
        let differs = |name: &String, schema: &Value| schemas.get(name).is_some_and(|other| other != schema);
        let renamed = accepted.iter().filter(|(name, schema)| differs(name, schema));
        let renamed: Vec<_> = renamed.map(|(name, _)| name.clone()).collect();
        for (name, mut schema) in accepted {
            rename(&mut schema, &renamed);
            let name = if renamed.contains(&name) { format!("{name}Input") } else { name };
            schemas.insert(name, schema);
        }
        let methods = self.paths.values_mut().filter_map(Value::as_object_mut);
        for body in methods.flat_map(Map::values_mut).filter_map(|operation| operation.get_mut("requestBody")) {
            rename(body, &renamed);
        }
        schemas.insert("Problem".into(), problem::schema());
        schemas.values_mut().for_each(unwrap_lines);
        schemas.sort_keys();
        json!({
            "openapi": "3.1.0",
            "info": info,
            "servers": servers,
            "tags": tags,
            "paths": self.paths,
            "components": {
                "schemas": schemas,
                "responses": problem::responses(),
                "securitySchemes": {
                    "token": {
                        "type": "http",
                        "scheme": "bearer",
                        "bearerFormat": "JWT",
                        "description": "A token of your identity provider, or one that you sign yourself. Claims: \
                            `sub`, `tenant`, `role` (`customer`, `agent` or `admin`), `exp`, `iss`, `aud`, and `name` \
                            if others should see one.",
                    },
                    "visitor": {
                        "type": "http",
                        "scheme": "bearer",
                        "bearerFormat": "JWT",
                        "description": "A token from `POST /visitors`: a customer of one chatbot, for a day.",
                    },
                },
            },
        })
    }
}

/// Optional fields of a response are absent, never null.
fn never_null(schema: &mut Value) {
    let Value::Object(fields) = schema else { return };
    let required: Vec<Value> = fields.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
    for (name, property) in fields.get_mut("properties").and_then(Value::as_object_mut).into_iter().flatten() {
        if !required.contains(&json!(name)) {
            if let Some(kinds) = property.get_mut("type").and_then(Value::as_array_mut) {
                kinds.retain(|kind| kind != "null");
            }
            if let Some(kinds) = property.get_mut("anyOf").and_then(Value::as_array_mut) {
                kinds.retain(|kind| kind["type"] != "null");
            }
        }
    }
}

/// Lets references to these schemas refer to their `Input`.
fn rename(value: &mut Value, names: &[String]) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                let refers = match (key.as_str(), value.as_str()) {
                    ("$ref", Some(text)) => text.rsplit('/').next().filter(|name| names.iter().any(|it| it == name)),
                    _ => None,
                };
                match refers.map(|name| format!("#{SCHEMAS}/{name}Input")) {
                    Some(input) => *value = json!(input),
                    None => rename(value, names),
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(|value| rename(value, names)),
        _ => {}
    }
}

/// Joins the lines of descriptions, which are broken where comments in the code are.
fn unwrap_lines(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            if let Some(Value::String(description)) = fields.get_mut("description") {
                *description = description.replace("\n\n", "\r").replace('\n', " ").replace('\r', "\n\n");
            }
            fields.values_mut().for_each(unwrap_lines);
        }
        Value::Array(values) => values.iter_mut().for_each(unwrap_lines),
        _ => {}
    }
}
