//! The steps of a script, and its outcome.

use std::time::Duration;

use super::{hold::Hold, item::Item};

/// A step of playing a script.
pub(super) enum Step {
    Send(Vec<u8>),
    Pause(Duration),
    Hold(Hold),
    /// Applies the effects and unlocks the conversation: before the client gets the last event, so that a client that
    /// has seen the end can send its next request.
    Apply(Effects),
    Cut,
}

/// The effects of a response on stored objects.
#[derive(Default)]
pub(super) struct Effects {
    pub(super) conversation: Option<String>,
    pub(super) items: Vec<Item>,
    /// The response's id and JSON, if it is stored.
    pub(super) stored: Option<(String, Box<str>)>,
}

/// The response to a client that did not ask for a stream.
pub(super) enum Outcome {
    Response(Box<str>),
    /// A 500 with this error code.
    Error(String),
    Cut,
}
