//! Asynchronous invocation of the function `chat`.

use aws_sdk_lambda::{Client, error::DisplayErrorContext, primitives::Blob, types::InvocationType};
use serde_json::json;

use crate::{Error, domain::ThreadId};

/// Invokes the function `chat`. Only the functions that return the line to the bot have an invoker: the SDK's client
/// for Lambda adds half a megabyte to a binary.
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

    /// Requests a reply to the thread's unanswered messages. Lambda queues the event and calls the function when it
    /// can. A repeated or late event finds nothing to do; after a lost one, the thread is still due.
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
