//! The events of the WebSocket API as AWS sends them: WebSocket proxy, and the authorizer's REQUEST event.

use std::collections::HashMap;

use aws_lambda_events::{
    apigw::{
        ApiGatewayCustomAuthorizerRequestTypeRequest, ApiGatewayWebsocketProxyRequest,
        ApiGatewayWebsocketProxyRequestContext,
    },
    query_map::QueryMap,
};
use axum::http::{
    HeaderMap,
    header::{HOST, USER_AGENT},
    request::Parts,
};
use serde_json::Value;
use ulid::Ulid;

use super::event::{API_ID, Arrival, forwarded, last_values, milliseconds, query, text};

/// A socket from `$connect` on, with the data that all of its events share.
pub(super) struct Socket {
    pub(super) id: String,
    pub(super) connected: Arrival,
    stage: String,
    domain: Option<String>,
    user_agent: Option<String>,
    headers: HeaderMap,
    query: QueryMap,
    /// The authorizer's context, once it has allowed the connection.
    pub(super) granted: HashMap<String, Value>,
}

impl Socket {
    pub(super) fn new(id: String, parts: &Parts, stage: &str, arrival: Arrival) -> Self {
        Self {
            id,
            stage: stage.to_owned(),
            domain: text(&parts.headers, &HOST),
            user_agent: text(&parts.headers, &USER_AGENT),
            headers: forwarded(&parts.headers, &arrival),
            query: parts.uri.query().map(query).unwrap_or_default(),
            connected: arrival,
            granted: HashMap::new(),
        }
    }

    /// The authorizer's event, sent once, before `$connect`.
    pub(super) fn authorizer(&self, resource: &str) -> ApiGatewayCustomAuthorizerRequestTypeRequest {
        let mut request = ApiGatewayCustomAuthorizerRequestTypeRequest::default();
        request.type_ = Some("REQUEST".to_owned());
        request.method_arn = Some(resource.to_owned());
        request.headers = last_values(&self.headers);
        request.multi_value_headers.clone_from(&self.headers);
        request.query_string_parameters = self.query.clone();
        request.multi_value_query_string_parameters = self.query.clone();
        request.request_context.stage = Some(self.stage.clone());
        request.request_context.apiid = Some(API_ID.to_owned());
        request.request_context.request_id = Some(self.connected.id.clone());
        request
    }

    pub(super) fn connect(&self) -> ApiGatewayWebsocketProxyRequest {
        let mut event = self.event("$connect", "CONNECT", &self.connected);
        event.headers = last_values(&self.headers);
        event.multi_value_headers.clone_from(&self.headers);
        event.query_string_parameters = self.query.clone();
        event.multi_value_query_string_parameters = self.query.clone();
        event
    }

    /// The event of a client's message. AWS sends no headers with it, and binary messages in base64.
    pub(super) fn message(
        &self,
        route: &str,
        arrival: &Arrival,
        body: String,
        base64: bool,
    ) -> ApiGatewayWebsocketProxyRequest {
        let mut event = self.event(route, "MESSAGE", arrival);
        event.request_context.message_id = Some(Ulid::generate().to_string());
        event.body = Some(body);
        event.is_base64_encoded = base64;
        event
    }

    pub(super) fn disconnect(&self, arrival: &Arrival, code: u16, reason: &str) -> ApiGatewayWebsocketProxyRequest {
        let mut event = self.event("$disconnect", "DISCONNECT", arrival);
        event.request_context.disconnect_status_code = Some(i64::from(code));
        event.request_context.disconnect_reason = Some(reason.to_owned());
        event
    }

    /// An event without `httpMethod`; with one it would be read as a REST event.
    fn event(&self, route: &str, kind: &str, arrival: &Arrival) -> ApiGatewayWebsocketProxyRequest {
        let mut context = ApiGatewayWebsocketProxyRequestContext::default();
        context.route_key = Some(route.to_owned());
        context.event_type = Some(kind.to_owned());
        context.message_direction = Some("IN".to_owned());
        context.connection_id = Some(self.id.clone());
        context.connected_at = milliseconds(self.connected.at);
        context.request_time = arrival.time();
        context.request_time_epoch = milliseconds(arrival.at);
        context.request_id = Some(arrival.id.clone());
        context.extended_request_id = Some(arrival.id.clone());
        context.stage = Some(self.stage.clone());
        context.apiid = Some(API_ID.to_owned());
        context.domain_name.clone_from(&self.domain);
        context.identity.source_ip = Some(arrival.source.ip().to_string());
        context.identity.user_agent.clone_from(&self.user_agent);
        context.authorizer.fields.clone_from(&self.granted);
        let mut event = ApiGatewayWebsocketProxyRequest::default();
        event.request_context = context;
        event
    }

    /// Drops the data that only `$connect` needs: a header value keeps the whole buffer alive that it was read into.
    pub(super) fn forget_handshake(&mut self) {
        self.headers = HeaderMap::new();
        self.query = QueryMap::default();
    }

    pub(super) fn user_agent(&self) -> Option<&str> {
        self.user_agent.as_deref()
    }

    pub(super) fn stage(&self) -> &str {
        &self.stage
    }
}
