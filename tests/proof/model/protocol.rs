//! The protocol that the model explores: the people's deeds, the bounds, and the removed fences.

use super::{fence::Without, state::Left};

/// A scenario: each person's deeds, the faults that may happen, and the removed fences.
#[derive(Clone, Copy)]
pub(super) struct Protocol {
    pub(super) people: &'static [&'static [Deed]],
    pub(super) memory: Memory,
    pub(super) left: Left,
    pub(super) without: Without,
}

/// The model's knowledge of earlier turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Memory {
    /// A conversation at OpenAI.
    Conversation,
    /// The input alone: each request carries the log.
    Local,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Deed {
    /// A customer's message.
    Asks {
        client_id: Option<u8>,
    },
    /// An agent's message, which claims the thread.
    Says,
    Claims,
    ReleasesToBot,
    ReleasesToQueue,
    Escalates,
    Ends,
}
