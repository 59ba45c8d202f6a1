//! Limits of what a server may send, so that no response takes more memory than a function has.

/// The longest answer. A longer one is cut there, and the request is given up.
pub(super) const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// The most bytes of one event, or of a response that arrives as one JSON body.
pub(super) const MAX_EVENT_BYTES: usize = 1024 * 1024;

/// The most bytes of texts and calls that are kept until a response has ended, thinking included.
pub(super) const MAX_KEPT_BYTES: usize = 2 * 1024 * 1024;

/// The most bytes of a stream, most of which are not kept: reasoning, and what surrounds each delta.
pub(super) const MAX_STREAM_BYTES: usize = 64 * 1024 * 1024;

/// The most bytes of the body of any other response: a list of models, say.
pub(super) const MAX_BODY_BYTES: usize = 8 * 1024 * 1024;

/// The longest id of an object. One that is longer counts as none.
pub(super) const MAX_ID_BYTES: usize = 512;

/// The beginning of a text that has at most `max` bytes.
pub(super) fn clipped(text: &str, max: usize) -> &str {
    &text[..text.floor_char_boundary(max)]
}
