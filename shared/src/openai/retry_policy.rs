//! How long OpenAI is waited for, and how often it is asked again.

use std::time::Duration;

use reqwest::{Client, header::HeaderMap, redirect};
use time::{OffsetDateTime, format_description::well_known::Rfc2822};

use super::transport::Miss;

/// The default suits production; tests shorten it.
#[derive(Debug, Clone)]
pub struct RetryPolicy {
    /// Attempts of one request, the first included.
    pub attempts: u32,
    /// Attempts while another response runs on the conversation, the first included.
    pub locked_attempts: u32,
    /// The first back-off is drawn between zero and this; the range doubles each time.
    pub first_wait: Duration,
    /// No back-off is longer. A server that asks for a longer wait is not asked again: somebody is
    /// waiting here too.
    pub longest_wait: Duration,
    /// Until a connection stands, TLS included.
    pub connect: Duration,
    /// From asking for a response to the head of its answer.
    pub first_byte: Duration,
    /// The same for every other request: some are made while a caller of ours waits, who gives up
    /// after 29 seconds.
    pub small_first_byte: Duration,
    /// Between two pieces of an answer. Any byte counts, so that a proxy's comments keep a slow
    /// model's stream open.
    pub idle: Duration,
}

/// How long an unused connection is kept. One that died unnoticed, in a frozen function say, takes
/// a request with it that must not be sent twice; a new connection costs some 50 ms.
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
    /// The HTTP client that keeps to this patience. It follows no redirect: a key goes to the
    /// server it was given for, and no other. Fails when the system's TLS certificates cannot be
    /// read.
    pub fn http(&self) -> reqwest::Result<Client> {
        Client::builder()
            .connect_timeout(self.connect)
            .pool_idle_timeout(POOL_IDLE_TIMEOUT)
            .redirect(redirect::Policy::none())
            .build()
    }

    fn back_off(&self, made: u32) -> Duration {
        let doubled = self.first_wait.saturating_mul(1_u32.checked_shl(made.saturating_sub(1)).unwrap_or(u32::MAX));
        jitter(doubled.min(self.longest_wait))
    }
}

/// The tries of one request: how many were made, and whether one of them may have had its effect.
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

    /// How long to wait before the next try; `None` when that was the last.
    pub(super) fn after(&mut self, miss: &Miss, repeatable: bool) -> Option<Duration> {
        self.maybe_ran |= miss.maybe_ran();
        let (made, allowed) = if miss.is_locked() {
            (&mut self.locked, self.retry_policy.locked_attempts)
        } else {
            (&mut self.made, self.retry_policy.attempts)
        };
        *made += 1;
        if *made >= allowed || !miss.may_be_repeated(repeatable) {
            return None;
        }
        match miss.wait_asked() {
            Some(asked) if asked > self.retry_policy.longest_wait => None,
            Some(asked) => Some(asked),
            None => Some(self.retry_policy.back_off(*made)),
        }
    }
}

/// What a server says about asking it again, in its headers.
#[derive(Default)]
pub(super) struct Advice {
    /// `retry-after-ms`, else `retry-after` (seconds, or an HTTP date).
    pub(super) wait: Option<Duration>,
    /// `x-should-retry`. It outweighs the status.
    pub(super) again: Option<bool>,
}

impl Advice {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
        let milliseconds = || text("retry-after-ms")?.parse().ok().and_then(|ms: f64| seconds(ms / 1000.0));
        let after = || text("retry-after").and_then(|value| value.parse().ok().map_or_else(|| until(value), seconds));
        Self { wait: milliseconds().or_else(after), again: text("x-should-retry").and_then(|value| value.parse().ok()) }
    }
}

fn seconds(seconds: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(seconds).ok()
}

/// The time left until an HTTP date; zero when it has passed.
fn until(date: &str) -> Option<Duration> {
    let at = OffsetDateTime::parse(date, &Rfc2822).ok()?;
    Some((at - OffsetDateTime::now_utc()).try_into().unwrap_or_default())
}

/// Anything between zero and `most`, so that many callers refused at once do not come back at once.
fn jitter(most: Duration) -> Duration {
    let most = u64::try_from(most.as_micros()).unwrap_or(u64::MAX);
    Duration::from_micros(fastrand::u64(0..=most))
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
                assert!(retry_policy.back_off(made) <= Duration::from_millis(ceiling));
            }
        }
    }

    #[test]
    fn a_wait_is_read_in_each_of_its_forms() {
        let asked = |name, value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().unwrap());
            Advice::of(&headers).wait
        };
        assert_eq!(asked("retry-after-ms", "1500"), Some(Duration::from_millis(1500)));
        assert_eq!(asked("retry-after", "2"), Some(Duration::from_secs(2)));
        assert_eq!(asked("retry-after", "0.5"), Some(Duration::from_millis(500)));
        assert_eq!(asked("retry-after", "Wed, 21 Oct 2015 07:28:00 GMT"), Some(Duration::ZERO));
        assert!(asked("retry-after", "Fri, 31 Dec 2100 23:59:59 GMT").unwrap() > Duration::from_secs(1_000_000));
        for nonsense in ["-1", "NaN", "inf", "1e300", "soon"] {
            assert_eq!(asked("retry-after", nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn the_milliseconds_outweigh_the_seconds() {
        let mut headers = HeaderMap::new();
        headers.insert("retry-after", "7".parse().unwrap());
        headers.insert("retry-after-ms", "3".parse().unwrap());
        assert_eq!(Advice::of(&headers).wait, Some(Duration::from_millis(3)));
    }
}
