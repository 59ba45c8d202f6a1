//! The `@connections` API, over HTTP and, for the functions of this process, through the SDK's own transport.

pub use aws_sdk_apigatewaymanagement::Client;
use aws_sdk_apigatewaymanagement::config::retry::RetryConfig;
use aws_sdk_apigatewaymanagement::config::{
    BehaviorVersion, HttpClient, IdentityCache, Region, RuntimeComponents, StalledStreamProtectionConfig,
};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, Response, StatusCode};
use bytes::Bytes;
use percent_encoding::percent_decode_str;
use serde_json::json;
use time::format_description::well_known::Rfc3339;

use super::connections::{Close, Connections, MESSAGE, PostError};
use crate::dynamo::{REGION, UNSIGNED, unwatched};

const ERROR_TYPE: &str = "x-amzn-errortype";

/// The client that the functions get: the SDK's own, over the sockets of this process.
pub fn client(connections: &Connections) -> Client {
    client_over(InProcess(connections.clone()))
}

/// The same client over any transport, such as an [`InProcess`] wrapped by a test that makes the wire fail.
pub fn client_over(transport: impl HttpClient + 'static) -> Client {
    let config = aws_sdk_apigatewaymanagement::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .allow_no_auth()
        .auth_scheme_preference([UNSIGNED])
        .identity_cache(IdentityCache::no_cache())
        .retry_config(RetryConfig::disabled())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .endpoint_resolver(unwatched::Here)
        .interceptor(unwatched::Unwatched)
        .http_client(transport)
        .build();
    Client::from_conf(config)
}

/// The SDK's transport, answered by the sockets of this process.
#[derive(Clone, Debug)]
pub struct InProcess(Connections);

impl InProcess {
    pub fn new(connections: &Connections) -> Self {
        Self(connections.clone())
    }
}

impl HttpClient for InProcess {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for InProcess {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let connections = self.0.clone();
        HttpConnectorFuture::new(async move {
            let path = request.uri().split_once("://").map_or(request.uri(), |(_, rest)| rest);
            let path = path.find('/').map_or("", |start| &path[start..]);
            let body = Bytes::copy_from_slice(request.body().bytes().unwrap_or_default());
            let answer = match connection(path) {
                Some(id) => answer(&connections, request.method(), &id, body).await,
                None => Answer::refused(StatusCode::FORBIDDEN, "ForbiddenException"),
            };
            let mut response = HttpResponse::new(answer.status.into(), SdkBody::from(answer.body));
            if let Some(error) = answer.error {
                response.headers_mut().insert(ERROR_TYPE, error);
            }
            Ok(response)
        })
    }
}

/// The connection that a path of the API names: `/@connections/{id}`, with or without a stage before it.
pub(super) fn connection(path: &str) -> Option<String> {
    let (stage, id) = path.split_once("/@connections/").or_else(|| path.split_once("/%40connections/"))?;
    let plain = !id.is_empty() && !id.contains('/') && !stage[stage.len().min(1)..].contains('/');
    plain.then(|| percent_decode_str(id).decode_utf8_lossy().into_owned())
}

pub(super) async fn serve(connections: &Connections, id: &str, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let answer = match to_bytes(body, MESSAGE).await {
        Ok(body) => answer(connections, parts.method.as_str(), id, body).await,
        Err(_) => Answer::from(PostError::TooLarge),
    };
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = answer.status;
    if let Some(error) = answer.error {
        response.headers_mut().insert(HeaderName::from_static(ERROR_TYPE), HeaderValue::from_static(error));
    }
    response
}

struct Answer {
    status: StatusCode,
    /// The name under which the SDKs know the error.
    error: Option<&'static str>,
    body: String,
}

impl Answer {
    fn done(status: StatusCode, body: String) -> Self {
        Self { status, error: None, body }
    }

    fn refused(status: StatusCode, error: &'static str) -> Self {
        Self { status, error: Some(error), body: json!({"message": error}).to_string() }
    }
}

impl From<PostError> for Answer {
    fn from(error: PostError) -> Self {
        match error {
            PostError::Gone => Self::refused(StatusCode::GONE, "GoneException"),
            PostError::TooLarge => Self::refused(StatusCode::PAYLOAD_TOO_LARGE, "PayloadTooLargeException"),
        }
    }
}

async fn answer(connections: &Connections, method: &str, id: &str, body: Bytes) -> Answer {
    match method {
        "POST" => match connections.post(id, body).await {
            Ok(()) => Answer::done(StatusCode::OK, String::new()),
            Err(error) => error.into(),
        },
        "DELETE" => {
            let closed = connections.close(id, Close { code: 1000, reason: "Connection Closed Normally" });
            if closed { Answer::done(StatusCode::NO_CONTENT, String::new()) } else { PostError::Gone.into() }
        }
        "GET" => match connections.facts(id) {
            Some(facts) => {
                let told = json!({
                    "connectedAt": facts.connected_at.format(&Rfc3339).ok(),
                    "lastActiveAt": facts.last_active_at.format(&Rfc3339).ok(),
                    "identity": {"sourceIp": facts.source_ip, "userAgent": facts.user_agent},
                });
                Answer::done(StatusCode::OK, told.to_string())
            }
            None => PostError::Gone.into(),
        },
        _ => Answer::refused(StatusCode::FORBIDDEN, "ForbiddenException"),
    }
}
