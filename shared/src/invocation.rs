//! Having `chat` answer what waits in a thread, without waiting for the answer.

use aws_sdk_lambda::{Client, error::DisplayErrorContext, primitives::Blob, types::InvocationType};
use serde_json::json;

use crate::{
    App, Error,
    domain::{Thread, ThreadId},
};

/// Hands events to the function `chat`. Only the functions that give the line back to the bot have one: the SDK's client
/// for Lambda is half a megabyte that the others do without.
#[derive(Clone)]
pub struct Invoker {
    lambda: Client,
    chat: String,
}

impl Invoker {
    /// `chat`: the function's name.
    pub fn new(lambda: Client, chat: String) -> Self {
        Self { lambda, chat }
    }

    /// Asks for an answer to what waits in the thread. Lambda keeps the event and calls the function when it can; an
    /// event that comes twice or late finds nothing to do, one that is lost leaves the thread due.
    pub async fn chat(&self, tenant: &str, id: &ThreadId) -> Result<(), Error> {
        let event = json!({ "tenant": tenant, "thread_id": id });
        let invoke = self
            .lambda
            .invoke()
            .function_name(&self.chat)
            .invocation_type(InvocationType::Event)
            .payload(Blob::new(event.to_string()));
        invoke.send().await.map(|_| ()).map_err(|error| Error::internal(DisplayErrorContext(error).to_string()))
    }
}

impl App {
    /// Has the bot answer, if a customer's message waits for it. After the save, and whatever comes of it: the thread
    /// is due, so a failure only makes the answer later.
    pub async fn have_answered(&self, thread: &Thread) {
        let Some(invoker) = self.invoker.as_ref().filter(|_| thread.awaits_bot()) else { return };
        if let Err(error) = invoker.chat(&thread.tenant, &thread.id).await {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            tracing::warn!(thread.id = %thread.id, cause, "chat could not be invoked; the sweep will try again");
        }
    }
}
