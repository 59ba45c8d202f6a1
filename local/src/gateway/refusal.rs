//! Refusals: the responses that the gateway gives itself, as the template configures them.

use std::collections::HashMap;

use axum::{
    body::Body,
    http::{
        HeaderMap, HeaderValue, Response, StatusCode,
        header::{CONNECTION, CONTENT_TYPE},
    },
};
use bytes::Bytes;
use serde_json::json;

use crate::template::GatewayResponse;

/// The reason for which a request did not reach its function, or got no response from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// No token, or the authorizer asked for a 401.
    Unauthorized,
    /// The authorizer's policy denies.
    AccessDenied,
    /// The authorizer itself failed.
    AuthorizerFailed,
    /// No route has this path and method.
    NoRoute,
    TooLarge,
    /// The body did not arrive in time.
    TooSlow,
    /// The function did not respond in time; it may still be running.
    TimedOut,
    /// The function returned an error or panicked.
    FunctionFailed,
}

impl Refusal {
    /// The name of the response in the template, and API Gateway's status for it, which the template may replace. The
    /// template has none for a slow body: API Gateway hangs up.
    fn kind(self) -> (&'static str, StatusCode) {
        match self {
            Self::Unauthorized => ("UNAUTHORIZED", StatusCode::UNAUTHORIZED),
            Self::AccessDenied => ("ACCESS_DENIED", StatusCode::FORBIDDEN),
            Self::AuthorizerFailed => ("AUTHORIZER_FAILURE", StatusCode::INTERNAL_SERVER_ERROR),
            Self::NoRoute => ("MISSING_AUTHENTICATION_TOKEN", StatusCode::FORBIDDEN),
            Self::TooLarge => ("REQUEST_TOO_LARGE", StatusCode::PAYLOAD_TOO_LARGE),
            Self::TooSlow => ("", StatusCode::REQUEST_TIMEOUT),
            Self::TimedOut => ("INTEGRATION_TIMEOUT", StatusCode::GATEWAY_TIMEOUT),
            Self::FunctionFailed => ("DEFAULT_5XX", StatusCode::BAD_GATEWAY),
        }
    }
}

/// The gateway responses of the template, by name.
pub(super) struct Refusals(HashMap<String, GatewayResponse>);

impl Refusals {
    pub(super) fn new(responses: &HashMap<String, GatewayResponse>) -> Self {
        Self(responses.clone())
    }

    pub(super) fn response(&self, refusal: Refusal) -> Response<Body> {
        let (name, default_status) = refusal.kind();
        if refusal == Refusal::TooSlow {
            return too_slow(default_status);
        }
        let general = if default_status.is_client_error() { "DEFAULT_4XX" } else { "DEFAULT_5XX" };
        let (status, headers, body) = match self.0.get(name).or_else(|| self.0.get(general)) {
            Some(set) => (set.status.unwrap_or(default_status), set.headers.clone(), set.body.clone()),
            None => (default_status, HeaderMap::new(), Bytes::new()),
        };
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        response
    }
}

fn too_slow(status: StatusCode) -> Response<Body> {
    let problem = json!({
        "type": "about:blank",
        "title": "Request timeout",
        "status": status.as_u16(),
        "detail": "the body did not arrive in time",
        "code": "invalid",
    });
    let mut response = Response::new(Body::from(problem.to_string()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    response
}
