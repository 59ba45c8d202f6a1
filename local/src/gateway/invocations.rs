//! Lambda's `Invoke`, asynchronous alone: over HTTP and, for the functions of this process, through the SDK's own transport.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, OnceLock, Weak};

use aws_sdk_lambda::Client;
use aws_sdk_lambda::config::retry::RetryConfig;
use aws_sdk_lambda::config::{
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
use lambda_http::request::LambdaRequest;
use tokio_util::task::TaskTracker;
use ulid::Ulid;

use super::Gateway;
use super::functions::context;
use crate::dynamo::{REGION, UNSIGNED};

const ERROR_TYPE: &str = "x-amzn-errortype";
const INVOCATION_TYPE: &str = "x-amz-invocation-type";

/// The most bytes of an event of an asynchronous invocation.
const EVENT: usize = 1024 * 1024;

/// The functions of a gateway, for those that invoke one of them. Does not keep the gateway alive: its functions hold this.
#[derive(Clone, Default)]
pub struct Invocations(Arc<Inner>);

#[derive(Default)]
struct Inner {
    gateway: OnceLock<Weak<Gateway>>,
    under_way: TaskTracker,
    lose: AtomicBool,
}

/// The client that the functions get: the SDK's own, over the functions of this process.
pub fn client(invocations: &Invocations) -> Client {
    client_over(InProcess(invocations.clone()))
}

/// The same client over any transport, such as an [`InProcess`] wrapped by a test that makes the wire fail.
pub fn client_over(transport: impl HttpClient + 'static) -> Client {
    let config = aws_sdk_lambda::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .endpoint_url("http://in.process")
        .allow_no_auth()
        .auth_scheme_preference([UNSIGNED])
        .identity_cache(IdentityCache::no_cache())
        .retry_config(RetryConfig::disabled())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .http_client(transport)
        .build();
    Client::from_conf(config)
}

impl Invocations {
    /// From here on events reach the functions of `gateway`.
    pub(crate) fn lead_to(&self, gateway: &Arc<Gateway>) {
        // One gateway each: a second call would be of no effect.
        let _ = self.0.gateway.set(Arc::downgrade(gateway));
    }

    /// Whether events are taken and then lost, as they are where Lambda gives up on one.
    pub fn lose(&self, lose: bool) {
        self.0.lose.store(lose, SeqCst);
    }

    /// Resolves when no invocation is under way.
    pub async fn finished(&self) {
        self.0.under_way.close();
        self.0.under_way.wait().await;
        self.0.under_way.reopen();
    }

    /// Calls the function with the event, as a task of its own. The status and the error, as Lambda has them.
    fn invoke(&self, path: &str, kind: Option<&str>, event: &[u8]) -> Answer {
        let Some(gateway) = self.0.gateway.get().and_then(Weak::upgrade) else { return Err(STOPPED) };
        let name = function(path).filter(|name| gateway.template.functions.contains_key(*name)).ok_or(UNKNOWN)?;
        if kind != Some("Event") {
            return Err(NOT_HERE);
        }
        // An event of API Gateway's says who calls: none comes by this door.
        let Ok(event @ LambdaRequest::PassThrough(_)) = serde_json::from_slice(event) else { return Err(UNREADABLE) };
        if self.0.lose.load(SeqCst) {
            return Ok(());
        }
        let (name, under_way) = (name.to_owned(), self.0.under_way.token());
        // Before the answer is given: a gateway that stops waits for it.
        let caller = gateway.functions.caller();
        tokio::spawn(async move {
            let time_limit = gateway.time_limit(&name);
            // A failure is in the log. Nothing is tried again: what was asked for is due.
            let _ = gateway
                .functions
                .call(&name, event, context(&Ulid::generate().to_string(), time_limit), time_limit)
                .await;
            drop((caller, under_way));
        });
        Ok(())
    }
}

type Answer = Result<(), (StatusCode, &'static str)>;

const UNKNOWN: (StatusCode, &str) = (StatusCode::NOT_FOUND, "ResourceNotFoundException");
const NOT_HERE: (StatusCode, &str) = (StatusCode::BAD_REQUEST, "InvalidParameterValueException");
const UNREADABLE: (StatusCode, &str) = (StatusCode::BAD_REQUEST, "InvalidRequestContentException");
const STOPPED: (StatusCode, &str) = (StatusCode::INTERNAL_SERVER_ERROR, "ServiceException");

/// The function that a path of the API names, if it is one to invoke it.
pub(super) fn function(path: &str) -> Option<&str> {
    let name = path.strip_prefix("/2015-03-31/functions/")?.strip_suffix("/invocations")?;
    (!name.is_empty() && !name.contains('/')).then_some(name)
}

pub(super) async fn serve(invocations: &Invocations, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let kind = parts.headers.get(INVOCATION_TYPE).and_then(|kind| kind.to_str().ok());
    let answer = match to_bytes(body, EVENT).await {
        Ok(event) => invocations.invoke(parts.uri.path(), kind, &event),
        Err(_) => Err((StatusCode::PAYLOAD_TOO_LARGE, "RequestTooLargeException")),
    };
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status(answer);
    if let Err((_, error)) = answer {
        response.headers_mut().insert(HeaderName::from_static(ERROR_TYPE), HeaderValue::from_static(error));
    }
    response
}

fn status(answer: Answer) -> StatusCode {
    answer.map_or_else(|(status, _)| status, |()| StatusCode::ACCEPTED)
}

/// The SDK's transport, answered by the functions of this process.
#[derive(Clone)]
pub struct InProcess(Invocations);

impl InProcess {
    pub fn new(invocations: &Invocations) -> Self {
        Self(invocations.clone())
    }
}

impl fmt::Debug for InProcess {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("InProcess")
    }
}

impl HttpClient for InProcess {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for InProcess {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let path = request.uri().split_once("://").map_or(request.uri(), |(_, rest)| rest);
        let path = path.find('/').map_or("", |start| &path[start..]);
        let kind = request.headers().get(INVOCATION_TYPE);
        let answer = self.0.invoke(path, kind, request.body().bytes().unwrap_or_default());
        let mut response = HttpResponse::new(status(answer).into(), SdkBody::empty());
        if let Err((_, error)) = answer {
            response.headers_mut().insert(ERROR_TYPE, error);
        }
        HttpConnectorFuture::ready(Ok(response))
    }
}
