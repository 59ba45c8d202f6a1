//! One operation: a route with its parameters, its body and its answers.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::problem;
use crate::domain::{Act, Role, identity::SUBJECT};

/// The problems that every operation may answer with.
const ALWAYS: [u16; 3] = [429, 500, 503];

/// An operation of the API.
pub struct Operation {
    method: &'static str,
    path: &'static str,
    /// The name of a generated client's function.
    id: &'static str,
    summary: &'static str,
    description: String,
    tag: &'static str,
    /// `None` where no token is needed.
    roles: Option<Vec<&'static str>>,
    parameters: Vec<Value>,
    body: Option<Body>,
    answers: Map<String, Value>,
    /// The schemas of the JSON answers, by their statuses.
    returned: Vec<(u16, SchemaOf)>,
    problems: Vec<u16>,
}

/// The schema of a type, and of all those that it refers to.
type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

struct Body {
    schema: SchemaOf,
    is_required: bool,
    example: Value,
}

/// A parameter of the query, or a header.
pub struct Parameter {
    pub name: &'static str,
    pub schema: Value,
    pub description: &'static str,
}

impl Operation {
    /// An operation that a token is needed for, by whoever may do `act`. `tag` is the noun it is about.
    pub fn new(method: &'static str, path: &'static str, id: &'static str, tag: &'static str, act: Act) -> Self {
        let all = [Role::Customer, Role::Agent, Role::Admin];
        let roles = all.into_iter().filter(|role| role.may(act)).map(Role::as_str).collect();
        let open = Self::open(method, path, id, tag);
        Self { roles: Some(roles), problems: [open.problems, vec![401, 403]].concat(), ..open }
    }

    /// An operation without an authorizer.
    pub fn open(method: &'static str, path: &'static str, id: &'static str, tag: &'static str) -> Self {
        let parameters = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
        let parameter = |name: &str| {
            if name == "customer_id" {
                return json!({
                    "name": name, "in": "path", "required": true, "description": "The `sub` of the customer's tokens.",
                    "schema": { "type": "string", "pattern": SUBJECT }, "example": "cleo",
                });
            }
            let prefix = match name {
                "chatbot_id" => "bot",
                "erasure_id" => "era",
                _ => "thr",
            };
            json!({
                "name": name, "in": "path", "required": true, "description": format!("`{prefix}_…`"),
                "schema": { "type": "string" }, "example": format!("{prefix}_01JD0000000000000000000000"),
            })
        };
        let parameters: Vec<_> = parameters.map(parameter).collect();
        let mut problems = ALWAYS.to_vec();
        if !parameters.is_empty() {
            problems.push(404);
        }
        Self {
            method,
            path,
            id,
            tag,
            summary: "",
            description: String::new(),
            roles: None,
            parameters,
            body: None,
            answers: Map::new(),
            returned: Vec::new(),
            problems,
        }
    }

    /// A line for the list of operations, and whatever else a caller has to know.
    #[must_use]
    pub fn summary(self, summary: &'static str, description: impl Into<String>) -> Self {
        Self { summary, description: description.into(), ..self }
    }

    #[must_use]
    pub fn query(mut self, parameter: Parameter) -> Self {
        let Parameter { name, schema, description } = parameter;
        self.parameters.push(json!({ "name": name, "in": "query", "description": description, "schema": schema }));
        self.problem(400)
    }

    /// The parameters of a list.
    #[must_use]
    pub fn paged(self) -> Self {
        let limit = json!({ "type": "integer", "minimum": 1, "maximum": 100, "default": 20 });
        let cursor = "`next_cursor` of the page before.";
        self.query(Parameter { name: "limit", schema: limit, description: "The page's size." }).query(Parameter {
            name: "cursor",
            schema: json!({ "type": "string" }),
            description: cursor,
        })
    }

    /// Takes an `Idempotency-Key`.
    #[must_use]
    pub fn idempotent(mut self) -> Self {
        self.parameters.push(json!({
            "name": "Idempotency-Key", "in": "header",
            "description": "Printable ASCII. The same key with the same body gets the first answer again, for a day.",
            "schema": { "type": "string", "minLength": 1, "maxLength": 255 }, "example": "order-4711",
        }));
        self.problem(422)
    }

    /// A body that has to be there.
    #[must_use]
    pub fn body<T: JsonSchema>(self, example: Value) -> Self {
        let body = Body { schema: SchemaGenerator::subschema_for::<T>, is_required: true, example };
        Self { body: Some(body), ..self }.problem(400).problem(413)
    }

    /// A body that may be left out.
    #[must_use]
    pub fn optional_body<T: JsonSchema>(self, example: Value) -> Self {
        let body = Body { schema: SchemaGenerator::subschema_for::<T>, is_required: false, example };
        Self { body: Some(body), ..self }.problem(400).problem(413)
    }

    #[must_use]
    pub fn answer<T: JsonSchema>(mut self, status: u16, description: &str, example: &Value) -> Self {
        let answer = self.answers.entry(status.to_string()).or_insert_with(|| json!({ "content": {} }));
        answer["description"] = json!(description);
        answer["content"]["application/json"] = json!({ "example": example });
        self.returned.push((status, SchemaGenerator::subschema_for::<T>));
        self
    }

    /// An answer without a body.
    #[must_use]
    pub fn no_content(mut self, description: &str) -> Self {
        self.answers.insert("204".into(), json!({ "description": description }));
        self
    }

    /// An answer as server-sent events.
    #[must_use]
    pub fn stream(mut self, description: &str, example: &str) -> Self {
        let answer = self.answers.entry("200").or_insert_with(|| json!({ "description": description, "content": {} }));
        // OpenAPI 3.1 has no schema of a stream's events.
        answer["content"]["text/event-stream"] = json!({ "example": example });
        self
    }

    /// An answer as JSON Lines.
    #[must_use]
    pub fn lines(mut self, description: &str, example: &str) -> Self {
        let content = json!({ "application/x-ndjson": { "example": example } });
        self.answers.insert("200".into(), json!({ "description": description, "content": content }));
        self
    }

    #[must_use]
    pub fn problem(mut self, status: u16) -> Self {
        if !self.problems.contains(&status) {
            self.problems.push(status);
        }
        self
    }

    pub(super) fn path(&self) -> String {
        self.path.to_owned()
    }

    pub(super) fn method(&self) -> &'static str {
        self.method
    }

    /// The operation as the document has it, with the schemas of what it accepts and returns.
    pub(super) fn describe(self, accepted: &mut SchemaGenerator, returned: &mut SchemaGenerator) -> Value {
        let mut answers = self.answers;
        for (status, schema) in self.returned {
            answers[&status.to_string()]["content"]["application/json"]["schema"] = schema(returned).to_value();
        }
        for status in self.problems {
            let code = problem::code(status).unwrap_or_default();
            let problem = json!({ "$ref": format!("#/components/responses/{code}") });
            answers.insert(status.to_string(), problem);
        }
        let mut described = json!({
            "operationId": self.id,
            "tags": [self.tag],
            "summary": self.summary,
            "responses": answers,
        });
        if !self.description.is_empty() {
            described["description"] = json!(self.description);
        }
        if !self.parameters.is_empty() {
            described["parameters"] = json!(self.parameters);
        }
        if let Some(body) = self.body {
            let content = json!({ "schema": (body.schema)(accepted), "example": body.example });
            described["requestBody"] =
                json!({ "required": body.is_required, "content": { "application/json": content } });
        }
        let (token, visitor) = (json!({ "token": [] }), json!({ "visitor": [] }));
        described["security"] = match &self.roles {
            None => json!([{}, visitor]),
            Some(roles) if roles.contains(&Role::Customer.as_str()) => json!([token, visitor]),
            Some(_) => json!([token]),
        };
        if let Some(roles) = self.roles {
            described["x-roles"] = json!(roles);
        }
        described
    }
}
