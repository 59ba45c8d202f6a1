//! Lambda's `Invoke`, asynchronous only: over HTTP and, for the functions of this process, through the SDK's own
//! transport.

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
    body::Body,
    extract::Request,
    http::{Response, StatusCode},
};
use lambda_http::request::LambdaRequest;
use tokio_util::task::TaskTracker;
use ulid::Ulid;

use super::functions::{Functions, context};
use crate::{
    in_process::{self, Service, ServiceResponse, client_config, path},
    share::Share,
};

const INVOCATION_TYPE: &str = "x-amz-invocation-type";

/// The largest event of an asynchronous invocation.
const MAX_EVENT_BYTES: usize = 1024 * 1024;

/// The asynchronous invocations of a gateway's functions. Holds the functions weakly, because they hold this.
#[derive(Clone, Default)]
pub struct Invocations(Arc<Inner>);

#[derive(Default)]
struct Inner {
    functions: OnceLock<Weak<Functions>>,
    running: TaskTracker,
    lose: AtomicBool,
}

/// The SDK client that the functions get, over the functions of this process.
pub fn client(invocations: &Invocations) -> Client {
    client_over(InProcess::new(invocations))
}

/// The same client over any transport, such as an [`InProcess`] wrapped by a test that makes calls fail.
pub fn client_over(transport: impl HttpClient + 'static) -> Client {
    Client::from_conf(client_config!(aws_sdk_lambda, RetryConfig::disabled(), transport))
}

impl Invocations {
    /// Connects the invocations to these functions.
    pub(super) fn connect(&self, functions: &Arc<Functions>) {
        // Each belongs to one gateway: a second call has no effect.
        let _ = self.0.functions.set(Arc::downgrade(functions));
    }

    /// Accepts events and then loses them, if `lose`, as Lambda does after it gives up on one.
    pub fn lose(&self, lose: bool) {
        self.0.lose.store(lose, SeqCst);
    }

    /// Resolves when no invocation is running.
    pub async fn finished(&self) {
        self.0.running.close();
        self.0.running.wait().await;
        self.0.running.reopen();
    }

    /// Calls the function with the event, as a separate task. An error is Lambda's status and its name for the error.
    fn invoke(&self, path: &str, kind: Option<&str>, event: &[u8]) -> Result<(), InvokeError> {
        let functions = self.0.functions.get().and_then(Weak::upgrade).ok_or(GATEWAY_STOPPED)?;
        let name = function(path).filter(|name| functions.is_deployed(name)).ok_or(FUNCTION_NOT_FOUND)?;
        if kind != Some("Event") {
            return Err(NOT_ASYNCHRONOUS);
        }
        // API Gateway's events carry the caller's identity, so none is accepted from here.
        let Ok(event @ LambdaRequest::PassThrough(_)) = serde_json::from_slice(event) else {
            return Err(UNREADABLE_EVENT);
        };
        if self.0.lose.load(SeqCst) {
            return Ok(());
        }
        let (name, running) = (name.to_owned(), self.0.running.token());
        // Before the response: a gateway that stops waits for this call.
        let caller = functions.caller();
        tokio::spawn(async move {
            let time_limit = functions.time_limit(&name);
            let context = context(&Ulid::generate().to_string(), time_limit);
            // A failure is logged and not retried: the thread is still due, so the sweep finds it.
            if let Ok(payload) = functions.call(&name, event, context, time_limit).await {
                payload.drained().await;
            }
            drop((caller, running));
        });
        Ok(())
    }
}

type InvokeError = (StatusCode, &'static str);

const FUNCTION_NOT_FOUND: InvokeError = (StatusCode::NOT_FOUND, "ResourceNotFoundException");
const NOT_ASYNCHRONOUS: InvokeError = (StatusCode::BAD_REQUEST, "InvalidParameterValueException");
const UNREADABLE_EVENT: InvokeError = (StatusCode::BAD_REQUEST, "InvalidRequestContentException");
const GATEWAY_STOPPED: InvokeError = (StatusCode::INTERNAL_SERVER_ERROR, "ServiceException");

/// The name of the function in a path of `Invoke`.
pub(super) fn function(path: &str) -> Option<&str> {
    let name = path.strip_prefix("/2015-03-31/functions/")?.strip_suffix("/invocations")?;
    (!name.is_empty() && !name.contains('/')).then_some(name)
}

pub(super) async fn serve(invocations: &Invocations, share: &Share, request: Request) -> Response<Body> {
    let (parts, event) = match share.receive("lambda", request, MAX_EVENT_BYTES).await {
        Ok(received) => received,
        Err(refused) => return refused,
    };
    let kind = parts.headers.get(INVOCATION_TYPE).and_then(|kind| kind.to_str().ok());
    response(invocations.invoke(parts.uri.path(), kind, &event)).into()
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
