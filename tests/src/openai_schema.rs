//! Validation against OpenAI's published API document, in both directions of the wire.
//!
//! The document is not part of this repository: if `OPENAI_SPEC` names the file, [`validate`] and [`validate_request`]
//! check against it; otherwise they check nothing and return `None`.

use std::{
    collections::HashMap,
    fs,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use jsonschema::Validator;
use serde_json::{Value, json};

/// Panics if `value` does not match the component `schema`. `None` if there is no document.
pub fn validate(schema: &str, value: &Value) -> Option<()> {
    let document = document()?;
    let reference = json!({"$ref": format!("#/components/schemas/{schema}")});
    document.check(schema, &reference, value);
    Some(())
}

/// Panics if `body` is not a valid request for `method` on `path` (such as `/v1/responses`), or has a field that the
/// document does not know. `None` if there is no document, or `path` takes no JSON.
pub fn validate_request(path: &str, method: &str, body: &Value) -> Option<()> {
    let document = document()?;
    let path = path.split('?').next().unwrap_or_default();
    let path = path.strip_prefix("/v1").unwrap_or(path);
    let operation = document.operation(path, method);
    let content = operation.get("requestBody")?["content"].get("application/json")?;
    let mut schema = content["schema"].clone();
    schema["unevaluatedProperties"] = json!(false);
    document.check(&format!("{method} {path}"), &schema, body);
    Some(())
}

struct Document {
    paths: Value,
    components: Value,
    /// Compiled validators by name; compiling one takes as long as thousands of checks.
    compiled: Mutex<HashMap<String, Arc<Validator>>>,
}

fn document() -> Option<&'static Document> {
    static DOCUMENT: OnceLock<Option<Document>> = OnceLock::new();
    let read = || {
        let path = std::env::var_os("OPENAI_SPEC")?;
        let text = fs::read_to_string(path).expect("OPENAI_SPEC names a readable file");
        let mut whole: Value = serde_json::from_str(&text).expect("OPENAI_SPEC names a JSON file");
        loosen(&mut whole);
        allow_known_gaps(&mut whole["components"]["schemas"]);
        Some(Document {
            paths: whole["paths"].take(),
            components: whole["components"].take(),
            compiled: Mutex::default(),
        })
    };
    DOCUMENT.get_or_init(read).as_ref()
}

impl Document {
    fn check(&self, name: &str, schema: &Value, value: &Value) {
        let validator = self.compile(name, schema);
        let errors: Vec<String> =
            validator.iter_errors(value).map(|error| format!("at '{}': {error}", error.instance_path())).collect();
        assert!(errors.is_empty(), "not a valid {name}: {}\n{value:#}", errors.join("; "));
    }

    fn compile(&self, name: &str, schema: &Value) -> Arc<Validator> {
        let mut compiled = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(validator) = compiled.get(name) {
            return validator.clone();
        }
        let mut whole = schema.clone();
        whole["components"] = self.components.clone();
        let validator = jsonschema::draft202012::new(&whole).expect("the document's schemas compile");
        let validator = Arc::new(validator);
        compiled.insert(name.to_owned(), validator.clone());
        validator
    }

    fn operation(&self, path: &str, method: &str) -> &Value {
        let fits = |template: &str| {
            let (mut given, mut wanted) = (path.split('/'), template.split('/'));
            loop {
                match (given.next(), wanted.next()) {
                    (None, None) => return true,
                    (Some(given), Some(wanted)) if given == wanted || wanted.starts_with('{') => {}
                    _ => return false,
                }
            }
        };
        let paths = self.paths.as_object().expect("the document lists its paths");
        // A literal path segment wins over a parameter.
        let found = paths.iter().filter(|(template, _)| fits(template));
        let (_, found) = found
            .min_by_key(|(template, _)| template.matches('{').count())
            .unwrap_or_else(|| panic!("OpenAI has no {path}"));
        found.get(method.to_lowercase()).unwrap_or_else(|| panic!("OpenAI has no {method} {path}"))
    }
}

/// Replaces `oneOf` by `anyOf`: alternatives are told apart by their discriminator, which JSON Schema does not know,
/// and overlap without it. A plain message matches two of them, so at least one has to match, not exactly one.
fn loosen(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            if let Some(alternatives) = fields.remove("oneOf") {
                fields.insert("anyOf".into(), alternatives);
            }
            fields.values_mut().for_each(loosen);
        }
        Value::Array(values) => values.iter_mut().for_each(loosen),
        _ => {}
    }
}

/// Makes nullable the fields that are null on the wire although the document does not say so.
fn allow_known_gaps(schemas: &mut Value) {
    let nullable = |schema: &mut Value| *schema = json!({"anyOf": [schema.take(), {"type": "null"}]});
    nullable(&mut schemas["ModelResponseProperties"]["properties"]["user"]);
    nullable(&mut schemas["ResponseUsage"]);
    for list in ["ConversationItemList", "ListVectorStoreFilesResponse", "ListVectorStoresResponse"] {
        for end in ["first_id", "last_id"] {
            nullable(&mut schemas[list]["properties"][end]);
        }
    }
}
