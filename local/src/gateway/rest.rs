//! The REST API: one request, one event, one call of a function.

use std::{collections::HashMap, net::SocketAddr, sync::Arc};

use aws_lambda_events::apigw::ApiGatewayProxyRequest;
use axum::{
    body::Body,
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header::AUTHORIZATION, request::Parts},
};
use futures::StreamExt;
use lambda_http::request::LambdaRequest;
use serde_json::Value;
use tokio::time::timeout;

use super::{
    Gateway,
    authorize::Decision,
    event::{self, Arrival},
    functions,
    limits::Limits,
    refusal::Refusal,
};

/// The limit up to which a body that is too large is read and dropped, so that its sender can read the response.
const MAX_DRAINED_BYTES: usize = 64 * 1024 * 1024;

pub(super) async fn serve(gateway: &Gateway, request: Request, source: SocketAddr) -> Response<Body> {
    let arrival = Arrival::now(source);
    let called = call(gateway, request, &arrival).await;
    let mut response = called.unwrap_or_else(|refusal| gateway.refusals.response(refusal));
    if let Ok(id) = HeaderValue::from_str(&arrival.id) {
        response.headers_mut().insert(HeaderName::from_static("x-amzn-requestid"), id);
    }
    response
}

async fn call(gateway: &Gateway, request: Request, arrival: &Arrival) -> Result<Response<Body>, Refusal> {
    let (parts, body) = request.into_parts();
    if head_size(&parts) > gateway.limits().head_bytes {
        return Err(Refusal::TooLarge);
    }
    let found = gateway.routes.find(parts.uri.path()).ok_or(Refusal::NoRoute)?;
    if parts.method == Method::OPTIONS {
        return Ok(preflight(&gateway.template.rest.cors));
    }
    let route = found.route(&parts.method).ok_or(Refusal::NoRoute)?;
    let limits = gateway.limits();
    let body = timeout(limits.body_timeout, read(body, limits)).await.unwrap_or(Err(Refusal::TooSlow))?;

    let stage = &gateway.template.rest.stage;
    let mut event = event::rest(&parts, found.template(), found.parameters, stage, arrival);
    if !route.open {
        event.request_context.authorizer.fields = authorize(gateway, &parts, &event).await?;
    }
    event.body = body;
    let context = functions::context(&arrival.id, gateway.functions.time_limit(&route.function));
    let wait = route.timeout.min(gateway.limits().integration_timeout);
    let event = LambdaRequest::ApiGatewayV1(event);
    let payload = gateway.functions.call(&route.function, event, context, wait).await?;
    payload.into_rest(route.streams).await
}

/// The authorizer's context for this request, from a cached decision or by a call of the authorizer.
/// Without the header that identifies the caller, the authorizer is not called.
async fn authorize(
    gateway: &Gateway,
    parts: &Parts,
    event: &ApiGatewayProxyRequest,
) -> Result<HashMap<String, Value>, Refusal> {
    let token = parts.headers.get(AUTHORIZATION).and_then(|header| header.to_str().ok());
    let token = token.filter(|token| !token.is_empty()).ok_or(Refusal::Unauthorized)?;
    let route = format!("{}{}", parts.method, parts.uri.path());
    let resource = event::resource(&gateway.template.rest.stage, &route);
    if let Some(decision) = gateway.decisions.get(token) {
        return decision.grant(&resource);
    }
    let response = gateway.functions.decide(event::rest_authorizer(event, &resource)).await?;
    let decision = Arc::new(Decision::new(response)?);
    gateway.decisions.insert(token, &decision);
    decision.grant(&resource)
}

fn preflight(cors: &HeaderMap) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::OK;
    *response.headers_mut() = cors.clone();
    response
}

/// The body as text, as an API without binary media types passes it on; `None` if it is empty.
async fn read(body: Body, limits: &Limits) -> Result<Option<String>, Refusal> {
    let mut text = Vec::new();
    let mut size = 0;
    let mut parts = body.into_data_stream();
    while let Some(part) = parts.next().await {
        // The sender is gone, so nobody reads the response.
        let part = part.map_err(|_| Refusal::TooLarge)?;
        size += part.len();
        if size <= limits.body_bytes {
            text.extend_from_slice(&part);
        } else if size > MAX_DRAINED_BYTES {
            break;
        }
    }
    if size > limits.body_bytes {
        return Err(Refusal::TooLarge);
    }
    let text = String::from_utf8(text).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
    Ok((!text.is_empty()).then_some(text))
}

/// The size of the request line and the headers in bytes.
fn head_size(parts: &Parts) -> usize {
    let uri = parts.uri.path_and_query().map_or(0, |path| path.as_str().len());
    let line = parts.method.as_str().len() + uri + " HTTP/1.1\r\n ".len();
    let headers = parts.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len());
    line + headers.sum::<usize>()
}
