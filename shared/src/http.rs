//! Between HTTP and the domain: the caller and the parameters of a request, and the response to it.

mod body;
mod by_name;
mod patch;
mod response;
mod streaming_body;

use std::str::FromStr;

use lambda_http::{Request, RequestExt, http::header::ORIGIN, request::RequestContext};
use percent_encoding::percent_decode_str;
use serde_json::Value;

use crate::{
    App, Error,
    domain::{
        Act, At, Identity, Role,
        identity::{VisitorAccess, is_subject, is_tenant},
    },
};

pub use body::{body, optional_body};
pub use patch::Patch;
pub use response::{COMMON_HEADERS, json, kind, no_content, respond};
pub use streaming_body::StreamingBody;

/// The method and the route's path as in the template (`/threads/{thread_id}`).
pub fn route(request: &Request) -> (String, String) {
    let path = match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV1(context)) => context.resource_path.clone(),
        _ => None,
    };
    (request.method().to_string(), path.unwrap_or_default())
}

/// The error for a route that the function does not have, which means that the template and the code disagree.
pub fn no_route() -> Error {
    Error::NotFound("route")
}

/// The caller's identity, from the authorizer's context in the event. It is checked again, since a cached policy
/// outlives its token.
pub fn identity(app: &App, request: &Request) -> Result<Identity, Error> {
    let context = request.request_context_ref().and_then(RequestContext::authorizer);
    let context = context.ok_or(Error::Unauthenticated("the request has no authenticated identity"))?;
    let field = |name: &str| match context.fields.get(name) {
        Some(Value::String(text)) => Some(text.clone()),
        // API Gateway turns numbers into text; not every emulator does.
        Some(Value::Number(number)) => Some(number.to_string()),
        _ => None,
    };
    let identity = read_identity(field).ok_or(Error::Unauthenticated("the request has no authenticated identity"))?;
    if app.is_past(identity.expires) {
        return Err(Error::Unauthenticated("the token has expired"));
    }
    let origins = field("origins").unwrap_or_default();
    if !origins.is_empty() && origin(request).is_some_and(|origin| !origins.split(' ').any(|it| it == origin)) {
        return Err(Error::Forbidden("the token is not valid for this origin"));
    }
    Ok(identity)
}

/// The caller of a route, whose role permits its act. Asked for before anything else of the request is looked at: who
/// may not, is told that alone (403), whatever the path and the body hold.
pub fn caller(app: &App, request: &Request, act: Act) -> Result<Identity, Error> {
    let identity = identity(app, request)?;
    identity.may(act)?;
    Ok(identity)
}

/// The origin of the page that a browser calls from. Browsers send it in every cross-origin request. A client that
/// omits or forges it is not a browser, and has no visitor's token to steal.
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
        verified: field("verified").map(|text| serde_json::from_str(&text)).transpose().ok()?.unwrap_or_default(),
        chatbot: field("chatbot").filter(|id| !id.is_empty()).map(|id| id.parse()).transpose().ok()?,
        access: field("access").map(|text| VisitorAccess::parse(&text).ok_or(())).transpose().ok()?,
        expires: At::from_seconds(field("expires")?.parse().ok()?),
    })
}

/// An id from the path. An invalid id is [`Error::NotFound`], as the thing it names cannot exist.
pub fn path_id<T: FromStr>(request: &Request, name: &str, what: &'static str) -> Result<T, Error> {
    let ids = request.path_parameters_ref();
    let id = ids.and_then(|ids| ids.first(name)).and_then(|id| id.parse().ok());
    id.ok_or(Error::NotFound(what))
}

/// A token's subject from the path, which may hold any character.
///
/// API Gateway decodes path parameters and leaves the path as it was sent; some of its emulators do not decode. A
/// parameter that is the path's own segment, escapes included, is still encoded.
pub fn path_subject(request: &Request, name: &str) -> Result<String, Error> {
    let given = request.path_parameters_ref().and_then(|names| names.first(name)).unwrap_or_default();
    let is_encoded = given.contains('%') && request.raw_http_path().split('/').any(|segment| segment == given);
    let decoded = if is_encoded { percent_decode_str(given).decode_utf8().ok() } else { Some(given.into()) };
    let subject = decoded.map(String::from).filter(|subject| is_subject(subject));
    subject.ok_or_else(|| Error::invalid(name, "must have 1 to 128 characters, none of them control characters"))
}

/// A query parameter, parsed. `reason` is the error's reason if it is invalid.
pub fn query<T: FromStr>(request: &Request, name: &str, reason: &str) -> Result<Option<T>, Error> {
    let value = request.query_string_parameters_ref().and_then(|query| query.first(name));
    value.map(|text| text.parse().map_err(|_| Error::invalid(name, reason))).transpose()
}

/// The page size: the query parameter `limit`, from 1 to 100, or 20 by default.
pub fn limit(request: &Request) -> Result<usize, Error> {
    let limit = query(request, "limit", "must be a number from 1 to 100")?.unwrap_or(20);
    if (1..=100).contains(&limit) { Ok(limit) } else { Err(Error::invalid("limit", "must be from 1 to 100")) }
}

/// Rejects a query parameter that is not in `known`.
pub fn only_query(request: &Request, known: &[&str]) -> Result<(), Error> {
    let Some(query) = request.query_string_parameters_ref() else { return Ok(()) };
    match query.iter().find(|(name, _)| !known.contains(name)) {
        Some((name, _)) => Err(Error::invalid(name, "is not a known query parameter")),
        None => Ok(()),
    }
}

/// The request's `Idempotency-Key`: 1 to 255 printable characters.
pub fn idempotency_key(request: &Request) -> Result<Option<&str>, Error> {
    let Some(key) = request.headers().get("idempotency-key") else { return Ok(None) };
    let key = key.to_str().ok().filter(|key| (1..=255).contains(&key.len()));
    key.map(Some).ok_or_else(|| Error::invalid("Idempotency-Key", "must have 1 to 255 printable characters"))
}
