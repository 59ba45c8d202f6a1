//! The problems that the API answers with, from the errors themselves.

use serde_json::{Map, Value, json};

use crate::{Error, domain::Person, http::kind};

/// Each status with the meaning of its problem.
const MEANINGS: [(u16, &str); 11] = [
    (400, "The request is malformed: `field` and `reason` say where and why."),
    (401, "There is no valid token, or it has expired."),
    (403, "The token does not allow this."),
    (404, "There is no such thread, chatbot or erasure, or the caller cannot see it."),
    (409, "Somebody was faster, or the status does not allow it: `agent` or `version` says with what it conflicts."),
    (413, "The body is too large."),
    (422, "The `Idempotency-Key` or `client_id` was used before with other content."),
    (429, "A limit is used up: `exceeded` names it. `Retry-After`, where it is given, is in seconds."),
    (500, "An error on the server. Details are only in its log."),
    (502, "Reserved: OpenAI failed, and the request cannot do without it."),
    (503, "Too many concurrent writers, or a throttled table: send the same request again."),
];

/// One error of each kind.
fn errors() -> [Error; 11] {
    [
        Error::invalid("field", "reason"),
        Error::Unauthenticated(""),
        Error::Forbidden(""),
        Error::NotFound(""),
        Error::conflict(""),
        Error::TooLarge(String::new()),
        Error::Mismatch(""),
        Error::OverBudget { exceeded: String::new(), limit: 0, retry_after: 0 },
        Error::Upstream(""),
        Error::Busy,
        Error::internal(""),
    ]
}

/// The schema of a problem (RFC 9457).
pub(super) fn schema() -> Value {
    let codes = errors().map(|error| kind(&error).1);
    let person = schemars::schema_for!(Person).to_value();
    json!({
        "type": "object",
        "description": "A problem (RFC 9457). Branch on `code`.",
        "required": ["type", "title", "status", "detail", "code"],
        "properties": {
            "type": { "const": "about:blank" },
            "title": { "type": "string" },
            "status": { "type": "integer" },
            "detail": { "type": "string", "description": "For people." },
            "code": { "enum": codes },
            "field": { "type": "string", "description": "The field, parameter or header that is invalid." },
            "reason": { "type": "string", "description": "The reason that it is." },
            "exceeded": {
                "type": "string",
                "description": "The limit that is used up, `visitor.threads_per_hour` say.",
            },
            "limit": { "type": "integer", "description": "That limit's number." },
            "agent": {
                "type": "object",
                "description": "The agent who holds the line.",
                "required": person["required"],
                "properties": person["properties"],
            },
            "version": { "type": "integer", "description": "The chatbot's current version." },
        },
        "example": {
            "type": "about:blank", "title": "Bad request", "status": 400, "detail": "text: must not be empty",
            "code": "invalid", "field": "text", "reason": "must not be empty",
        },
    })
}

/// The responses with a problem, by their codes.
pub(super) fn responses() -> Map<String, Value> {
    let response = |error: &Error| {
        let (status, code, title) = kind(error);
        let meaning = MEANINGS.iter().find(|(known, _)| *known == status.as_u16()).map_or(title, |(_, it)| it);
        let problem = json!({
            "allOf": [{ "$ref": "#/components/schemas/Problem" }],
            "properties": { "status": { "const": status.as_u16() }, "code": { "const": code } },
        });
        let content = json!({ "application/problem+json": { "schema": problem } });
        (code.to_owned(), json!({ "description": meaning, "content": content }))
    };
    errors().iter().map(response).collect()
}

/// The code of a status.
pub(super) fn code(status: u16) -> Option<&'static str> {
    errors().iter().map(kind).find(|(known, _, _)| known.as_u16() == status).map(|(_, code, _)| code)
}
