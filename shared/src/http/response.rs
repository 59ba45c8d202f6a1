//! Responses, and the problems that take their place.

use lambda_http::{
    Body, Response,
    http::{
        HeaderValue, StatusCode,
        header::{CONTENT_TYPE, RETRY_AFTER},
    },
};
use serde::Serialize;
use serde_json::json;

use crate::{ConflictWith, Error, error::causes};

/// A response with a JSON body.
pub fn json(status: StatusCode, body: &impl Serialize) -> Result<Response<Body>, Error> {
    let body = serde_json::to_string(body).map_err(Error::internal)?;
    Ok(response(status, "application/json", body))
}

pub fn no_content() -> Response<Body> {
    let mut response = Response::new(Body::Empty);
    *response.status_mut() = StatusCode::NO_CONTENT;
    set_common_headers(&mut response);
    response
}

/// The response, or the problem (RFC 9457) for an error. Server errors are logged here, once, with their cause.
pub fn respond(result: Result<Response<Body>, Error>) -> Response<Body> {
    result.unwrap_or_else(|error| problem(&error))
}

fn problem(error: &Error) -> Response<Body> {
    let (status, code, title) = kind(error);
    if let Error::Internal(cause) = error {
        tracing::error!(cause = causes(cause.as_ref()), "a request failed");
    } else if status.is_server_error() {
        tracing::warn!(%error, code, "a request failed");
    }
    let mut problem = json!({
        "type": "about:blank", "title": title, "status": status.as_u16(), "detail": error.to_string(), "code": code,
    });
    if let Error::Invalid { field, reason } = error {
        problem["field"] = json!(field);
        problem["reason"] = json!(reason);
    }
    match error {
        Error::Conflict { with: Some(ConflictWith::Agent(agent)), .. } => problem["agent"] = json!(agent),
        Error::Conflict { with: Some(ConflictWith::Version(version)), .. } => problem["version"] = json!(version),
        Error::OverBudget { exceeded, limit, .. } => {
            problem["exceeded"] = json!(exceeded);
            problem["limit"] = json!(limit);
        }
        _ => {}
    }
    let mut response = response(status, "application/problem+json", problem.to_string());
    if let Error::OverBudget { retry_after, .. } = error {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(*retry_after));
    }
    response
}

/// The status, the stable code and the title of an error.
pub fn kind(error: &Error) -> (StatusCode, &'static str, &'static str) {
    match error {
        Error::Invalid { .. } => (StatusCode::BAD_REQUEST, "invalid", "Bad request"),
        Error::Unauthenticated(_) => (StatusCode::UNAUTHORIZED, "unauthenticated", "Authentication required"),
        Error::Forbidden(_) => (StatusCode::FORBIDDEN, "forbidden", "Forbidden"),
        Error::NotFound(_) => (StatusCode::NOT_FOUND, "not_found", "Not found"),
        Error::Conflict { .. } => (StatusCode::CONFLICT, "conflict", "Conflict"),
        Error::TooLarge(_) => (StatusCode::PAYLOAD_TOO_LARGE, "too_large", "Content too large"),
        Error::Mismatch(_) => (StatusCode::UNPROCESSABLE_ENTITY, "idempotency_mismatch", "Idempotency key reused"),
        Error::OverBudget { .. } => (StatusCode::TOO_MANY_REQUESTS, "over_budget", "Too many requests"),
        Error::Upstream(_) => (StatusCode::BAD_GATEWAY, "upstream", "Upstream request failed"),
        Error::Busy | Error::Storage(_) => (StatusCode::SERVICE_UNAVAILABLE, "busy", "Service unavailable"),
        Error::Internal(_) => (StatusCode::INTERNAL_SERVER_ERROR, "internal", "Internal server error"),
    }
}

fn response(status: StatusCode, content_type: &'static str, body: String) -> Response<Body> {
    let mut response = Response::new(Body::Text(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    set_common_headers(&mut response);
    response
}

/// The headers of every response, streams included. Every page may read it, since access depends on a token in a
/// header, never on a cookie. Nothing keeps it on the way, and no browser takes it for anything but its type.
pub const COMMON_HEADERS: [(&str, &str); 4] = [
    ("access-control-allow-origin", "*"),
    // Without this, a page cannot read these headers.
    ("access-control-expose-headers", "retry-after, x-amzn-requestid, x-vercel-ai-ui-message-stream"),
    ("cache-control", "no-store"),
    ("x-content-type-options", "nosniff"),
];

fn set_common_headers(response: &mut Response<Body>) {
    for (name, value) in COMMON_HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
}
