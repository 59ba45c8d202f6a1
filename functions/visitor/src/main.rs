use lambda_http::{run, service_fn};
use shared::App;
use visitor::VisitorTokens;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    lambda_http::tracing::init_default_subscriber();
    let (app, tokens) = (App::from_env().await?, VisitorTokens::from_env()?);
    run(service_fn(|request| visitor::handle(&app, &tokens, request))).await
}
