use authorizer::Keys;
use lambda_runtime::{Error, LambdaEvent, run, service_fn, tracing};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let keys = &Keys::from_env()?;
    keys.warm().await;
    run(service_fn(|event: LambdaEvent<_>| authorizer::handle(keys, event.payload))).await
}
