//! Replies by the bot to messages that are already in a thread.

use crate::{App, domain::Thread};

impl App {
    /// Invokes `chat` if a customer's message waits for the bot. Call it after the save. A failure only delays the
    /// reply, since the thread is due.
    pub async fn invoke_chat(&self, thread: &Thread) {
        let Some(invoker) = self.invoker.as_ref().filter(|_| thread.awaits_bot()) else { return };
        if let Err(error) = invoker.chat(&thread.tenant, &thread.id).await {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            tracing::warn!(thread.id = %thread.id, cause, "invoking chat failed; the sweep will retry");
        }
    }
}
