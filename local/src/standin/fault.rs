//! Faults: how the stand-in is told to fail.

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

/// What goes wrong, or is answered out of turn.
///
/// All but `status`, `stall` and `cut` happen to `POST /v1/responses` alone, and pass over every other request.
/// `after` counts deltas; one beyond the last means right after the last.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Failure {
    /// An answer of that status; nothing else happens.
    Status(ErrorResponse),
    /// No answer until released, or until the client leaves. Released, the request is served; cut, it is a 503.
    Stall,
    /// A stream that pauses until released; cut, it breaks there.
    Hold {
        #[serde(default)]
        after: usize,
    },
    /// The connection breaks. With `landed`, the request was carried out all the same, so its outcome is unknown to
    /// the client. With `clean`, the stream ends politely, without its last events.
    Cut {
        #[serde(default)]
        after: usize,
        #[serde(default)]
        landed: bool,
        #[serde(default)]
        clean: bool,
    },
    /// An `error` event ends the stream: flat as documented, or nested as sent. Without a stream, a 500.
    Error {
        #[serde(default)]
        after: usize,
        #[serde(default)]
        flat: bool,
        code: String,
    },
    /// `response.failed`.
    Failed {
        #[serde(default)]
        after: usize,
        code: String,
    },
    /// `response.incomplete`: `max_output_tokens` or `content_filter`.
    Incomplete {
        #[serde(default)]
        after: usize,
        reason: String,
    },
    /// Completed, with no item in its output.
    Empty,
    /// Completed, refusing in these words.
    Refusal { text: String },
    /// Completed, with this text; it may be empty.
    Say { text: String },
    /// Completed, with this call, whether or not there is such a tool and whatever the arguments.
    Call { name: String, arguments: String },
    /// Completed, with a comment, `keepalive`, `response.queued`, an unknown event and an unknown item on the way.
    Noise,
}

impl Fault {
    /// Once, unless [`Fault::times`] says otherwise.
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

/// What was taken for this request; the response's script obeys it.
#[derive(Clone)]
pub(super) struct MatchedFault {
    pub(super) failure: Failure,
    pub(super) hold: Hold,
}

/// Those that wait for their requests, in the order given, and the holds of all there were.
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

    /// What the first matching fault does to this request, and the hold that it waits at if it waits.
    pub(super) fn take(&mut self, method: &str, path: &str) -> Option<MatchedFault> {
        let matches = |(fault, _): &(Fault, Hold)| fault.matches(method, path);
        let at = self.waiting.iter().position(matches)?;
        let (fault, hold) = &mut self.waiting[at];
        fault.times -= 1;
        let matched = MatchedFault { failure: fault.failure.clone(), hold: hold.clone() };
        if fault.times == 0 {
            self.waiting.remove(at);
        }
        Some(matched)
    }

    /// By the number that [`Hold::number`] gave; numbers stay good after [`Faults::clear`].
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

/// A response whose connection breaks before its body.
pub(super) fn cut_response() -> Response {
    Response::new(Body::from_stream(stream::iter([Err::<Bytes, _>(cut_error())])))
}

/// The error that makes the server break off a body.
pub(super) fn cut_error() -> io::Error {
    io::Error::other("connection cut by a fault of the stand-in")
}
