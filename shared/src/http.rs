//! Between HTTP and the domain: who asks, what for, and how the answer is written.

mod by_name;
mod patch;

use lambda_http::{
    Body, Request, RequestExt, Response,
    http::{
        HeaderValue, StatusCode,
        header::{ACCESS_CONTROL_EXPOSE_HEADERS, CONTENT_TYPE, ORIGIN, RETRY_AFTER},
    },
    request::RequestContext,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::{
    App, ConflictWith, Error,
    domain::{
        At, Identity, Role,
        identity::{is_subject, is_tenant},
    },
};

pub use patch::Patch;

/// The most bytes a request's body may have.
pub const BODY_MAX: usize = 1024 * 1024;

/// The method and the route's path as the template has it (`/threads/{thread_id}`).
pub fn route(request: &Request) -> (String, String) {
    let path = match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV1(context)) => context.resource_path.clone(),
        _ => None,
    };
    (request.method().to_string(), path.unwrap_or_default())
}

/// A request to a route that the function does not have: the template and the code disagree.
pub fn no_route() -> Error {
    Error::NotFound("route")
}

/// The caller, as the authorizer left them in the event. Checked anew: a cached policy outlives its token.
pub fn identity(app: &App, request: &Request) -> Result<Identity, Error> {
    let context = request.request_context_ref().and_then(RequestContext::authorizer);
    let context = context.ok_or(Error::Unauthenticated("the request carries no identity"))?;
    let field = |name: &str| match context.fields.get(name) {
        Some(Value::String(text)) => Some(text.clone()),
        // API Gateway makes text of numbers; not every stand-in for it does.
        Some(Value::Number(number)) => Some(number.to_string()),
        _ => None,
    };
    let identity = read_identity(field).ok_or(Error::Unauthenticated("the request carries no identity"))?;
    if app.is_past(identity.expires) {
        return Err(Error::Unauthenticated("the token has expired"));
    }
    let origins = field("origins").unwrap_or_default();
    if !origins.is_empty() && origin(request).is_some_and(|origin| !origins.split(' ').any(|it| it == origin)) {
        return Err(Error::Forbidden("the token is not for this page"));
    }
    Ok(identity)
}

/// The page that a browser calls from. Browsers name it wherever it is another than ours; whoever can leave it out or
/// make it up is none, and has no visitor's token to steal.
pub fn origin(request: &Request) -> Option<&str> {
    request.headers().get(ORIGIN)?.to_str().ok()
}

fn read_identity(field: impl Fn(&str) -> Option<String>) -> Option<Identity> {
    let role = match field("role")?.as_str() {
        "customer" => Role::Customer,
        "agent" => Role::Agent,
        "admin" => Role::Admin,
        _ => return None,
    };
    Some(Identity {
        tenant: field("tenant").filter(|tenant| is_tenant(tenant))?,
        subject: field("subject").filter(|subject| is_subject(subject))?,
        role,
        name: field("name").filter(|name| !name.is_empty()),
        chatbot: field("chatbot").filter(|id| !id.is_empty()).map(|id| id.parse()).transpose().ok()?,
        expires: At::from_seconds(field("expires")?.parse().ok()?),
    })
}

/// An id from the path. One that cannot be any is one that does not exist.
pub fn path_id<T: std::str::FromStr>(request: &Request, name: &str, what: &'static str) -> Result<T, Error> {
    let ids = request.path_parameters_ref();
    let id = ids.and_then(|ids| ids.first(name)).and_then(|id| id.parse().ok());
    id.ok_or(Error::NotFound(what))
}

/// A query parameter, read as whatever it should be.
pub fn query<T: std::str::FromStr>(request: &Request, name: &str, must: &str) -> Result<Option<T>, Error> {
    let value = request.query_string_parameters_ref().and_then(|query| query.first(name));
    value.map(|text| text.parse().map_err(|_| Error::invalid(name, must))).transpose()
}

/// How many items a page may have: `limit`, from 1 to 100, else 20.
pub fn limit(request: &Request) -> Result<usize, Error> {
    let limit = query(request, "limit", "must be a number from 1 to 100")?.unwrap_or(20);
    if (1..=100).contains(&limit) { Ok(limit) } else { Err(Error::invalid("limit", "must be from 1 to 100")) }
}

/// Refuses a query parameter that the route does not have, by its name.
pub fn only_query(request: &Request, known: &[&str]) -> Result<(), Error> {
    let Some(query) = request.query_string_parameters_ref() else { return Ok(()) };
    match query.iter().find(|(name, _)| !known.contains(name)) {
        Some((name, _)) => Err(Error::invalid(name, "there is no such query parameter")),
        None => Ok(()),
    }
}

/// The body, as JSON. What is wrong with it is said of the field that is wrong.
pub fn body<T: DeserializeOwned>(request: &Request) -> Result<T, Error> {
    let bytes = request.body().as_ref();
    if bytes.len() > BODY_MAX {
        return Err(Error::TooLarge(format!("the body must have at most {BODY_MAX} bytes")));
    }
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        return Err(Error::invalid("body", "must be a JSON object"));
    }
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(by_name::ByName(&mut json)).map_err(|error| unreadable(&error))?;
    json.end().map_err(|_| Error::invalid("body", "must be one JSON object and nothing more"))?;
    Ok(value)
}

/// The body of a route that needs none: absent is as good as `{}`.
pub fn optional_body<T: DeserializeOwned + Default>(request: &Request) -> Result<T, Error> {
    if request.body().as_ref().is_empty() { Ok(T::default()) } else { body(request) }
}

fn unreadable(error: &serde_path_to_error::Error<serde_json::Error>) -> Error {
    let path = error.path().to_string();
    let said = error.inner().to_string();
    // serde_json adds where in the text it was, which says little once the field is named.
    let reason = said.rsplit_once(" at line ").map_or(said.as_str(), |(reason, _)| reason);
    if error.inner().is_syntax() || error.inner().is_eof() {
        return Error::invalid("body", format!("is not JSON: {said}"));
    }
    // The names of our types are nothing to a caller.
    if let Some((found, _)) = reason.split_once(", expected struct ") {
        return Error::invalid(path, format!("{found}, expected an object"));
    }
    let named = ["unknown field `", "missing field `", "duplicate field `"].iter().find_map(|start| {
        let name = reason.strip_prefix(start)?.split('`').next()?;
        Some((name, start.trim_end_matches(" `")))
    });
    match named {
        Some((name, what)) => {
            let parent = path.trim_end_matches('.').strip_suffix(name).unwrap_or(&path).trim_end_matches('.');
            let field = if parent.is_empty() || parent == "?" { name.into() } else { format!("{parent}.{name}") };
            Error::invalid(
                field,
                match what {
                    "unknown field" => "there is no such field",
                    "missing field" => "is missing",
                    _ => "stands here twice",
                },
            )
        }
        None if path == "." => Error::invalid("body", reason),
        None => Error::invalid(path, reason),
    }
}

/// The request's `Idempotency-Key`: 1 to 255 printable characters.
pub fn idempotency_key(request: &Request) -> Result<Option<&str>, Error> {
    let Some(key) = request.headers().get("idempotency-key") else { return Ok(None) };
    let key = key.to_str().ok().filter(|key| (1..=255).contains(&key.len()));
    key.map(Some).ok_or_else(|| Error::invalid("Idempotency-Key", "must have 1 to 255 printable characters"))
}

/// An answer with a JSON body.
pub fn json(status: StatusCode, body: &impl Serialize) -> Result<Response<Body>, Error> {
    let body = serde_json::to_string(body).map_err(Error::internal)?;
    Ok(answer(status, "application/json", body))
}

pub fn no_content() -> Response<Body> {
    let mut response = Response::new(Body::Empty);
    *response.status_mut() = StatusCode::NO_CONTENT;
    cors(&mut response);
    response
}

/// The answer, or the problem (RFC 9457) in its place. Failures of ours are logged here, once, with their cause.
pub fn respond(result: Result<Response<Body>, Error>) -> Response<Body> {
    result.unwrap_or_else(|error| problem(&error))
}

fn problem(error: &Error) -> Response<Body> {
    let (status, code, title) = kind(error);
    if let Error::Internal(cause) = error {
        tracing::error!(cause = chain(cause.as_ref()), "a request failed");
    } else if status.is_server_error() {
        tracing::warn!(%error, code, "a request was not done");
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
        _ => {}
    }
    let mut response = answer(status, "application/problem+json", problem.to_string());
    if let Error::OverBudget(seconds) = error {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(*seconds));
        // A page may read no other header of an answer unless it is told so.
        response.headers_mut().insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("retry-after"));
    }
    response
}

/// Status, stable code and title of every error there is.
pub fn kind(error: &Error) -> (StatusCode, &'static str, &'static str) {
    match error {
        Error::Invalid { .. } => (StatusCode::BAD_REQUEST, "invalid", "The request is not valid"),
        Error::Unauthenticated(_) => (StatusCode::UNAUTHORIZED, "unauthenticated", "Who are you?"),
        Error::Forbidden(_) => (StatusCode::FORBIDDEN, "forbidden", "Not allowed"),
        Error::NotFound(_) => (StatusCode::NOT_FOUND, "not_found", "Not found"),
        Error::Conflict { .. } => (StatusCode::CONFLICT, "conflict", "Conflict"),
        Error::TooLarge(_) => (StatusCode::PAYLOAD_TOO_LARGE, "too_large", "Too large"),
        Error::Mismatch(_) => (StatusCode::UNPROCESSABLE_ENTITY, "idempotency_mismatch", "Used for something else"),
        Error::OverBudget(_) => (StatusCode::TOO_MANY_REQUESTS, "over_budget", "Too many requests"),
        Error::Upstream(_) => (StatusCode::BAD_GATEWAY, "upstream", "OpenAI did not do it"),
        Error::Busy => (StatusCode::SERVICE_UNAVAILABLE, "busy", "Busy"),
        Error::Internal(_) => (StatusCode::INTERNAL_SERVER_ERROR, "internal", "Internal error"),
    }
}

fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

fn answer(status: StatusCode, content_type: &'static str, body: String) -> Response<Body> {
    let mut response = Response::new(Body::Text(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, content_type.parse().expect("a content type of ours is a header"));
    cors(&mut response);
    response
}

/// Any page may read an answer: a token is what opens the API, and it travels in a header, never in a cookie.
fn cors(response: &mut Response<Body>) {
    response.headers_mut().insert("access-control-allow-origin", HeaderValue::from_static("*"));
}
