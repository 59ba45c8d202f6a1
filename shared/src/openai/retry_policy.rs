//! The policy for timeouts and retries of requests to OpenAI.

use std::time::Duration;

use reqwest::{Client, redirect};

use super::attempt::FailedAttempt;
use crate::backoff::Backoff;

/// Timeouts, attempts and waits. The default suits production; tests shorten it.
#[derive(Debug, Clone)]
pub struct RetryPolicy {
    /// Attempts at one request, including the first.
    pub attempts: u32,
    /// Attempts while another response runs on the conversation, including the first.
    pub locked_attempts: u32,
    /// Requests for one reply, including the first: a response that failed after it had begun is asked for again, at
    /// once, if the failure may pass. No other request is counted here: calls of functions, say.
    pub replies: u32,
    /// The time that must be left to a function for another request for a reply.
    pub least_reply_time: Duration,
    /// The ceiling of the first backoff, which is drawn between zero and this. The ceiling doubles each time.
    pub first_wait: Duration,
    /// The ceiling of every backoff. If a server asks for a longer wait, the request is not retried, because a caller
    /// is waiting here too.
    pub longest_wait: Duration,
    /// Timeout for establishing a connection, TLS included.
    pub connect: Duration,
    /// Timeout from requesting a response to the head of the HTTP response.
    pub first_byte: Duration,
    /// The same timeout for all other requests. Some are made while one of our callers waits, who gives up after 29
    /// seconds.
    pub small_first_byte: Duration,
    /// Timeout between two chunks of a body. Any byte counts, so a proxy's comments keep a slow model's stream open.
    pub idle: Duration,
}

/// Lifetime of an unused connection. A connection that died unnoticed (in a frozen function, say) fails a request that
/// must not be sent twice; a new connection costs about 50 ms.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(20);

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            attempts: 4,
            locked_attempts: 6,
            replies: 2,
            least_reply_time: Duration::from_secs(10),
            first_wait: Duration::from_millis(500),
            longest_wait: Duration::from_secs(20),
            connect: Duration::from_secs(5),
            first_byte: Duration::from_mins(1),
            small_first_byte: Duration::from_secs(10),
            idle: Duration::from_secs(90),
        }
    }
}

impl RetryPolicy {
    /// Builds an HTTP client with this policy's connect timeout. It follows no redirects, so the API key goes to no
    /// other server. Fails if the system's TLS certificates cannot be read.
    pub fn http(&self) -> reqwest::Result<Client> {
        Client::builder()
            .connect_timeout(self.connect)
            .pool_idle_timeout(POOL_IDLE_TIMEOUT)
            .redirect(redirect::Policy::none())
            .build()
    }

    fn backoff(&self, max_attempts: u32) -> Backoff {
        Backoff::new(max_attempts, self.first_wait, self.longest_wait)
    }
}

/// The attempts at one request, and whether one of them may have taken effect.
pub(super) struct Attempts {
    made: Backoff,
    locked: Backoff,
    longest_wait: Duration,
    pub(super) maybe_ran: bool,
}

impl Attempts {
    pub(super) fn new(retry_policy: &RetryPolicy) -> Self {
        Self {
            made: retry_policy.backoff(retry_policy.attempts),
            locked: retry_policy.backoff(retry_policy.locked_attempts),
            longest_wait: retry_policy.longest_wait,
            maybe_ran: false,
        }
    }

    /// Counts a failed attempt and returns the wait before the next one. `None` if there is no next one.
    pub(super) fn wait_after(&mut self, failed: &FailedAttempt, idempotent: bool) -> Option<Duration> {
        self.maybe_ran |= failed.maybe_ran();
        let delay = if failed.is_locked() { self.locked.next_delay() } else { self.made.next_delay() }?;
        if !failed.is_retryable(idempotent) {
            return None;
        }
        match failed.retry_after() {
            Some(wait) if wait > self.longest_wait => None,
            Some(wait) => Some(wait),
            None => Some(delay),
        }
    }
}
