//! The policy for timeouts and retries of requests to OpenAI.

use std::time::Duration;

use reqwest::{Client, redirect};

use super::attempt::FailedAttempt;

/// Timeouts, attempts and waits. The default suits production; tests shorten it.
#[derive(Debug, Clone)]
pub struct RetryPolicy {
    /// Attempts at one request, including the first.
    pub attempts: u32,
    /// Attempts while another response runs on the conversation, including the first.
    pub locked_attempts: u32,
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

    fn backoff(&self, made: u32) -> Duration {
        let doubled = self.first_wait.saturating_mul(1_u32.checked_shl(made.saturating_sub(1)).unwrap_or(u32::MAX));
        jitter(doubled.min(self.longest_wait))
    }
}

/// The attempts at one request: their count, and whether one of them may have taken effect.
pub(super) struct Attempts<'a> {
    retry_policy: &'a RetryPolicy,
    made: u32,
    locked: u32,
    pub(super) maybe_ran: bool,
}

impl<'a> Attempts<'a> {
    pub(super) fn new(retry_policy: &'a RetryPolicy) -> Self {
        Self { retry_policy, made: 0, locked: 0, maybe_ran: false }
    }

    /// Counts a failed attempt and returns the wait before the next one. `None` if there is no next one.
    pub(super) fn wait_after(&mut self, failed: &FailedAttempt, idempotent: bool) -> Option<Duration> {
        self.maybe_ran |= failed.maybe_ran();
        let (made, allowed) = if failed.is_locked() {
            (&mut self.locked, self.retry_policy.locked_attempts)
        } else {
            (&mut self.made, self.retry_policy.attempts)
        };
        *made += 1;
        if *made >= allowed || !failed.is_retryable(idempotent) {
            return None;
        }
        match failed.retry_after() {
            Some(wait) if wait > self.retry_policy.longest_wait => None,
            Some(wait) => Some(wait),
            None => Some(self.retry_policy.backoff(*made)),
        }
    }
}

/// A random wait between zero and `max`, so that clients that were refused together do not return together.
fn jitter(max: Duration) -> Duration {
    let max = u64::try_from(max.as_micros()).unwrap_or(u64::MAX);
    Duration::from_micros(fastrand::u64(0..=max))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_back_off_stays_under_its_doubling_ceiling() {
        let retry_policy = RetryPolicy {
            first_wait: Duration::from_millis(10),
            longest_wait: Duration::from_millis(35),
            ..RetryPolicy::default()
        };
        for (made, ceiling) in [(1, 10), (2, 20), (3, 35), (40, 35)] {
            for _ in 0..100 {
                assert!(retry_policy.backoff(made) <= Duration::from_millis(ceiling));
            }
        }
    }
}
