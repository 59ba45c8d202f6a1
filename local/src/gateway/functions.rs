//! The template's functions, called in this process.

use std::{
    collections::HashMap,
    error::Error as StdError,
    fmt::Debug,
    future::Future,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use aws_lambda_events::apigw::{ApiGatewayCustomAuthorizerRequestTypeRequest, ApiGatewayCustomAuthorizerResponse};
use axum::{body::HttpBody, http::Response};
use bytes::Bytes;
use futures::{FutureExt, future::BoxFuture};
use lambda_http::{
    Adapter, Context, IntoResponse, LambdaEvent, Request, Service, StreamAdapter, request::LambdaRequest, service_fn,
};
use serde::{Serialize, de::DeserializeOwned};
use tokio::time::timeout;
use tokio_util::task::{TaskTracker, task_tracker::TaskTrackerToken};

use super::{payload::Payload, refusal::Refusal};
use crate::template::{Error, INTEGRATION_TIMEOUT, Template};

type HandlerResult = Result<Payload, lambda_http::Error>;
type AuthorizerResult = Result<ApiGatewayCustomAuthorizerResponse, lambda_http::Error>;
type Handler = dyn Fn(LambdaEvent<LambdaRequest>) -> BoxFuture<'static, HandlerResult> + Send + Sync;
type Authorizer =
    dyn Fn(ApiGatewayCustomAuthorizerRequestTypeRequest) -> BoxFuture<'static, AuthorizerResult> + Send + Sync;

/// Handlers by the name of their binary (`chat-end`), and the authorizer.
pub struct Functions {
    handlers: HashMap<&'static str, Arc<Handler>>,
    authorizer: (&'static str, Box<Authorizer>),
    time_limits: HashMap<String, Duration>,
    running: TaskTracker,
}

impl Functions {
    /// Functions with an authorizer for all of them, and no handler yet.
    pub fn guarded_by<Authorize, Call>(name: &'static str, authorize: Authorize) -> Self
    where
        Authorize: Fn(ApiGatewayCustomAuthorizerRequestTypeRequest) -> Call + Send + Sync + 'static,
        Call: Future<Output = AuthorizerResult> + Send + 'static,
    {
        Self {
            handlers: HashMap::new(),
            authorizer: (name, Box::new(move |event| authorize(event).boxed())),
            time_limits: HashMap::new(),
            running: TaskTracker::new(),
        }
    }

    /// Adds the function `name`, which its binary starts with `lambda_http::run`.
    #[must_use]
    pub fn with<Handle, Call, Answer>(self, name: &'static str, handle: Handle) -> Self
    where
        Handle: Fn(Request) -> Call + Send + Sync + 'static,
        Call: Future<Output = Result<Answer, lambda_http::Error>> + Send + 'static,
        Answer: IntoResponse + Send + 'static,
    {
        let handle = Arc::new(handle);
        self.insert(name, move |event| {
            let handle = Arc::clone(&handle);
            async move {
                let call = Adapter::from(service_fn(move |request| handle(request))).call(event);
                Payload::buffered(&call.await?)
            }
        })
    }

    /// Adds the function `name`, which its binary starts with `lambda_http::run_with_streaming_response`.
    #[must_use]
    pub fn streaming<Handle, Call, Content>(self, name: &'static str, handle: Handle) -> Self
    where
        Handle: Fn(Request) -> Call + Send + Sync + 'static,
        Call: Future<Output = Result<Response<Content>, lambda_http::Error>> + Send + 'static,
        Content: HttpBody<Data = Bytes> + Unpin + Send + 'static,
        Content::Error: Into<Box<dyn StdError + Send + Sync>> + Debug + Send,
    {
        let handle = Arc::new(handle);
        self.insert(name, move |event| {
            let handle = Arc::clone(&handle);
            async move {
                let call = StreamAdapter::from(service_fn(move |request| handle(request))).call(event);
                Payload::streamed(call.await?)
            }
        })
    }

    /// Adds the function `name`, which its binary starts with `lambda_runtime::run`: its answer is its JSON.
    #[must_use]
    pub fn plain<Handle, Call, Answer>(self, name: &'static str, handle: Handle) -> Self
    where
        Handle: Fn(LambdaEvent<LambdaRequest>) -> Call + Send + Sync + 'static,
        Call: Future<Output = Result<Answer, lambda_http::Error>> + Send + 'static,
        Answer: Serialize + Send + 'static,
    {
        self.insert(name, move |event| {
            let call = handle(event);
            async move { Payload::buffered(&call.await?) }
        })
    }

    fn insert<Call>(
        mut self,
        name: &'static str,
        handler: impl Fn(LambdaEvent<LambdaRequest>) -> Call + Send + Sync + 'static,
    ) -> Self
    where
        Call: Future<Output = HandlerResult> + Send + 'static,
    {
        self.handlers.insert(name, Arc::new(move |event| handler(event).boxed()));
        self
    }

    /// Takes the time limits from the template. Fails if a function of the template has no handler.
    pub(super) fn deployed(mut self, template: &Template) -> Result<Self, Error> {
        let is_known = |name: &str| name == self.authorizer.0 || self.handlers.contains_key(name);
        if let Some(name) = template.functions.keys().find(|name| !is_known(name)) {
            return Err(Error::new(format!("there is no handler for the function {name}")));
        }
        self.time_limits.clone_from(&template.functions);
        Ok(self)
    }

    /// Returns true if the template names the function.
    pub(super) fn is_deployed(&self, name: &str) -> bool {
        self.time_limits.contains_key(name)
    }

    /// The function's time limit on Lambda.
    pub(super) fn time_limit(&self, name: &str) -> Duration {
        self.time_limits.get(name).copied().unwrap_or(INTEGRATION_TIMEOUT)
    }

    /// Runs a function as a separate task, so that it goes on when its caller leaves or stops waiting after `wait`.
    pub(super) async fn call(
        &self,
        name: &str,
        event: LambdaRequest,
        context: Context,
        wait: Duration,
    ) -> Result<Payload, Refusal> {
        let Some(handler) = self.handlers.get(name).map(Arc::clone) else {
            return Err(Refusal::FunctionFailed);
        };
        let running = self.running.spawn(async move {
            // Called within the task, so that an unreadable event fails this call only.
            handler(LambdaEvent::new(event, context)).await
        });
        match timeout(wait, running).await {
            Ok(Ok(Ok(payload))) => Ok(payload),
            Ok(Ok(Err(error))) => {
                tracing::error!(function = name, %error, "a function failed");
                Err(Refusal::FunctionFailed)
            }
            Ok(Err(panic)) => {
                tracing::error!(function = name, %panic, "a function panicked");
                Err(Refusal::FunctionFailed)
            }
            Err(_elapsed) => Err(Refusal::TimedOut),
        }
    }

    /// Runs the authorizer, and reads the JSON of its decision. By its error `Unauthorized`, exactly, an authorizer
    /// asks for a 401.
    pub(super) async fn decide(
        &self,
        event: ApiGatewayCustomAuthorizerRequestTypeRequest,
    ) -> Result<ApiGatewayCustomAuthorizerResponse, Refusal> {
        match self.running.spawn((self.authorizer.1)(event)).await {
            Ok(Ok(decision)) => written_and_read(&decision).map_err(|error| {
                tracing::error!(%error, "the authorizer's decision is not what API Gateway reads");
                Refusal::AuthorizerFailed
            }),
            Ok(Err(error)) if error.to_string() == "Unauthorized" => Err(Refusal::Unauthorized),
            Ok(Err(error)) => {
                tracing::error!(%error, "the authorizer failed");
                Err(Refusal::AuthorizerFailed)
            }
            Err(panic) => {
                tracing::error!(%panic, "the authorizer panicked");
                Err(Refusal::AuthorizerFailed)
            }
        }
    }

    /// A token for a task that may still call functions: [`Functions::finished`] waits until it is dropped.
    pub(super) fn caller(&self) -> TaskTrackerToken {
        self.running.token()
    }

    /// Resolves when no call is running and no caller's token is left.
    pub(super) async fn finished(&self) {
        self.running.close();
        self.running.wait().await;
    }
}

/// The value as JSON and back.
fn written_and_read<T: Serialize + DeserializeOwned>(value: &T) -> Result<T, serde_json::Error> {
    serde_json::from_slice(&serde_json::to_vec(value)?)
}

/// The Lambda context of a call: the request id, and the deadline.
pub(super) fn context(request_id: &str, time_limit: Duration) -> Context {
    let deadline = SystemTime::now() + time_limit;
    let since_epoch = deadline.duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut context = Context::default();
    request_id.clone_into(&mut context.request_id);
    context.deadline = u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX);
    context
}
