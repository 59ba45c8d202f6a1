//! The events of the REST API as AWS sends them: REST proxy (payload 1.0), and the authorizer's REQUEST event.

use std::{collections::HashMap, net::SocketAddr};

use aws_lambda_events::{
    apigw::{ApiGatewayCustomAuthorizerRequestTypeRequest, ApiGatewayProxyRequest},
    query_map::QueryMap,
};
use axum::http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{CONNECTION, HOST, UPGRADE, USER_AGENT},
    request::Parts,
};
use time::{OffsetDateTime, format_description::BorrowedFormatItem, macros::format_description};
use ulid::Ulid;

use crate::in_process::REGION;

/// The API's id, also in ARNs; on AWS it is random.
pub(super) const API_ID: &str = "local";
const ACCOUNT_ID: &str = "000000000000";
/// The format of `requestTime`: `09/Apr/2026:12:34:56 +0000`.
const REQUEST_TIME: &[BorrowedFormatItem<'_>] =
    format_description!("[day]/[month repr:short]/[year]:[hour]:[minute]:[second] +0000");

/// The arrival of a request: its id, its time and its source address.
pub(super) struct Arrival {
    pub(super) id: String,
    pub(super) at: OffsetDateTime,
    pub(super) source: SocketAddr,
}

impl Arrival {
    pub(super) fn now(source: SocketAddr) -> Self {
        Self { id: Ulid::generate().to_string(), at: OffsetDateTime::now_utc(), source }
    }

    pub(super) fn time(&self) -> Option<String> {
        self.at.format(REQUEST_TIME).ok()
    }
}

/// The ARN that a policy must allow for this call.
pub(super) fn resource(stage: &str, call: &str) -> String {
    format!("arn:aws:execute-api:{REGION}:{ACCOUNT_ID}:{API_ID}/{stage}/{call}")
}

/// The event of a REST request, without the authorizer's context and the body.
pub(super) fn rest(
    parts: &Parts,
    template: &str,
    parameters: HashMap<String, String>,
    stage: &str,
    arrival: &Arrival,
) -> ApiGatewayProxyRequest {
    let query = parts.uri.query().map(query).unwrap_or_default();
    let path = parts.uri.path();
    let mut event = ApiGatewayProxyRequest::default();
    event.resource = Some(template.to_owned());
    event.path = Some(path.to_owned());
    event.http_method = parts.method.clone();
    event.multi_value_headers = forwarded(&parts.headers, arrival);
    event.headers = last_values(&event.multi_value_headers);
    event.query_string_parameters = query.clone();
    event.multi_value_query_string_parameters = query;
    event.path_parameters = parameters;

    let context = &mut event.request_context;
    context.account_id = Some(ACCOUNT_ID.to_owned());
    context.apiid = Some(API_ID.to_owned());
    context.stage = Some(stage.to_owned());
    context.domain_name = text(&parts.headers, &HOST);
    context.request_id = Some(arrival.id.clone());
    context.protocol = Some(format!("{:?}", parts.version));
    context.resource_path = Some(template.to_owned());
    context.path = Some(format!("/{stage}{path}"));
    context.http_method = parts.method.clone();
    context.request_time = arrival.time();
    context.request_time_epoch = milliseconds(arrival.at);
    context.identity.source_ip = Some(arrival.source.ip().to_string());
    context.identity.user_agent = text(&parts.headers, &USER_AGENT);
    event
}

/// The authorizer's event for a REST request: the same request without its body.
pub(super) fn rest_authorizer(
    event: &ApiGatewayProxyRequest,
    resource: &str,
) -> ApiGatewayCustomAuthorizerRequestTypeRequest {
    let mut request = ApiGatewayCustomAuthorizerRequestTypeRequest::default();
    request.type_ = Some("REQUEST".to_owned());
    request.method_arn = Some(resource.to_owned());
    request.resource.clone_from(&event.resource);
    request.path.clone_from(&event.path);
    request.http_method = Some(event.http_method.clone());
    request.headers.clone_from(&event.headers);
    request.multi_value_headers.clone_from(&event.multi_value_headers);
    request.query_string_parameters = event.query_string_parameters.clone();
    request.multi_value_query_string_parameters = event.multi_value_query_string_parameters.clone();
    request.path_parameters.clone_from(&event.path_parameters);
    let context = &mut request.request_context;
    context.account_id.clone_from(&event.request_context.account_id);
    context.apiid.clone_from(&event.request_context.apiid);
    context.stage.clone_from(&event.request_context.stage);
    context.request_id.clone_from(&event.request_context.request_id);
    context.path.clone_from(&event.request_context.path);
    context.resource_path.clone_from(&event.request_context.resource_path);
    context.http_method = Some(event.http_method.clone());
    request
}

/// The client's headers without those of its own connection, and with those that API Gateway adds.
pub(super) fn forwarded(headers: &HeaderMap, arrival: &Arrival) -> HeaderMap {
    let mut headers = headers.clone();
    headers.remove(CONNECTION);
    headers.remove(UPGRADE);
    if let Ok(source) = HeaderValue::try_from(arrival.source.ip().to_string()) {
        headers.append(HeaderName::from_static("x-forwarded-for"), source);
    }
    headers.insert(HeaderName::from_static("x-forwarded-proto"), HeaderValue::from_static("http"));
    headers
}

/// The last value of each header, for `headers`; `multiValueHeaders` holds all values.
pub(super) fn last_values(headers: &HeaderMap) -> HeaderMap {
    if headers.len() == headers.keys_len() {
        return headers.clone();
    }
    let mut last = HeaderMap::with_capacity(headers.keys_len());
    for (name, value) in headers {
        last.insert(name.clone(), value.clone());
    }
    last
}

pub(super) fn query(text: &str) -> QueryMap {
    match text.parse() {
        Ok(query) => query,
    }
}

pub(super) fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

pub(super) fn milliseconds(at: OffsetDateTime) -> i64 {
    at.unix_timestamp() * 1000 + i64::from(at.millisecond())
}
