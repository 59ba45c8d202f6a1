//! Finding the bearer token in a request.

use aws_lambda_events::apigw::ApiGatewayCustomAuthorizerRequestTypeRequest;

use crate::refusal::Refusal;

/// Finds the token in `Authorization: Bearer <jwt>`, or in a WebSocket's subprotocol `bearer.<jwt>`, as browsers cannot
/// set headers there. The subprotocol is read on a WebSocket only: on REST, API Gateway caches the response by the
/// Authorization header alone.
///
/// A request has one token. A second `Authorization` header is refused, whatever it holds, and so is a second token in
/// a subprotocol, unless it is the same one: what stands before this function may have read the other.
pub(crate) fn find(request: &ApiGatewayCustomAuthorizerRequestTypeRequest) -> Result<&str, Refusal> {
    let header = match values(request, "authorization")[..] {
        [] => None,
        [header] => Some(header.and_then(bearer).ok_or(Refusal::NoToken)?),
        _ => return Err(Refusal::NoToken),
    };
    let mut tokens = Vec::from_iter(header);
    if is_websocket(request) {
        for line in values(request, "sec-websocket-protocol") {
            tokens.extend(line.ok_or(Refusal::NoToken)?.split(',').filter_map(subprotocol));
        }
    }
    match (header, &tokens[..]) {
        (None, [token]) => Ok(token),
        (Some(token), [_, others @ ..]) if others.len() <= 1 && others.iter().all(|it| *it == token) => Ok(token),
        _ => Err(Refusal::NoToken),
    }
}

/// All values of a header, those as `None` that are no text. Events carry each header twice, once with its last value
/// and once with all values; some senders omit one of the two.
fn values<'a>(request: &'a ApiGatewayCustomAuthorizerRequestTypeRequest, name: &str) -> Vec<Option<&'a str>> {
    let all =
        if request.multi_value_headers.contains_key(name) { &request.multi_value_headers } else { &request.headers };
    all.get_all(name).iter().map(|value| value.to_str().ok()).collect()
}

fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.trim().split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim_start())
}

fn subprotocol(protocol: &str) -> Option<&str> {
    protocol.trim().strip_prefix("bearer.")
}

/// Detects a `$connect` event, which has no HTTP method.
fn is_websocket(request: &ApiGatewayCustomAuthorizerRequestTypeRequest) -> bool {
    request.http_method.is_none()
}
