//! The check that a server offers the Conversations API.

use std::collections::BTreeMap;

use reqwest::Method;
use tracing::warn;

use super::{client::OpenAi, failure::Failure, transport::RequestKind};

/// The id of a conversation that no server has.
const NO_CONVERSATION: &str = "conv_probe";

impl OpenAi {
    /// True if the server has the Conversations API.
    ///
    /// First reads a conversation that does not exist: an error that speaks of it proves the route, and nothing is
    /// created. That is OpenAI's answer. Any other proves nothing, because a 404 without words may mean the
    /// conversation or the route, so the second request creates an empty conversation and deletes it. Where there is
    /// no route, nothing is created by it.
    pub async fn has_conversations(&self) -> Result<bool, Failure> {
        let read = || self.request(Method::GET, &["conversations", NO_CONVERSATION], &[]);
        match self.send_small(RequestKind::Idempotent, read).await {
            Err(failure) if speaks_of_a_conversation(&failure) => return Ok(true),
            Ok(()) | Err(Failure::Interrupted { .. }) => {}
            Err(Failure::Refused { status, .. }) if !matches!(status, 401 | 403) => {}
            Err(failure) => return Err(failure),
        }
        match self.conversation_create(&BTreeMap::new()).await {
            Ok(id) => {
                if let Err(failure) = self.conversation_delete(&id).await {
                    warn!(%failure, conversation = id, "deleting the empty conversation of a check failed");
                }
                Ok(true)
            }
            Err(failure @ Failure::Refused { status: 401 | 403, .. }) => Err(failure),
            Err(Failure::Refused { .. } | Failure::Interrupted { .. }) => Ok(false),
            Err(failure) => Err(failure),
        }
    }
}

/// True if a refusal's message or code speaks of a conversation. Words with a slash do not count: a server without the
/// route may quote the URL.
fn speaks_of_a_conversation(failure: &Failure) -> bool {
    let Failure::Refused { code, message, .. } = failure else {
        return false;
    };
    let words = message.split_whitespace().chain(code.as_deref());
    words.filter(|word| !word.contains('/')).any(|word| {
        let word = word.to_lowercase();
        word.contains("conversation") || word.contains(NO_CONVERSATION)
    })
}
