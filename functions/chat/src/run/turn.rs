//! A turn: the state that outlasts one request to the model.

use shared::{
    App,
    domain::{Chatbot, Usage},
    openai::Input,
};

use super::prompt::Prompt;

/// A turn on its way to a reply: all that must outlast one request to the model.
pub(super) struct Turn {
    pub(super) prompt: Prompt,
    /// The calls of this turn and their outputs, in order. A conversation that is replaced is given them again.
    pub(super) exchanged: Vec<Input>,
    /// The rounds of calls so far.
    pub(super) rounds: usize,
    /// The calls so far, refused ones too.
    pub(super) tool_calls: u32,
    /// The requests that failed and were made again.
    pub(super) failures: u32,
    pub(super) has_replaced_conversation: bool,
    /// The tokens of all responses so far.
    pub(super) usage: Usage,
    pub(super) commentary: Vec<String>,
    /// The conversation holds a call that cannot be given its output, or half an answer: it is not used again.
    pub(super) is_conversation_spoiled: bool,
    /// The model is given the log instead of the conversation.
    pub(super) is_stateless: bool,
}

impl Turn {
    pub(super) fn new(app: &App, chatbot: &Chatbot) -> Self {
        Self {
            prompt: Prompt::new(app, chatbot),
            exchanged: Vec::new(),
            rounds: 0,
            tool_calls: 0,
            failures: 0,
            has_replaced_conversation: false,
            usage: Usage::default(),
            commentary: Vec::new(),
            is_conversation_spoiled: false,
            is_stateless: false,
        }
    }
}
