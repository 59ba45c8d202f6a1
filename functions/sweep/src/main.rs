use lambda_http::{run, service_fn};
use shared::App;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    lambda_http::tracing::init_default_subscriber();
    let app = App::from_env_invoking().await?;
    run(service_fn(|request| sweep::handle(&app, request))).await
}
