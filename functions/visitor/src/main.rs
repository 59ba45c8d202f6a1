use lambda_http::{run, service_fn};
use shared::App;
use visitor::Passes;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    lambda_http::tracing::init_default_subscriber();
    let (app, passes) = (App::from_env().await?, Passes::from_env()?);
    run(service_fn(|request| visitor::handle(&app, &passes, request))).await
}
