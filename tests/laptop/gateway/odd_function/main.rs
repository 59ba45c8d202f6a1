//! A function for the tests, on Lambda's real runtime: it streams where `STREAMS` is set.

mod handlers;

use lambda_http::{run, run_with_streaming_response, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    if std::env::var_os("STREAMS").is_some() {
        run_with_streaming_response(service_fn(handlers::streaming)).await
    } else {
        run(service_fn(handlers::whole)).await
    }
}
