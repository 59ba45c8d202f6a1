//! Faults: failures that the stand-in is told to cause.

use std::{collections::VecDeque, io};

use axum::{
    body::{Body, Bytes},
    response::Response,
};
use futures::stream;
use serde::{Deserialize, Serialize};

use super::{error_response::ErrorResponse, hold::Hold};

/// A failure for the next `times` requests of `method` whose path starts with `path`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    pub method: String,
    pub path: String,
    #[serde(default = "once")]
    pub times: u32,
    pub failure: Failure,
}

fn once() -> u32 {
    1
}

/// A failure, or a fixed reply.
///
/// All but `status`, `stall` and `cut` apply only to `POST /v1/responses`, and ignore every other request.
/// `after` counts deltas; a number beyond the last delta means right after the last.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Failure {
    /// The request is not carried out and gets this error response.
    Status(ErrorResponse),
    /// No response until the hold is released, or until the client leaves. Released, the request is served; cut, it
    /// gets a 503.
    Stall,
    /// The stream pauses until the hold is released; cut, it breaks off there.
    Hold {
        #[serde(default)]
        after: usize,
    },
    /// The connection breaks. With `landed`, the request is carried out all the same, so its outcome is unknown to
    /// the client. With `clean`, the stream ends without an error, but without its last events.
    Cut {
        #[serde(default)]
        after: usize,
        #[serde(default)]
        landed: bool,
        #[serde(default)]
        clean: bool,
    },
    /// An `error` event ends the stream: flat as OpenAI documents it, or nested as OpenAI sends it. Without a
    /// stream, the response is a 500.
    Error {
        #[serde(default)]
        after: usize,
        #[serde(default)]
        flat: bool,
        code: String,
    },
    /// The response ends with `response.failed`.
    Failed {
        #[serde(default)]
        after: usize,
        code: String,
    },
    /// The response ends with `response.incomplete`, for `max_output_tokens` or `content_filter`.
    Incomplete {
        #[serde(default)]
        after: usize,
        reason: String,
    },
    /// The response completes with no item in its output.
    Empty,
    /// The response completes with this refusal.
    Refusal { text: String },
    /// The response completes with this text, which may be empty.
    Say { text: String },
    /// The response completes with this function call, even if there is no such tool and whatever the arguments are.
    Call { name: String, arguments: String },
    /// The response says this text in a message of its own, and then what it would say or call without the fault.
    Words { text: String },
    /// The response completes, after a comment, `keepalive`, `response.queued`, an unknown event and an unknown item.
    Noise,
}

impl Fault {
    /// A fault for one request, unless [`Fault::times`] sets another number.
    pub fn on(method: &str, path: &str, failure: impl Into<Failure>) -> Self {
        Self { method: method.to_owned(), path: path.to_owned(), times: 1, failure: failure.into() }
    }

    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = times;
        self
    }

    fn matches(&self, method: &str, path: &str) -> bool {
        self.method == method
            && path.starts_with(&self.path)
            && (self.failure.fits_any_route() || (method == "POST" && path == "/v1/responses"))
    }
}

impl Failure {
    fn fits_any_route(&self) -> bool {
        matches!(self, Self::Status(_) | Self::Stall | Self::Cut { .. })
    }
}

impl From<ErrorResponse> for Failure {
    fn from(response: ErrorResponse) -> Self {
        Self::Status(response)
    }
}

/// The fault that applies to a request, and its hold.
#[derive(Clone)]
pub(super) struct MatchedFault {
    pub(super) failure: Failure,
    pub(super) hold: Hold,
}

/// The faults that wait for their requests, in the order in which they were added, and the holds of all faults so far.
#[derive(Default)]
pub(super) struct Faults {
    waiting: VecDeque<(Fault, Hold)>,
    holds: Vec<Hold>,
}

impl Faults {
    pub(super) fn add(&mut self, fault: Fault) -> Hold {
        let hold = Hold::new(self.holds.len());
        self.holds.push(hold.clone());
        if fault.times > 0 {
            self.waiting.push_back((fault, hold.clone()));
        }
        hold
    }

    /// Takes the first fault that matches the request.
    pub(super) fn take(&mut self, method: &str, path: &str) -> Option<MatchedFault> {
        let is_match = |(fault, _): &(Fault, Hold)| fault.matches(method, path);
        let at = self.waiting.iter().position(is_match)?;
        let (fault, hold) = &mut self.waiting[at];
        fault.times -= 1;
        let matched = MatchedFault { failure: fault.failure.clone(), hold: hold.clone() };
        if fault.times == 0 {
            self.waiting.remove(at);
        }
        Some(matched)
    }

    /// The hold with the number of [`Hold::number`], which stays valid after [`Faults::clear`].
    pub(super) fn hold(&self, number: usize) -> Option<Hold> {
        self.holds.get(number).cloned()
    }

    pub(super) fn waiting(&self) -> impl Iterator<Item = (usize, &Fault)> {
        self.waiting.iter().map(|(fault, hold)| (hold.number(), fault))
    }

    pub(super) fn left(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn clear(&mut self) {
        self.waiting.clear();
        for hold in &self.holds {
            hold.cut();
        }
    }
}

/// A response whose connection breaks before the body.
pub(super) fn cut_response() -> Response {
    Response::new(Body::from_stream(stream::iter([Err::<Bytes, _>(cut_error())])))
}

/// The error at which the server breaks the connection.
pub(super) fn cut_error() -> io::Error {
    io::Error::other("connection cut by a fault of the stand-in")
}
