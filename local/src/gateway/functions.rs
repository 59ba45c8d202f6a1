//! The template's functions, called in this process.

use std::{
    collections::HashMap,
    error::Error as StdError,
    future::Future,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use aws_lambda_events::apigw::{ApiGatewayCustomAuthorizerRequestTypeRequest, ApiGatewayCustomAuthorizerResponse};
use axum::{
    body::{Body, HttpBody},
    http::Response,
};
use bytes::Bytes;
use futures::{FutureExt, future::BoxFuture};
use lambda_http::{Context, Request, RequestExt, request::LambdaRequest};
use tokio::time::timeout;
use tokio_util::task::{TaskTracker, task_tracker::TaskTrackerToken};

use super::refusal::Refusal;
use crate::template::{Error, INTEGRATION_TIMEOUT, Template};

type HandlerResult = Result<Response<Body>, lambda_http::Error>;
type AuthorizerResult = Result<ApiGatewayCustomAuthorizerResponse, lambda_http::Error>;
type Handler = dyn Fn(Request) -> BoxFuture<'static, HandlerResult> + Send + Sync;
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

    /// Adds the function `name`. The body of its response may be whole or a stream.
    #[must_use]
    pub fn with<Handle, Call, Content>(mut self, name: &'static str, handle: Handle) -> Self
    where
        Handle: Fn(Request) -> Call + Send + Sync + 'static,
        Call: Future<Output = Result<Response<Content>, lambda_http::Error>> + Send + 'static,
        Content: HttpBody<Data = Bytes> + Send + 'static,
        Content::Error: Into<Box<dyn StdError + Send + Sync>>,
    {
        let handler = move |request| {
            let call = handle(request);
            async move { Ok(call.await?.map(Body::new)) }.boxed()
        };
        self.handlers.insert(name, Arc::new(handler));
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
    ) -> Result<Response<Body>, Refusal> {
        let Some(handler) = self.handlers.get(name).map(Arc::clone) else {
            return Err(Refusal::FunctionFailed);
        };
        let running = self.running.spawn(async move {
            // Converted within the task, so that an unreadable event fails this call only.
            handler(Request::from(event).with_lambda_context(context)).await
        });
        match timeout(wait, running).await {
            Ok(Ok(Ok(response))) => Ok(response),
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

    /// Runs the authorizer. By its error `Unauthorized`, exactly, an authorizer asks for a 401.
    pub(super) async fn decide(
        &self,
        event: ApiGatewayCustomAuthorizerRequestTypeRequest,
    ) -> Result<ApiGatewayCustomAuthorizerResponse, Refusal> {
        match self.running.spawn((self.authorizer.1)(event)).await {
            Ok(Ok(decision)) => Ok(decision),
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

/// The Lambda context of a call: the request id, and the deadline.
pub(super) fn context(request_id: &str, time_limit: Duration) -> Context {
    let deadline = SystemTime::now() + time_limit;
    let since_epoch = deadline.duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut context = Context::default();
    request_id.clone_into(&mut context.request_id);
    context.deadline = u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX);
    context
}
