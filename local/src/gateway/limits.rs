//! The limits of AWS that the gateway enforces: sizes and times.

use std::time::Duration;

use crate::http_server::BODY_TIMEOUT;

/// The time for which a stopping gateway waits for running requests and handlers.
pub(crate) const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(5);

/// The limits of API Gateway. [`Limits::default`] is AWS's; tests shorten the times.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The largest body of a request.
    pub body_bytes: usize,
    /// The largest request line and headers together.
    pub head_bytes: usize,
    /// The time in which a request's body must arrive.
    pub body_timeout: Duration,
    /// The longest wait for a function; a route's own timeout wins if it is shorter.
    pub integration_timeout: Duration,
    /// The time without a message in either direction after which a socket is closed.
    pub idle_timeout: Duration,
    /// The time after which a socket is closed in any case.
    pub max_duration: Duration,
    /// The longest wait of a post for room in a slow socket's queue, and of a closing socket for its client.
    pub slow_client_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 10 * 1024 * 1024,
            head_bytes: 10_240,
            body_timeout: BODY_TIMEOUT,
            integration_timeout: Duration::from_mins(15),
            idle_timeout: Duration::from_mins(10),
            max_duration: Duration::from_hours(2),
            slow_client_timeout: Duration::from_secs(2),
        }
    }
}
