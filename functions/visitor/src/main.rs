use lambda_http::{run, service_fn};
use shared::App;
use visitor::Visitors;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    lambda_http::tracing::init_default_subscriber();
    let (app, visitors) = (App::from_env().await?, Visitors::from_env().await?);
    run(service_fn(|request| visitor::handle(&app, &visitors, request))).await
}
