//! The functions of the template, called in this process.

use std::collections::HashMap;
use std::error::Error as Cause;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lambda_events::apigw::{ApiGatewayCustomAuthorizerRequestTypeRequest, ApiGatewayCustomAuthorizerResponse};
use axum::body::{Body, HttpBody};
use axum::http::Response;
use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use lambda_http::request::LambdaRequest;
use lambda_http::{Context, Request, RequestExt};
use tokio::time::timeout;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::refusal::Refusal;
use crate::template::Template;

type Answer = Result<Response<Body>, lambda_http::Error>;
type Decision = Result<ApiGatewayCustomAuthorizerResponse, lambda_http::Error>;
type Handler = dyn Fn(Request) -> BoxFuture<'static, Answer> + Send + Sync;
type Authorizer = dyn Fn(ApiGatewayCustomAuthorizerRequestTypeRequest) -> BoxFuture<'static, Decision> + Send + Sync;

/// Handlers by the name of their binary (`chat-end`), and the authorizer.
pub struct Functions {
    handlers: HashMap<&'static str, Arc<Handler>>,
    authorizer: (&'static str, Box<Authorizer>),
    running: TaskTracker,
}

impl Functions {
    /// No function yet but the one that guards them all.
    pub fn guarded_by<Authorize, Deciding>(name: &'static str, authorize: Authorize) -> Self
    where
        Authorize: Fn(ApiGatewayCustomAuthorizerRequestTypeRequest) -> Deciding + Send + Sync + 'static,
        Deciding: Future<Output = Decision> + Send + 'static,
    {
        Self {
            handlers: HashMap::new(),
            authorizer: (name, Box::new(move |event| authorize(event).boxed())),
            running: TaskTracker::new(),
        }
    }

    /// Adds the function `name`. Its answer's body may be whole or a stream.
    #[must_use]
    pub fn with<Handle, Answering, Sent>(mut self, name: &'static str, handle: Handle) -> Self
    where
        Handle: Fn(Request) -> Answering + Send + Sync + 'static,
        Answering: Future<Output = Result<Response<Sent>, lambda_http::Error>> + Send + 'static,
        Sent: HttpBody<Data = Bytes> + Send + 'static,
        Sent::Error: Into<Box<dyn Cause + Send + Sync>>,
    {
        let handler = move |request| {
            let answering = handle(request);
            async move { Ok(answering.await?.map(Body::new)) }.boxed()
        };
        self.handlers.insert(name, Arc::new(handler));
        self
    }

    /// The first function of the template that is not here.
    pub(super) fn missing<'a>(&self, template: &'a Template) -> Option<&'a str> {
        let known = |name: &str| name == self.authorizer.0 || self.handlers.contains_key(name);
        template.functions.keys().map(String::as_str).find(|name| !known(name))
    }

    /// Runs a function as a task of its own: a caller that leaves, or is answered without it, ends nothing.
    pub(super) async fn call(
        &self,
        name: &str,
        event: LambdaRequest,
        context: Context,
        retry_policy: Duration,
    ) -> Result<Response<Body>, Refusal> {
        let Some(handler) = self.handlers.get(name).map(Arc::clone) else {
            return Err(Refusal::FunctionFailed);
        };
        let running = self.running.spawn(async move {
            // Within the task, so that even an event that cannot be read fails this call alone.
            handler(Request::from(event).with_lambda_context(context)).await
        });
        match timeout(retry_policy, running).await {
            Ok(Ok(Ok(answer))) => Ok(answer),
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

    /// The authorizer's decision. An error of exactly `Unauthorized` is how an authorizer asks for a 401.
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

    /// Whoever holds this may still call: [`Functions::finished`] waits for it too.
    pub(super) fn caller(&self) -> TaskTrackerToken {
        self.running.token()
    }

    /// Resolves when no call is under way and nobody is left who would make one.
    pub(super) async fn finished(&self) {
        self.running.close();
        self.running.wait().await;
    }
}

/// What Lambda tells a function of the call: its id, and when it would be stopped.
pub(super) fn context(request_id: &str, time_limit: Duration) -> Context {
    let deadline = SystemTime::now() + time_limit;
    let since_epoch = deadline.duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut context = Context::default();
    request_id.clone_into(&mut context.request_id);
    context.deadline = u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX);
    context
}
