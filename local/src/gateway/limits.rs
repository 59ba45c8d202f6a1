//! What AWS allows: sizes and times that the gateway enforces.

use std::time::Duration;

/// For how long a stopping gateway waits for requests and handlers under way.
pub(crate) const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(5);

/// What AWS allows. [`Limits::default`] is AWS's own; tests shorten the times.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of a request's body.
    pub body_bytes: usize,
    /// Bytes of the request line and all headers together.
    pub head_bytes: usize,
    /// The longest wait for a function on a buffered route or a socket; a route's own, where shorter, wins.
    pub integration_timeout: Duration,
    /// Without a message either way a socket is closed after this.
    pub idle_timeout: Duration,
    /// A socket is closed after this in any case.
    pub max_duration: Duration,
    /// How long a post may wait for room in a slow socket's queue before the socket is given up.
    pub slow_client_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 10 * 1024 * 1024,
            head_bytes: 10_240,
            integration_timeout: Duration::from_mins(15),
            idle_timeout: Duration::from_mins(10),
            max_duration: Duration::from_hours(2),
            slow_client_timeout: Duration::from_secs(2),
        }
    }
}
