//! Lambda's `Invoke`, asynchronous alone: over HTTP and, for the functions of this process, through the SDK's own transport.

use std::sync::{
    Arc, OnceLock, Weak,
    atomic::{AtomicBool, Ordering::SeqCst},
};

use aws_sdk_lambda::{
    Client,
    config::{HttpClient, retry::RetryConfig},
};
use aws_smithy_runtime_api::client::{http::HttpConnectorFuture, orchestrator::HttpRequest};
use axum::{
    body::{Body, to_bytes},
    extract::Request,
    http::{Response, StatusCode},
};
use lambda_http::request::LambdaRequest;
use tokio_util::task::TaskTracker;
use ulid::Ulid;

use super::functions::{Functions, context};
use crate::in_process::{self, Service, ServiceResponse, client_config, path};

const INVOCATION_TYPE: &str = "x-amz-invocation-type";

/// The most bytes of an event of an asynchronous invocation.
const MAX_EVENT_BYTES: usize = 1024 * 1024;

/// The functions of a gateway, for those that invoke one of them. Does not keep them alive: functions hold this.
#[derive(Clone, Default)]
pub struct Invocations(Arc<Inner>);

#[derive(Default)]
struct Inner {
    functions: OnceLock<Weak<Functions>>,
    under_way: TaskTracker,
    lose: AtomicBool,
}

/// The client that the functions get: the SDK's own, over the functions of this process.
pub fn client(invocations: &Invocations) -> Client {
    client_over(InProcess::new(invocations))
}

/// The same client over any transport, such as an [`InProcess`] wrapped by a test that makes the wire fail.
pub fn client_over(transport: impl HttpClient + 'static) -> Client {
    Client::from_conf(client_config!(aws_sdk_lambda, RetryConfig::disabled(), transport))
}

impl Invocations {
    /// From here on events reach these functions.
    pub(super) fn lead_to(&self, functions: &Arc<Functions>) {
        // One gateway each: a second call would be of no effect.
        let _ = self.0.functions.set(Arc::downgrade(functions));
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

    /// Calls the function with the event, as a task of its own. An error is Lambda's status and its name for it.
    fn invoke(&self, path: &str, kind: Option<&str>, event: &[u8]) -> Result<(), InvokeError> {
        let functions = self.0.functions.get().and_then(Weak::upgrade).ok_or(GATEWAY_STOPPED)?;
        let name = function(path).filter(|name| functions.is_deployed(name)).ok_or(FUNCTION_NOT_FOUND)?;
        if kind != Some("Event") {
            return Err(NOT_ASYNCHRONOUS);
        }
        // An event of API Gateway's says who calls: none comes by this door.
        let Ok(event @ LambdaRequest::PassThrough(_)) = serde_json::from_slice(event) else {
            return Err(UNREADABLE_EVENT);
        };
        if self.0.lose.load(SeqCst) {
            return Ok(());
        }
        let (name, under_way) = (name.to_owned(), self.0.under_way.token());
        // Before the answer is given: a gateway that stops waits for it.
        let caller = functions.caller();
        tokio::spawn(async move {
            let time_limit = functions.time_limit(&name);
            let context = context(&Ulid::generate().to_string(), time_limit);
            // A failure is in the log. Nothing is tried again: what was asked for is due.
            let _ = functions.call(&name, event, context, time_limit).await;
            drop((caller, under_way));
        });
        Ok(())
    }
}

type InvokeError = (StatusCode, &'static str);

const FUNCTION_NOT_FOUND: InvokeError = (StatusCode::NOT_FOUND, "ResourceNotFoundException");
const NOT_ASYNCHRONOUS: InvokeError = (StatusCode::BAD_REQUEST, "InvalidParameterValueException");
const UNREADABLE_EVENT: InvokeError = (StatusCode::BAD_REQUEST, "InvalidRequestContentException");
const EVENT_TOO_LARGE: InvokeError = (StatusCode::PAYLOAD_TOO_LARGE, "RequestTooLargeException");
const GATEWAY_STOPPED: InvokeError = (StatusCode::INTERNAL_SERVER_ERROR, "ServiceException");

/// The function that a path of the API names, if it is one to invoke it.
pub(super) fn function(path: &str) -> Option<&str> {
    let name = path.strip_prefix("/2015-03-31/functions/")?.strip_suffix("/invocations")?;
    (!name.is_empty() && !name.contains('/')).then_some(name)
}

pub(super) async fn serve(invocations: &Invocations, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let kind = parts.headers.get(INVOCATION_TYPE).and_then(|kind| kind.to_str().ok());
    let invoked = match to_bytes(body, MAX_EVENT_BYTES).await {
        Ok(event) => invocations.invoke(parts.uri.path(), kind, &event),
        Err(_) => Err(EVENT_TOO_LARGE),
    };
    response(invoked).into()
}

fn response(invoked: Result<(), InvokeError>) -> ServiceResponse {
    match invoked {
        Ok(()) => ServiceResponse::new(StatusCode::ACCEPTED, String::new()),
        Err((status, error_type)) => ServiceResponse::error(status, error_type, String::new()),
    }
}

/// The SDK's transport, answered by the functions of this process.
pub type InProcess = in_process::InProcess<Invocations>;

impl InProcess {
    pub fn new(invocations: &Invocations) -> Self {
        Self(invocations.clone())
    }
}

impl Service for Invocations {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let kind = request.headers().get(INVOCATION_TYPE);
        let invoked = self.invoke(path(&request), kind, request.body().bytes().unwrap_or_default());
        HttpConnectorFuture::ready(Ok(response(invoked).into()))
    }
}
