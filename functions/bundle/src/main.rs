//! The binary of all functions but the authorizer: a deployment links once, not nine times.
//!
//! The template's `Handler` names the function; Lambda puts it into `_HANDLER`. The authorizer has a binary of its own,
//! because it has no AWS SDK, and a small one starts sooner.

use std::env;

use lambda_http::Error;
use tokio::runtime::Builder;

fn main() -> Result<(), Error> {
    lambda_http::tracing::init_default_subscriber();
    let name = env::var("_HANDLER").map_err(|_| "the environment has no _HANDLER, which names the function")?;
    // A turn in `chat` does several things at a time.
    let mut runtime = if name == "chat" { Builder::new_multi_thread() } else { Builder::new_current_thread() };
    runtime.enable_all().build()?.block_on(serve(&name))
}

/// Serves as the function of this name, until Lambda ends it.
async fn serve(name: &str) -> Result<(), Error> {
    match name {
        "chat" => Box::pin(chat::serve()).await,
        "chat-end" => Box::pin(chat_end::serve()).await,
        "chatbot" => Box::pin(chatbot::serve()).await,
        "customer" => Box::pin(customer::serve()).await,
        "handoff" => Box::pin(handoff::serve()).await,
        "socket" => Box::pin(socket::serve()).await,
        "sweep" => Box::pin(sweep::serve()).await,
        "thread" => Box::pin(thread::serve()).await,
        "visitor" => Box::pin(visitor::serve()).await,
        unknown => Err(format!("_HANDLER names {unknown}, which is no function").into()),
    }
}
