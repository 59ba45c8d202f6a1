//! Finding the bearer token in a request.

use aws_lambda_events::apigw::ApiGatewayCustomAuthorizerRequestTypeRequest;

use crate::refusal::Refusal;

/// Finds the token in `Authorization: Bearer <jwt>`, or in a WebSocket's subprotocol `bearer.<jwt>`, as browsers cannot
/// set headers there. The subprotocol is read on a WebSocket only: on REST, API Gateway caches the response by the
/// Authorization header alone.
pub(crate) fn find(request: &ApiGatewayCustomAuthorizerRequestTypeRequest) -> Result<&str, Refusal> {
    let mut tokens: Vec<_> = values(request, "authorization").into_iter().filter_map(bearer).collect();
    if tokens.is_empty() && is_websocket(request) {
        let protocols = values(request, "sec-websocket-protocol");
        tokens = protocols.into_iter().flat_map(|line| line.split(',')).filter_map(subprotocol).collect();
    }
    match tokens[..] {
        [token] => Ok(token),
        _ => Err(Refusal::NoToken),
    }
}

/// All values of a header. Events carry each header twice, once with its last value and once with all values; some
/// senders omit one of the two.
fn values<'a>(request: &'a ApiGatewayCustomAuthorizerRequestTypeRequest, name: &str) -> Vec<&'a str> {
    let all =
        if request.multi_value_headers.contains_key(name) { &request.multi_value_headers } else { &request.headers };
    all.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect()
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
