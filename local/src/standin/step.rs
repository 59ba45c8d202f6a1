//! The steps of a script, and how it ends.

use std::time::Duration;

use super::{hold::Hold, item::Item};

/// One step of playing a response.
pub(super) enum Step {
    Send(Vec<u8>),
    Pause(Duration),
    Hold(Hold),
    /// The response's effects happen, and its conversation is free: before the client hears of its end, so that
    /// whoever heard of it may go on.
    Apply(Effects),
    Cut,
}

/// What a response leaves behind.
#[derive(Default)]
pub(super) struct Effects {
    pub(super) conversation: Option<String>,
    pub(super) items: Vec<Item>,
    /// The response's id and JSON, where it is stored.
    pub(super) stored: Option<(String, Box<str>)>,
}

/// What a client that wants no stream gets at the end.
pub(super) enum Outcome {
    Response(Box<str>),
    /// A 500 with this code.
    Error(String),
    Cut,
}
