//! The operations of `web/openapi.json`.

use std::{fmt, fs};

use reqwest::Method;
use serde_json::Value;
use shared::openapi::{CHATBOT, ERASURE, THREAD};

use super::cast::Objects;

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../web/openapi.json");

/// The values in paths and examples that name an object: each is replaced by an object's own.
const THREADS: [&str; 2] = ["{thread_id}", THREAD];
const CHATBOTS: [&str; 2] = ["{chatbot_id}", CHATBOT];
const ERASURES: [&str; 2] = ["{erasure_id}", ERASURE];
const CUSTOMER: &str = "{customer_id}";

/// An operation, with the body of its example.
pub(super) struct Operation {
    pub(super) id: String,
    method: Method,
    path: String,
    /// The example, as text.
    body: Option<String>,
    /// The roles that may call it; `None` if it needs no token.
    pub(super) roles: Option<Vec<String>>,
}

/// A kind of object that a request can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Thread,
    Customer,
    Chatbot,
    Erasure,
}

impl Operation {
    pub(super) fn all() -> Vec<Self> {
        let document: Value = serde_json::from_str(&fs::read_to_string(DOCUMENT).unwrap()).unwrap();
        let paths = document["paths"].as_object().unwrap();
        let methods =
            paths.iter().flat_map(|(path, methods)| methods.as_object().unwrap().iter().map(move |it| (path, it)));
        methods.map(|(path, (method, described))| Self::read(method, path, described)).collect()
    }

    fn read(method: &str, path: &str, described: &Value) -> Self {
        let example = &described["requestBody"]["content"]["application/json"]["example"];
        let roles = described["x-roles"].as_array();
        let role = |role: &Value| role.as_str().unwrap().to_owned();
        Self {
            id: described["operationId"].as_str().unwrap().to_owned(),
            method: method.to_uppercase().parse().unwrap(),
            path: path.to_owned(),
            body: (!example.is_null()).then(|| example.to_string()),
            roles: roles.map(|roles| roles.iter().map(role).collect()),
        }
    }

    /// The kinds of objects that the path or the example names.
    pub(super) fn kinds(&self) -> Vec<Kind> {
        let names = |texts: &[&str]| texts.iter().any(|text| self.texts().any(|it| it.contains(text)));
        let kinds = [
            (Kind::Thread, names(&THREADS)),
            (Kind::Customer, names(&[CUSTOMER])),
            (Kind::Chatbot, names(&CHATBOTS)),
            (Kind::Erasure, names(&ERASURES)),
        ];
        kinds.into_iter().filter_map(|(kind, is_named)| is_named.then_some(kind)).collect()
    }

    fn texts(&self) -> impl Iterator<Item = &str> {
        [self.path.as_str()].into_iter().chain(self.body.as_deref())
    }

    /// The method, the path and the body of a request about these objects.
    pub(super) fn about(&self, objects: &Objects) -> (Method, String, Option<Value>) {
        let filled = |text: &str| {
            let pairs = [(THREADS, &objects.thread), (CHATBOTS, &objects.chatbot), (ERASURES, &objects.erasure)];
            let pairs = pairs.into_iter().flat_map(|(names, id)| names.map(|name| (name, id)));
            let text = pairs.fold(text.to_owned(), |text, (name, id)| text.replace(name, id));
            text.replace(CUSTOMER, &objects.customer)
        };
        let path = filled(&self.path);
        assert!(!path.contains('{'), "{self}: the matrix has no object for a parameter of its path");
        let body = self.body.as_deref().map(|body| serde_json::from_str(&filled(body)).unwrap());
        (self.method.clone(), path, body)
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} {})", self.id, self.method, self.path)
    }
}
