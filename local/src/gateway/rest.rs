//! The REST API: one request, one event, one call of a function.

use std::net::SocketAddr;

use aws_lambda_events::apigw::ApiGatewayProxyRequest;
use axum::body::Body;
use axum::extract::Request;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode};
use futures::StreamExt;
use lambda_http::request::LambdaRequest;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::Arc;

use super::authorize::Decision;
use super::event::{self, Arrival};
use super::functions;
use super::refusal::Refusal;
use super::{Gateway, Limits};

/// A body that is too large is read on to its end, so that its sender hears the answer, but no further than this.
const DRAINED: usize = 64 * 1024 * 1024;

pub(super) async fn serve(gateway: &Gateway, request: Request, source: SocketAddr) -> Response<Body> {
    let arrival = Arrival::now(source);
    let answer = respond(gateway, request, &arrival).await;
    let mut response = answer.unwrap_or_else(|refusal| gateway.refusals.answer(refusal));
    if let Ok(id) = HeaderValue::from_str(&arrival.id) {
        response.headers_mut().insert(HeaderName::from_static("x-amzn-requestid"), id);
    }
    response
}

async fn respond(gateway: &Gateway, request: Request, arrival: &Arrival) -> Result<Response<Body>, Refusal> {
    let (parts, body) = request.into_parts();
    if head_size(&parts) > gateway.limits().head {
        return Err(Refusal::TooLarge);
    }
    let found = gateway.routes.find(parts.uri.path()).ok_or(Refusal::NoRoute)?;
    if parts.method == Method::OPTIONS {
        return Ok(preflight(&gateway.template.rest.cors));
    }
    let route = found.route(&parts.method).ok_or(Refusal::NoRoute)?;
    let body = read(body, gateway.limits()).await?;

    let stage = &gateway.template.rest.stage;
    let mut event = event::rest(&parts, found.template(), found.parameters, stage, arrival);
    if !route.open {
        event.request_context.authorizer.fields = authorize(gateway, &parts, &event).await?;
    }
    event.body = body;
    let context = functions::context(&arrival.id, gateway.time_limit(&route.function));
    let retry_policy = route.timeout.min(gateway.limits().integration);
    gateway.functions.call(&route.function, LambdaRequest::ApiGatewayV1(event), context, retry_policy).await
}

/// The authorizer's context for this request, asked of the function only where no kept decision serves.
/// Without the header that identifies the caller, the function is not asked at all.
async fn authorize(
    gateway: &Gateway,
    parts: &Parts,
    event: &ApiGatewayProxyRequest,
) -> Result<HashMap<String, Value>, Refusal> {
    let token = parts.headers.get(AUTHORIZATION).and_then(|header| header.to_str().ok());
    let token = token.filter(|token| !token.is_empty()).ok_or(Refusal::Unauthorized)?;
    let call = format!("{}{}", parts.method, parts.uri.path());
    let resource = event::resource(&gateway.template.rest.stage, &call);
    if let Some(kept) = gateway.decisions.get(token) {
        return kept.grant(&resource);
    }
    let response = gateway.functions.decide(event::rest_authorizer(event, &resource)).await?;
    let decision = Arc::new(Decision::new(response));
    gateway.decisions.keep(token, &decision);
    decision.grant(&resource)
}

fn preflight(cors: &HeaderMap) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::OK;
    *response.headers_mut() = cors.clone();
    response
}

/// The body as text, as an API without binary media types passes it on; `None` where there is none.
async fn read(body: Body, limits: &Limits) -> Result<Option<String>, Refusal> {
    let mut read = Vec::new();
    let mut size = 0;
    let mut parts = body.into_data_stream();
    while let Some(part) = parts.next().await {
        // The sender is gone: nobody will read what this is answered with.
        let part = part.map_err(|_| Refusal::TooLarge)?;
        size += part.len();
        if size <= limits.payload {
            read.extend_from_slice(&part);
        } else if size > DRAINED {
            break;
        }
    }
    if size > limits.payload {
        return Err(Refusal::TooLarge);
    }
    let text = String::from_utf8(read).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
    Ok((!text.is_empty()).then_some(text))
}

/// The request line and the headers, as they came.
fn head_size(parts: &Parts) -> usize {
    let uri = parts.uri.path_and_query().map_or(0, |path| path.as_str().len());
    let line = parts.method.as_str().len() + uri + " HTTP/1.1\r\n ".len();
    let headers = parts.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len());
    line + headers.sum::<usize>()
}
