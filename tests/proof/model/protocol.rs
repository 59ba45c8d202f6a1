//! The protocol that the model explores: who does what, and which of its fences stand.

use super::{fence::Without, state::Left};

/// Who does what, what may go wrong meanwhile, and what of the protocol is taken out.
#[derive(Clone, Copy)]
pub(super) struct Protocol {
    pub(super) people: &'static [&'static [Deed]],
    pub(super) left: Left,
    pub(super) without: Without,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Deed {
    /// A customer's message.
    Asks {
        client_id: Option<u8>,
    },
    /// An agent's message, which claims.
    Says,
    Claims,
    ReleasesToBot,
    ReleasesToQueue,
    Escalates,
    Ends,
}
