//! The outcome of a response.

use serde::{Deserialize, Serialize};

/// The outcome of a response that ran to its end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    pub response_id: String,
    /// The model's whole text, which may be empty.
    pub text: String,
    /// The model's refusal, in its own text.
    pub refusal: Option<String>,
    pub calls: Vec<Call>,
    /// The reason why the text stops short, if it does.
    pub incomplete: Option<Incomplete>,
    pub usage: Option<Usage>,
}

/// A function call by the model. Each call must be given its output, or the conversation's later turns fail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    pub call_id: String,
    pub name: String,
    /// JSON as the model wrote it. It may be invalid, above all in an incomplete response.
    #[serde(default)]
    pub arguments: String,
}

/// The reason why a response is incomplete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Incomplete {
    MaxOutputTokens,
    ContentFilter,
    Other,
}

/// Token counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    pub input: u64,
    /// Input tokens that came from the prompt cache; part of `input`.
    pub cached: u64,
    pub output: u64,
    pub total: u64,
}
