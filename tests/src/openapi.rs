//! Validation of requests and answers against `web/openapi.json`.

use std::{collections::HashMap, fs, sync::OnceLock};

use jsonschema::Validator;
use reqwest::Url;
use serde_json::{Map, Value, json};

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../web/openapi.json");

/// A request that was sent, and its answer.
pub struct Exchange<'a> {
    pub method: &'a str,
    pub url: &'a Url,
    pub sent: Option<&'a [u8]>,
    pub status: u16,
    pub content_type: Option<&'a str>,
    /// `None` of a stream.
    pub answer: Option<&'a Value>,
}

/// The document, and the validators that it has been asked for.
struct Document {
    paths: Map<String, Value>,
    responses: Value,
    /// By `METHOD path`, and `body`, a status or a parameter.
    validators: HashMap<(String, String), Validator>,
}

impl Exchange<'_> {
    /// Checks that the document has the answer, and the request if it succeeded; panics otherwise.
    #[track_caller]
    pub fn validate(&self) {
        static CHECKED: OnceLock<Document> = OnceLock::new();
        let document = CHECKED.get_or_init(Document::read);
        let Some((path, described)) = document.operation(self.method, self.url.path()) else {
            assert!(self.status == 404, "{} {} is not in web/openapi.json", self.method, self.url.path());
            return;
        };
        let operation = format!("{} {path}", self.method);
        let complain = |what: &str, why: &str| panic!("{operation}, {}: {what} web/openapi.json: {why}", self.status);
        let response = &described["responses"][self.status.to_string()];
        if response.is_null() {
            complain("its status is not in", "");
        }
        // Without content there is no type of it, whatever Lambda's streams say.
        let kind = self
            .content_type
            .filter(|_| self.status != 204)
            .map(|kind| kind.split(';').next().unwrap_or_default().trim());
        let content = &document.resolve(response)["content"];
        if kind.map_or(!content.is_null(), |kind| content[kind].is_null()) {
            complain("its content type is not in", kind.unwrap_or("none"));
        }
        let check = |of: &str, value: &Value, what: &str| {
            let validator = document.validators.get(&(operation.clone(), of.to_owned()));
            if let Some(Err(error)) = validator.map(|it| it.validate(value)) {
                complain(what, &format!("{error} at {}, in {value}", error.instance_path()));
            }
        };
        if let Some(answer) = self.answer {
            check(&self.status.to_string(), answer, "its answer does not match");
        }
        if self.status >= 300 {
            return;
        }
        if let Some(sent) = self.sent.filter(|sent| !sent.is_empty()) {
            let sent: Value = serde_json::from_slice(sent).unwrap();
            check("body", &sent, "a body was accepted that does not match");
        }
        for (name, value) in self.url.query_pairs() {
            if !document.validators.contains_key(&(operation.clone(), name.to_string())) {
                complain("a parameter was accepted that is not in", &name);
            }
            let value = value.parse::<u64>().map_or_else(|_| json!(value), |number| json!(number));
            check(&name, &value, "a parameter was accepted that does not match");
        }
    }
}

impl Document {
    fn read() -> Self {
        let mut document: Value = serde_json::from_str(&fs::read_to_string(DOCUMENT).unwrap()).unwrap();
        let components = document["components"].take();
        let mut closed = components.clone();
        close(&mut closed["schemas"]);
        let paths = document["paths"].as_object().unwrap().clone();
        let mut read = Self { paths, responses: components["responses"].clone(), validators: HashMap::new() };
        let mut validators = HashMap::new();
        for (path, methods) in &read.paths {
            for (method, described) in methods.as_object().unwrap() {
                let operation = format!("{} {path}", method.to_uppercase());
                let mut add = |of: &str, schema: &Value, components: &Value| {
                    if !schema.is_null() {
                        let schema = json!({ "allOf": [schema], "components": components });
                        let validator = jsonschema::validator_for(&schema).unwrap();
                        validators.insert((operation.clone(), of.to_owned()), validator);
                    }
                };
                add("body", &described["requestBody"]["content"]["application/json"]["schema"], &components);
                for (status, response) in described["responses"].as_object().unwrap() {
                    let content = &read.resolve(response)["content"];
                    for kind in ["application/json", "application/problem+json"] {
                        add(status, &content[kind]["schema"], &closed);
                    }
                }
                for parameter in described["parameters"].as_array().into_iter().flatten() {
                    add(parameter["name"].as_str().unwrap(), &parameter["schema"], &components);
                }
            }
        }
        read.validators = validators;
        read
    }

    /// The operation of this method and path, with the path as the document has it.
    fn operation(&self, method: &str, path: &str) -> Option<(&str, &Value)> {
        // A deployed API has its stage before the path, and an emulator its own path before that.
        let path = path.find("/v1/").map_or(path, |stage| &path[stage + "/v1".len()..]);
        let is_parameter = |part: &str| part.starts_with('{');
        let fits = |described: &str| {
            let (described, path): (Vec<_>, Vec<_>) = (described.split('/').collect(), path.split('/').collect());
            let mut parts = described.iter().zip(&path);
            described.len() == path.len() && parts.all(|(one, other)| one == other || is_parameter(one))
        };
        let (path, methods) = self.paths.iter().find(|(described, _)| fits(described))?;
        Some((path, methods.get(method.to_lowercase())?))
    }

    /// A response, or the one that it refers to.
    fn resolve<'a>(&'a self, response: &'a Value) -> &'a Value {
        match response["$ref"].as_str().and_then(|text| text.rsplit('/').next()) {
            Some(name) => &self.responses[name],
            None => response,
        }
    }
}

/// Lets objects have no other fields than those that are described. A client should accept others: they may be added.
/// A test should not: they were forgotten.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            fields.values_mut().for_each(close);
            if fields.get("properties").is_some_and(Value::is_object) && fields.contains_key("type") {
                fields.entry("additionalProperties").or_insert(json!(false));
            }
        }
        Value::Array(values) => values.iter_mut().for_each(close),
        _ => {}
    }
}
