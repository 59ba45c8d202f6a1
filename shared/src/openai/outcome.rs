//! The events of a response, and its outcome.

use serde::{Deserialize, Serialize};

use crate::domain::Usage;

/// An event of a response. The deltas since the last restart are the beginning of [`Outcome::text`], and all of it in
/// the end; an answer that arrives all at once has no deltas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    Created {
        response_id: String,
    },
    /// A part of the answer, without thinking and citation marks.
    Delta {
        text: String,
    },
    /// The deltas so far are void: what they said turned out to be commentary or thinking. The answer starts over with
    /// the next delta.
    Restart,
    /// A text that the server marked as commentary, whole.
    Commentary {
        text: String,
    },
    /// The last event.
    Completed(Outcome),
}

/// The outcome of a response that ran to its end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    pub response_id: String,
    /// The model's answer, which may be empty: its final answers, without thinking and citation marks, equal texts
    /// once. Where a response holds nothing but commentary, that is its text.
    pub text: String,
    /// The texts that the server marked as commentary, but for those that became `text`.
    pub commentary: Vec<String>,
    /// The server marked which texts are commentary and which are the answer.
    pub is_phased: bool,
    /// The names of the files that the text cites, or their ids where they have no name; each once.
    pub cited_files: Vec<String>,
    /// The model's refusal, in its own text.
    pub refusal: Option<String>,
    pub calls: Vec<Call>,
    /// The reason why the text stops short, if it does.
    pub incomplete: Option<Incomplete>,
    /// The response was longer than any that is taken: the request was given up before its end, which leaves its
    /// conversation half-written.
    pub is_aborted: bool,
    pub usage: Option<Usage>,
}

/// A function call by the model. Each call must be given its output, or the conversation's later turns fail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// Empty where the server gave the call no id of any kind. Such a call cannot be given its output.
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
