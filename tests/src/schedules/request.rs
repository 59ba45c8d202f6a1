//! Requests, as API Gateway and Lambda hand them to a function.

use std::{collections::HashMap, time::Duration};

use aws_lambda_events::apigw::{ApiGatewayProxyRequestContext, ApiGatewayWebsocketProxyRequestContext};
use lambda_http::{Body, Request, RequestExt, request::RequestContext};
use serde_json::{Value, json};

use super::clock::BEGINNING;

/// The tenant of every story.
pub(super) const TENANT: &str = "acme";

/// A caller: role and subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Who {
    pub role: &'static str,
    pub subject: &'static str,
}

pub(super) const ADMIN: Who = Who { role: "admin", subject: "root" };

impl Who {
    /// A REST request of this caller, as API Gateway hands it to a function.
    pub(super) fn asks(self, method: &str, route: &str, thread: Option<&str>, body: &Value) -> Request {
        let mut context = ApiGatewayProxyRequestContext::default();
        context.resource_path = Some(route.to_owned());
        context.authorizer.fields = self.granted();
        let request = http::Request::builder().method(method).uri("https://api.test/");
        let body = if body.is_null() { Body::Empty } else { Body::Text(body.to_string()) };
        let request = request.body(body).expect("a request");
        let ids = thread.map(|thread| ("thread_id".to_owned(), vec![thread.to_owned()]));
        let ids: HashMap<_, _> = ids.into_iter().collect();
        request.with_path_parameters(ids).with_request_context(RequestContext::ApiGatewayV1(context))
    }

    /// A frame on this caller's socket, or `$connect`.
    pub(super) fn sends(self, connection: &str, route: &str, frame: &Value) -> Request {
        let mut context = ApiGatewayWebsocketProxyRequestContext::default();
        context.route_key = Some(route.to_owned());
        context.connection_id = Some(connection.to_owned());
        context.authorizer.fields = self.granted();
        let request = http::Request::new(Body::Text(frame.to_string()));
        request.with_request_context(RequestContext::WebSocket(context))
    }

    fn granted(self) -> HashMap<String, Value> {
        let expires = (BEGINNING + Duration::from_hours(24)).seconds().to_string();
        let fields = [("tenant", TENANT), ("role", self.role), ("subject", self.subject), ("expires", &expires)];
        fields.map(|(name, value)| (name.to_owned(), json!(value))).into()
    }
}

/// The event of the sweep's schedule.
pub(super) fn minute() -> Request {
    invoked("{}".to_owned())
}

/// The event that invokes `chat` to answer a waiting thread.
pub(super) fn due(thread: &str) -> Request {
    invoked(json!({ "tenant": TENANT, "thread_id": thread }).to_string())
}

pub(super) fn invoked(event: String) -> Request {
    http::Request::new(Body::Text(event)).with_request_context(RequestContext::PassThrough)
}
