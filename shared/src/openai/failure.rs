//! What OpenAI's refusals mean to a caller.

use serde_json::Value;

/// Why something asked of OpenAI was not done. The display text is safe to log and holds nothing
/// that the server said: a `message` may quote what a user wrote.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    #[error("OpenAI no longer has the conversation")]
    Missing,
    #[error("another response kept running on the conversation")]
    Locked,
    /// Every further turn of the conversation would fail too.
    #[error("the conversation holds a call that was never given its output")]
    OrphanCall,
    #[error("the OpenAI account's quota is used up")]
    Quota,
    #[error("OpenAI's content filter refused")]
    ContentFilter,
    /// Asking again would change nothing: the request is wrong, or not allowed.
    #[error("OpenAI refused the request with status {status}")]
    Refused { status: u16, code: Option<String>, param: Option<String>, message: String },
    /// Out of reach, too slow, or failing, after all the tries that patience allows.
    /// `maybe_ran`: one of the tries may have had its effect, a conversation may have grown by it.
    #[error("OpenAI was not available")]
    Unavailable { maybe_ran: bool },
    /// The answer broke off, could not be read, or ended in an error of its own (`code`). It may
    /// have had its effect.
    #[error("OpenAI's answer was interrupted")]
    Interrupted { code: Option<String> },
}

impl Failure {
    /// Whether nobody can say what OpenAI did. A conversation is in doubt from there on.
    pub fn maybe_ran(&self) -> bool {
        matches!(self, Self::Interrupted { .. } | Self::Unavailable { maybe_ran: true })
    }

    /// A 404 in OpenAI's own words: the thing is missing, not the route. llama.cpp and vLLM say "no
    /// such route" in the same shape, with a number for a code; OpenAI itself says "Invalid URL".
    pub(super) fn is_not_found(&self) -> bool {
        let Self::Refused { status: 404, code, message, .. } = self else {
            return false;
        };
        let numeric = code.as_ref().is_some_and(|code| code.parse::<i64>().is_ok());
        !(message.is_empty() || numeric || message.starts_with("Invalid URL"))
    }
}

/// The error object of OpenAI: the body of a refusal, or an event in the stream. Empty where a
/// proxy answered in its own words.
#[derive(Debug, Default)]
pub(super) struct Complaint {
    pub(super) code: Option<String>,
    pub(super) param: Option<String>,
    pub(super) message: String,
    kind: Option<String>,
}

impl Complaint {
    /// Nested under `error`, as documented for bodies and sent in streams, or flat, as documented
    /// for streams.
    pub(super) fn read(value: &Value) -> Self {
        let fields = match value.get("error") {
            Some(Value::String(message)) => {
                return Self { message: message.clone(), ..Self::default() };
            }
            Some(nested @ Value::Object(_)) => nested,
            _ => value,
        };
        Self {
            code: word(&fields["code"]),
            param: word(&fields["param"]),
            message: word(&fields["message"]).unwrap_or_default(),
            kind: word(&fields["type"]),
        }
    }

    /// What it means wherever it is said, in a refusal or in the stream.
    pub(super) fn meaning(&self) -> Option<Failure> {
        if self.kind.as_deref() == Some("insufficient_quota") {
            return Some(Failure::Quota);
        }
        match self.code.as_deref() {
            Some("insufficient_quota" | "billing_hard_limit_reached") => Some(Failure::Quota),
            Some("conversation_locked") => Some(Failure::Locked),
            Some("content_filter" | "content_policy_violation" | "invalid_prompt" | "bio_policy" | "cyber_policy") => {
                Some(Failure::ContentFilter)
            }
            _ if self.message.contains("No tool output found") => Some(Failure::OrphanCall),
            _ => None,
        }
    }

    /// The failure of a stream that had begun.
    pub(super) fn in_stream(self) -> Failure {
        self.meaning().unwrap_or(Failure::Interrupted { code: self.code })
    }
}

/// Codes are words at OpenAI and numbers elsewhere.
fn word(value: &Value) -> Option<String> {
    match value {
        Value::String(word) => Some(word.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}
