//! Failures of requests to OpenAI, and the error objects that cause them.

use serde_json::Value;

/// The reason why a request to OpenAI failed. The display text is safe to log: it contains nothing from the server,
/// whose `message` may quote a user.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    #[error("the conversation does not exist at OpenAI")]
    Missing,
    #[error("the conversation is locked by another response")]
    Locked,
    /// Every later turn of the conversation would fail as well.
    #[error("the conversation contains a function call without an output")]
    OrphanCall,
    /// A limit of the account that does not pass by itself. `code`: which, in the server's words.
    #[error("the OpenAI account's quota is exhausted ({code})")]
    Quota { code: String },
    /// The content filter or a policy refused the request. `code`: which, in the server's words.
    #[error("OpenAI's content filter rejected the request ({code})")]
    ContentFilter { code: String },
    /// The input is longer than the model's context.
    #[error("the input does not fit into the model's context")]
    ContextFull,
    /// The server does not have the model.
    #[error("the server does not have the model")]
    ModelMissing,
    /// The model takes no such parameter.
    #[error("the model does not take the parameter {name}")]
    UnsupportedParameter { name: String },
    /// The request is wrong or not allowed, so a retry would fail too.
    #[error("OpenAI rejected the request with status {status}")]
    Refused { status: u16, code: Option<String>, param: Option<String>, message: String },
    /// The server was unreachable, too slow, or failing, on every attempt that the retry policy allows. `maybe_ran`:
    /// one of the attempts may have taken effect, for example by adding to a conversation.
    #[error("OpenAI is unavailable")]
    Unavailable { maybe_ran: bool },
    /// The response broke off, could not be parsed, or ended with an error of its own (`code`). The request may have
    /// taken effect.
    #[error("OpenAI's response was interrupted")]
    Interrupted { code: Option<String> },
}

impl Failure {
    /// True if the request may have taken effect. Its conversation is in doubt from then on.
    pub fn maybe_ran(&self) -> bool {
        matches!(self, Self::Interrupted { .. } | Self::Unavailable { maybe_ran: true })
    }

    /// True for a failure inside a response that may pass: the same request, sent once more, may be answered.
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Interrupted { .. })
    }

    /// True for a 404 by which OpenAI means a missing object, not a missing route. llama.cpp and vLLM report a missing
    /// route in the same shape, with a number as the code; OpenAI itself reports it as "Invalid URL".
    pub(super) fn is_not_found(&self) -> bool {
        let Self::Refused { status: 404, code, message, .. } = self else {
            return false;
        };
        let numeric = code.as_ref().is_some_and(|code| code.parse::<i64>().is_ok());
        !(message.is_empty() || numeric || message.starts_with("Invalid URL"))
    }
}

/// OpenAI's error object: the body of a refusal, or an event in the stream. Its fields are empty if a proxy answered in
/// a format of its own.
#[derive(Debug, Default)]
pub(super) struct ErrorBody {
    pub(super) code: Option<String>,
    pub(super) param: Option<String>,
    pub(super) message: String,
    kind: Option<String>,
}

impl ErrorBody {
    /// Accepts the nested form (under `error`), documented for bodies and also sent in streams, and the flat form,
    /// documented for streams.
    pub(super) fn parse(value: &Value) -> Self {
        let fields = match value.get("error") {
            Some(Value::String(message)) => {
                return Self { message: message.clone(), ..Self::default() };
            }
            Some(nested @ Value::Object(_)) => nested,
            _ => value,
        };
        Self {
            code: text(&fields["code"]),
            param: text(&fields["param"]),
            message: text(&fields["message"]).unwrap_or_default(),
            kind: text(&fields["type"]),
        }
    }

    /// The failure that this error means both in a refusal and in a stream, if it is a known one.
    pub(super) fn failure(&self) -> Option<Failure> {
        if self.kind.as_deref() == Some("insufficient_quota") {
            return Some(Failure::Quota { code: "insufficient_quota".to_owned() });
        }
        let code = self.code.clone().unwrap_or_default();
        match code.as_str() {
            "insufficient_quota"
            | "billing_hard_limit_reached"
            | "credit_balance_exhausted"
            | "organization_spend_limit_exceeded"
            | "project_spend_limit_exceeded"
            | "organization_usage_limit_exceeded" => Some(Failure::Quota { code }),
            "conversation_locked" => Some(Failure::Locked),
            "context_length_exceeded" => Some(Failure::ContextFull),
            "model_not_found" => Some(Failure::ModelMissing),
            "content_filter" | "content_policy_violation" | "invalid_prompt" | "bio_policy" | "cyber_policy" => {
                Some(Failure::ContentFilter { code })
            }
            _ if self.message.contains("No tool output found") => Some(Failure::OrphanCall),
            _ => None,
        }
    }

    /// The failure of a stream that had begun.
    pub(super) fn into_stream_failure(self) -> Failure {
        self.failure().unwrap_or(Failure::Interrupted { code: self.code })
    }
}

/// A string, or a number as text: codes are strings at OpenAI and numbers elsewhere.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}
