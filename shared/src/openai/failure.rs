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
    /// The server does not have the model. `is_coded`: it said so by OpenAI's code; else by its words alone.
    #[error("the server does not have the model")]
    ModelMissing { is_coded: bool },
    /// The model's chat template does not take the items of the input in their order or roles.
    #[error("the model's chat template refused the input")]
    Template,
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

    /// True for a failure inside a response that may pass: the same request, sent once more, may be answered. Errors
    /// without a code and unknown codes may pass.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Interrupted { code } => code.as_deref().is_none_or(is_passing_code),
            _ => false,
        }
    }

    /// True for a 404 by which OpenAI means a missing object, not a missing route. Other servers report a missing route
    /// in the same shape, with a number as the code or without a word about what is missing; OpenAI itself reports it
    /// as "Invalid URL".
    pub(super) fn is_not_found(&self) -> bool {
        let Self::Refused { status: 404, code, param, message } = self else {
            return false;
        };
        let is_numeric = code.as_ref().is_some_and(|code| code.parse::<i64>().is_ok());
        let is_bare = param.is_none() && message.trim_end_matches('.').eq_ignore_ascii_case("not found");
        !(message.is_empty() || is_numeric || is_bare || message.starts_with("Invalid URL"))
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
    /// Accepts the nested form (under `error`), documented for bodies and also sent in streams; the flat form,
    /// documented for streams; and `detail`, the form of `FastAPI`: a text, or a list of what is wrong and where.
    pub(super) fn parse(value: &Value) -> Self {
        let fields = match &value["error"] {
            Value::String(message) => return Self { message: message.clone(), ..Self::default() },
            nested @ Value::Object(_) => nested,
            _ if value["detail"].is_object() => return Self::parse(&value["detail"]),
            _ => value,
        };
        let param = text(&fields["param"]).or_else(|| text(&value["param"]));
        let message = [&fields["message"], &fields["detail"]].into_iter().find_map(|field| match field {
            Value::Array(list) => Some(list.iter().map(complaint).collect::<Vec<_>>().join("; ")),
            field => text(field),
        });
        Self {
            code: text(&fields["code"]),
            param,
            message: message.unwrap_or_default(),
            kind: text(&fields["type"]).filter(|kind| kind != "error"),
        }
    }

    /// The failure that this error means both in a refusal and in a stream, if it is a known one.
    pub(super) fn failure(&self) -> Option<Failure> {
        let words = [self.code.as_deref(), self.kind.as_deref()];
        let named = |is_meant: fn(&str) -> bool| words.into_iter().flatten().find(|word| is_meant(word));
        if let Some(word) = named(is_billing) {
            let code = self.code.as_deref().filter(|_| word == "billing_error").unwrap_or(word);
            return Some(Failure::Quota { code: code.to_owned() });
        }
        if let Some(code) = named(is_policy) {
            return Some(Failure::ContentFilter { code: code.to_owned() });
        }
        if names_template(&self.message) {
            return Some(Failure::Template);
        }
        if named(is_passing).is_some() {
            return None;
        }
        if named(|word| word == "conversation_locked").is_some() {
            return Some(Failure::Locked);
        }
        if named(|word| matches!(word, "context_length_exceeded" | "exceed_context_size_error")).is_some() {
            return Some(Failure::ContextFull);
        }
        if named(|word| word == "model_not_found").is_some() {
            return Some(Failure::ModelMissing { is_coded: true });
        }
        self.failure_by_message()
    }

    /// Servers other than OpenAI's mostly send no code, or the status as one.
    fn failure_by_message(&self) -> Option<Failure> {
        if ["No tool output found", "No tool call found"].iter().any(|words| self.message.contains(words)) {
            return Some(Failure::OrphanCall);
        }
        let message = self.message.to_lowercase();
        if let Some(name) = refused_parameter(self, &message) {
            return Some(Failure::UnsupportedParameter { name: name.to_owned() });
        }
        if CONTEXT_PHRASES.iter().any(|phrase| message.contains(phrase)) {
            return Some(Failure::ContextFull);
        }
        names_missing_model(&message).then_some(Failure::ModelMissing { is_coded: false })
    }

    /// The failure of a stream that had begun.
    pub(super) fn into_stream_failure(self) -> Failure {
        if let Some(failure) = self.failure() {
            return failure;
        }
        let message = self.message.to_lowercase();
        let is_missing = matches!(self.code.as_deref(), Some("404" | "not_found" | "conversation_not_found"))
            || ABSENCE_PHRASES.iter().any(|phrase| message.contains(phrase));
        if is_missing && message.contains("conversation") {
            return Failure::Missing;
        }
        Failure::Interrupted { code: self.code.or(self.kind) }
    }
}

/// Request parameters that a chat can do without, so that a server may refuse them.
const OPTIONAL_PARAMETERS: [&str; 12] = [
    "temperature",
    "parallel_tool_calls",
    "safety_identifier",
    "prompt_cache_key",
    "stream_options",
    "store",
    "reasoning",
    "text",
    "truncation",
    "context_management",
    "max_output_tokens",
    "tool_choice",
];

/// Codes of a refused parameter.
const PARAMETER_CODES: [&str; 4] =
    ["unsupported_parameter", "unsupported_value", "unknown_parameter", "unsupported_parameters"];

/// Parts of a message about a refused parameter, in lower case, as OpenAI and the frameworks of other servers put it.
const PARAMETER_PHRASES: [&str; 11] = [
    "unsupported parameter",
    "unsupported value",
    "not supported",
    "does not support",
    "doesn't support",
    "unrecognized request argument",
    "unknown parameter",
    "unknown field",
    "unknown argument",
    "unexpected keyword argument",
    "extra inputs are not permitted",
];

/// Parts of a message about a full context, in lower case, as OpenAI, vLLM, llama.cpp and proxies put it.
const CONTEXT_PHRASES: [&str; 6] = [
    "context length",
    "context window",
    "context size",
    "maximum context",
    "contextwindowexceeded",
    "prompt is too long",
];

/// Parts of a message about something that is missing, in lower case.
const ABSENCE_PHRASES: [&str; 3] = ["not found", "does not exist", "no such"];

fn is_billing(word: &str) -> bool {
    matches!(
        word,
        "insufficient_quota"
            | "billing_error"
            | "billing_not_active"
            | "billing_hard_limit_reached"
            | "credit_balance_exhausted"
            | "organization_spend_limit_exceeded"
            | "project_spend_limit_exceeded"
            | "organization_usage_limit_exceeded"
    )
}

fn is_policy(word: &str) -> bool {
    matches!(word, "content_filter" | "invalid_prompt" | "bio_policy" | "cyber_policy")
        || word.ends_with("policy_violation")
}

fn is_passing(word: &str) -> bool {
    matches!(word, "server_error" | "rate_limit_exceeded" | "slow_down" | "overloaded" | "overloaded_error")
}

/// False for codes and types of errors in a stream that the same request would meet again. Servers other than OpenAI's
/// send statuses as codes.
fn is_passing_code(code: &str) -> bool {
    if let Ok(status) = code.parse::<u16>() {
        return !(400..500).contains(&status) || matches!(status, 408 | 409 | 429);
    }
    let code = code.to_ascii_lowercase();
    let is_final = [
        "invalid_",
        "unsupported_",
        "authentication",
        "permission",
        "not_found",
        "badrequest",
        "notfound",
        "unprocessable",
    ]
    .iter()
    .any(|begin| code.starts_with(begin))
        || code.contains("image")
        || code == "data_residency_mismatch";
    !is_final
}

/// The optional parameter that an error refuses. Nested names count as their root: `reasoning.effort`.
fn refused_parameter(error: &ErrorBody, message: &str) -> Option<&'static str> {
    if message.contains("does not support tools") {
        // Ollama's words, for a model whose template has no place for them.
        return Some("tools");
    }
    let is_coded = error.code.as_deref().is_some_and(|code| PARAMETER_CODES.contains(&code));
    if !(is_coded || PARAMETER_PHRASES.iter().any(|phrase| message.contains(phrase))) {
        return None;
    }
    let param = error.param.as_deref().filter(|param| *param != "None");
    let root = param.and_then(|param| param.split(['.', '[']).next()).filter(|root| root.contains(char::is_alphabetic));
    let mut names = OPTIONAL_PARAMETERS.into_iter();
    match root {
        Some(root) => names.find(|name| root == *name),
        // The first: some servers list the parameters that they take.
        None => names.filter_map(|name| Some((place_of(name, message)?, name))).min().map(|(_, name)| name),
    }
}

/// The place where a message names a parameter. One that is also an English word has to be quoted, or to follow a
/// colon.
fn place_of(name: &str, message: &str) -> Option<usize> {
    let is_word = matches!(name, "store" | "reasoning" | "text" | "truncation");
    let is_part = |next: Option<char>| next.is_some_and(|next| next.is_alphanumeric() || matches!(next, '_' | '-'));
    message.match_indices(name).map(|(at, _)| at).find(|&at| {
        let before = message[..at].chars().next_back();
        let after = message[at + name.len()..].chars().next();
        let is_quoted = matches!(before, Some('\'' | '"' | '`'));
        let is_listed = message[..at].trim_end().ends_with([':', '>']);
        !is_part(before) && !is_part(after) && (!is_word || is_quoted || is_listed)
    })
}

/// True for the messages of strict chat templates, for which a log has to be user, assistant, user and so on, with
/// nothing of the system behind the first item.
fn names_template(message: &str) -> bool {
    let message = message.to_lowercase();
    ["roles must alternate", "system message must be at the beginning"].iter().any(|words| message.contains(words))
}

/// True for a message such as `model "x" not found, try pulling it first`, but not for one about the route `/models`.
fn names_missing_model(message: &str) -> bool {
    if message.contains("invalid model name") || message.contains("is not a valid model") {
        return true;
    }
    message.match_indices("model").any(|(at, word)| {
        let after = &message[at + word.len()..];
        let is_word = !message[..at].ends_with(|before: char| before.is_alphanumeric() || "/_-.".contains(before))
            && after.starts_with([' ', '\'', '"', '`', ':', '=']);
        let sentence = after.split_once(". ").map_or(after, |(sentence, _)| sentence);
        is_word && ABSENCE_PHRASES.iter().any(|phrase| sentence.contains(phrase))
    })
}

/// One entry of a list of what is wrong: `temperature: Extra inputs are not permitted`.
fn complaint(entry: &Value) -> String {
    let message = entry["msg"].as_str().or_else(|| entry.as_str()).unwrap_or_default();
    let place = entry["loc"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let place = place.skip_while(|part| *part == "body").collect::<Vec<_>>().join(".");
    if place.is_empty() { message.to_owned() } else { format!("'{place}': {message}") }
}

/// A string, or a number as text: codes are strings at OpenAI and numbers elsewhere.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}
