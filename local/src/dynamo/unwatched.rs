//! What the SDK does for a service far away, and nobody within a process looks at: an endpoint found by rules, headers that
//! say who calls, from where, and how often by now. Together some 15 µs of CPU a call.

use aws_runtime::{
    invocation_id::InvocationIdInterceptor, request_info::RequestInfoInterceptor,
    service_clock_skew::ServiceClockSkewInterceptor, user_agent::UserAgentInterceptor,
};
use aws_sdk_apigatewaymanagement::config::endpoint as management;
use aws_sdk_dynamodb::{
    config::{
        ConfigBag, Intercept,
        endpoint::{Endpoint, EndpointFuture, Params, ResolveEndpoint},
        interceptors::BeforeSerializationInterceptorContextRef,
    },
    error::BoxError,
};
use aws_smithy_runtime_api::client::interceptors::disable_interceptor;

/// The endpoint of whatever is in this process.
#[derive(Debug)]
pub(crate) struct Here;

fn here() -> Endpoint {
    Endpoint::builder().url("http://in.process").build()
}

impl ResolveEndpoint for Here {
    fn resolve_endpoint<'a>(&'a self, _: &'a Params) -> EndpointFuture<'a> {
        EndpointFuture::ready(Ok(here()))
    }
}

impl management::ResolveEndpoint for Here {
    fn resolve_endpoint<'a>(&'a self, _: &'a management::Params) -> management::EndpointFuture<'a> {
        management::EndpointFuture::ready(Ok(here()))
    }
}

/// Switches off, before anything else is done for a call, the headers that nobody would read.
#[derive(Debug)]
pub(crate) struct Unwatched;

impl Intercept for Unwatched {
    fn name(&self) -> &'static str {
        "Unwatched"
    }

    fn read_before_execution(
        &self,
        _: &BeforeSerializationInterceptorContextRef<'_>,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        const WHY: &str = "nobody within the process reads it";
        bag.interceptor_state()
            .store_put(disable_interceptor::<InvocationIdInterceptor>(WHY))
            .store_put(disable_interceptor::<RequestInfoInterceptor>(WHY))
            .store_put(disable_interceptor::<ServiceClockSkewInterceptor>(WHY))
            .store_put(disable_interceptor::<UserAgentInterceptor>(WHY));
        Ok(())
    }
}
