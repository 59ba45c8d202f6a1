use lambda_http::{run_with_streaming_response, service_fn};
use shared::App;

#[tokio::main]
async fn main() -> Result<(), lambda_http::Error> {
    lambda_http::tracing::init_default_subscriber();
    let app = App::from_env().await?;
    // Streaming, so that no answer meets the 29 s of a buffered one.
    run_with_streaming_response(service_fn(|request| chat::handle(&app, request))).await
}
