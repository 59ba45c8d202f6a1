//! The in-process transport of the AWS SDK's clients of DynamoDB, the `@connections` API and Lambda.
//!
//! [`InProcess`] takes the place of the SDK's HTTP client, and a [`Service`] answers its requests without a socket.
//! Nothing above the transport differs, so the laptop and the cloud share one path to table, sockets and functions.

use std::fmt;

use aws_runtime::{
    invocation_id::InvocationIdInterceptor, request_info::RequestInfoInterceptor,
    service_clock_skew::ServiceClockSkewInterceptor, user_agent::UserAgentInterceptor,
};
use aws_sdk_apigatewaymanagement::config::endpoint as management;
use aws_sdk_dynamodb::{
    config::{
        ConfigBag, HttpClient, Intercept, RuntimeComponents, endpoint as dynamo,
        interceptors::BeforeSerializationInterceptorContextRef,
    },
    error::BoxError,
};
use aws_sdk_lambda::config::endpoint as lambda;
use aws_smithy_runtime_api::client::{
    auth::AuthSchemeId,
    endpoint::EndpointFuture,
    http::{HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector},
    interceptors::disable_interceptor,
    orchestrator::{HttpRequest, HttpResponse},
};
use aws_smithy_types::{body::SdkBody, endpoint::Endpoint};
use axum::{
    body::Body,
    http::{HeaderName, HeaderValue, Response, StatusCode},
};

/// The region of the in-process clients; no call leaves the process.
pub(crate) const REGION: &str = "eu-central-1";

/// The SDK's authentication scheme for a call without a signature.
pub(crate) const UNSIGNED: AuthSchemeId = AuthSchemeId::new("noAuth");

/// The header in which AWS names an error.
const ERROR_TYPE: &str = "x-amzn-errortype";

/// The configuration of every in-process client, of `$sdk`'s own type.
///
/// It switches off the work that only a remote service needs: a signature costs some 20 µs of CPU a call, the endpoint
/// rules and the headers that describe the caller another 15 µs. Nothing in this process reads them.
macro_rules! client_config {
    ($sdk:ident, $retries:expr, $transport:expr) => {
        $sdk::Config::builder()
            .behavior_version($sdk::config::BehaviorVersion::latest())
            .region($sdk::config::Region::new($crate::in_process::REGION))
            .allow_no_auth()
            .auth_scheme_preference([$crate::in_process::UNSIGNED])
            .identity_cache($sdk::config::IdentityCache::no_cache())
            .retry_config($retries)
            .stalled_stream_protection($sdk::config::StalledStreamProtectionConfig::disabled())
            .endpoint_resolver($crate::in_process::FixedEndpoint)
            .interceptor($crate::in_process::NoCallerHeaders)
            .http_client($transport)
            .build()
    };
}
pub(crate) use client_config;

/// An AWS service that this process implements.
pub trait Service: Clone + Send + Sync + 'static {
    /// Answers one request of the service's SDK client.
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture;
}

/// The transport of an SDK client whose service is in this process.
#[derive(Clone)]
pub struct InProcess<S>(pub(crate) S);

impl<S> fmt::Debug for InProcess<S> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("InProcess")
    }
}

impl<S: Service> HttpClient for InProcess<S> {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl<S: Service> HttpConnector for InProcess<S> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        self.0.call(request)
    }
}

/// The path of a request, without the endpoint before it.
pub(crate) fn path(request: &HttpRequest) -> &str {
    let uri = request.uri();
    let target = uri.split_once("://").map_or(uri, |(_, rest)| rest);
    target.find('/').map_or("", |start| &target[start..])
}

/// A response of a [`Service`], for its in-process SDK client or for a client over HTTP.
pub(crate) struct ServiceResponse {
    status: StatusCode,
    /// The error's name in the SDKs, such as `GoneException`.
    error_type: Option<&'static str>,
    body: String,
}

impl ServiceResponse {
    pub(crate) fn new(status: StatusCode, body: String) -> Self {
        Self { status, error_type: None, body }
    }

    pub(crate) fn error(status: StatusCode, error_type: &'static str, body: String) -> Self {
        Self { status, error_type: Some(error_type), body }
    }
}

impl From<ServiceResponse> for HttpResponse {
    fn from(response: ServiceResponse) -> Self {
        let mut sdk = Self::new(response.status.into(), SdkBody::from(response.body));
        if let Some(error_type) = response.error_type {
            sdk.headers_mut().insert(ERROR_TYPE, error_type);
        }
        sdk
    }
}

impl From<ServiceResponse> for Response<Body> {
    fn from(response: ServiceResponse) -> Self {
        let mut http = Self::new(Body::from(response.body));
        *http.status_mut() = response.status;
        if let Some(error_type) = response.error_type {
            http.headers_mut().insert(HeaderName::from_static(ERROR_TYPE), HeaderValue::from_static(error_type));
        }
        http
    }
}

/// The endpoint of every in-process service, in place of the SDK's endpoint rules.
#[derive(Debug)]
pub(crate) struct FixedEndpoint;

impl FixedEndpoint {
    fn ready<'a>() -> EndpointFuture<'a> {
        EndpointFuture::ready(Ok(Endpoint::builder().url("http://in.process").build()))
    }
}

impl dynamo::ResolveEndpoint for FixedEndpoint {
    fn resolve_endpoint<'a>(&'a self, _: &'a dynamo::Params) -> EndpointFuture<'a> {
        Self::ready()
    }
}

impl lambda::ResolveEndpoint for FixedEndpoint {
    fn resolve_endpoint<'a>(&'a self, _: &'a lambda::Params) -> EndpointFuture<'a> {
        Self::ready()
    }
}

impl management::ResolveEndpoint for FixedEndpoint {
    fn resolve_endpoint<'a>(&'a self, _: &'a management::Params) -> EndpointFuture<'a> {
        Self::ready()
    }
}

/// An interceptor that switches off the headers that describe the caller.
#[derive(Debug)]
pub(crate) struct NoCallerHeaders;

impl Intercept for NoCallerHeaders {
    fn name(&self) -> &'static str {
        "NoCallerHeaders"
    }

    fn read_before_execution(
        &self,
        _: &BeforeSerializationInterceptorContextRef<'_>,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        const REASON: &str = "nothing in this process reads it";
        bag.interceptor_state()
            .store_put(disable_interceptor::<InvocationIdInterceptor>(REASON))
            .store_put(disable_interceptor::<RequestInfoInterceptor>(REASON))
            .store_put(disable_interceptor::<ServiceClockSkewInterceptor>(REASON))
            .store_put(disable_interceptor::<UserAgentInterceptor>(REASON));
        Ok(())
    }
}
