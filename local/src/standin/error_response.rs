//! The error response of a fault.

use std::collections::BTreeMap;

use axum::{
    Json,
    http::{HeaderName, StatusCode},
    response::{Html, IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The message of every error that a fault causes.
pub(super) const FAULT_MESSAGE: &str = "This error was requested by a fault of the stand-in.";

/// An error response: its body in OpenAI's format (with `flat`, without the `error` around it), or `body` if it is
/// given; a string is sent as HTML, like the error page of a proxy.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ErrorResponse {
    pub status: u16,
    #[serde(default)]
    pub code: Option<String>,
    #[serde(default)]
    pub flat: bool,
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    #[serde(default)]
    pub body: Option<Value>,
}

impl ErrorResponse {
    pub fn status(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    #[must_use]
    pub fn code(mut self, code: &str) -> Self {
        self.code = Some(code.to_owned());
        self
    }

    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.insert(name.to_owned(), value.to_owned());
        self
    }

    #[must_use]
    pub fn flat(mut self) -> Self {
        self.flat = true;
        self
    }

    #[must_use]
    pub fn body(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }

    fn error(&self) -> Value {
        let kind = match self.status {
            429 if self.code.as_deref() == Some("insufficient_quota") => "insufficient_quota",
            429 => "rate_limit_error",
            500.. => "server_error",
            _ => "invalid_request_error",
        };
        let error = json!({
            "message": FAULT_MESSAGE,
            "type": kind,
            "param": null,
            "code": self.code,
        });
        if self.flat { error } else { json!({ "error": error }) }
    }
}

impl IntoResponse for ErrorResponse {
    fn into_response(self) -> Response {
        let body = self.body.clone().unwrap_or_else(|| self.error());
        let mut response = match body {
            Value::String(page) => Html(page).into_response(),
            body => Json(body).into_response(),
        };
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        for (name, value) in &self.headers {
            if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), value.parse()) {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}
