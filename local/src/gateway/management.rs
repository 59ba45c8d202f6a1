//! The `@connections` API, over HTTP and, for the functions of this process, through the SDK's own transport.

pub use aws_sdk_apigatewaymanagement::Client;
use aws_sdk_apigatewaymanagement::config::{HttpClient, retry::RetryConfig};
use aws_smithy_runtime_api::client::{http::HttpConnectorFuture, orchestrator::HttpRequest};
use axum::{
    body::Body,
    extract::Request,
    http::{Response, StatusCode},
};
use bytes::Bytes;
use percent_encoding::percent_decode_str;
use serde_json::json;
use time::format_description::well_known::Rfc3339;

use super::connections::{Close, Connections, MAX_MESSAGE_BYTES, PostError};
use crate::{
    in_process::{self, Service, ServiceResponse, client_config, path},
    share::Share,
};

/// The SDK client that the functions get, over the sockets of this process.
pub fn client(connections: &Connections) -> Client {
    client_over(InProcess::new(connections))
}

/// The same client over any transport, such as an [`InProcess`] wrapped by a test that makes calls fail.
pub fn client_over(transport: impl HttpClient + 'static) -> Client {
    Client::from_conf(client_config!(aws_sdk_apigatewaymanagement, RetryConfig::disabled(), transport))
}

/// The SDK's transport, answered by the sockets of this process.
pub type InProcess = in_process::InProcess<Connections>;

impl InProcess {
    pub fn new(connections: &Connections) -> Self {
        Self(connections.clone())
    }
}

impl Service for Connections {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let connections = self.clone();
        HttpConnectorFuture::new(async move {
            let body = Bytes::copy_from_slice(request.body().bytes().unwrap_or_default());
            let response = match connection(path(&request)) {
                Some(id) => respond(&connections, request.method(), &id, body).await,
                None => error(StatusCode::FORBIDDEN, "ForbiddenException"),
            };
            Ok(response.into())
        })
    }
}

/// The connection id in a path of the API: `/@connections/{id}`, with or without a stage before it.
pub(super) fn connection(path: &str) -> Option<String> {
    let (stage, id) = path.split_once("/@connections/").or_else(|| path.split_once("/%40connections/"))?;
    let plain = !id.is_empty() && !id.contains('/') && !stage[stage.len().min(1)..].contains('/');
    plain.then(|| percent_decode_str(id).decode_utf8_lossy().into_owned())
}

pub(super) async fn serve(connections: &Connections, share: &Share, id: &str, request: Request) -> Response<Body> {
    match share.receive("execute-api", request, MAX_MESSAGE_BYTES).await {
        Ok((parts, body)) => respond(connections, parts.method.as_str(), id, body).await.into(),
        Err(refused) => refused,
    }
}

async fn respond(connections: &Connections, method: &str, id: &str, body: Bytes) -> ServiceResponse {
    match method {
        "POST" => match connections.post(id, body).await {
            Ok(()) => ServiceResponse::new(StatusCode::OK, String::new()),
            Err(error) => error.into(),
        },
        "DELETE" => {
            if connections.close(id, Close { code: 1000, reason: "Connection Closed Normally" }) {
                ServiceResponse::new(StatusCode::NO_CONTENT, String::new())
            } else {
                PostError::Gone.into()
            }
        }
        "GET" => match connections.info(id) {
            Some(info) => {
                let body = json!({
                    "connectedAt": info.connected_at.format(&Rfc3339).ok(),
                    "lastActiveAt": info.last_active_at.format(&Rfc3339).ok(),
                    "identity": {"sourceIp": info.source_ip, "userAgent": info.user_agent},
                });
                ServiceResponse::new(StatusCode::OK, body.to_string())
            }
            None => PostError::Gone.into(),
        },
        _ => error(StatusCode::FORBIDDEN, "ForbiddenException"),
    }
}

impl From<PostError> for ServiceResponse {
    fn from(refusal: PostError) -> Self {
        match refusal {
            PostError::Gone => error(StatusCode::GONE, "GoneException"),
            PostError::TooLarge => error(StatusCode::PAYLOAD_TOO_LARGE, "PayloadTooLargeException"),
        }
    }
}

fn error(status: StatusCode, error_type: &'static str) -> ServiceResponse {
    ServiceResponse::error(status, error_type, json!({ "message": error_type }).to_string())
}
