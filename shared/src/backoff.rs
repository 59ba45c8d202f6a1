//! Exponential backoff with full jitter, for every call that is worth another attempt.

use std::time::Duration;

/// Counts the attempts of one call and draws the delays between them.
///
/// The ceiling doubles with each attempt, and the delay is a random part of it: callers that collided do not collide
/// again.
#[derive(Debug)]
pub(crate) struct Backoff {
    max_attempts: u32,
    first_ceiling: Duration,
    max_ceiling: Duration,
    attempts: u32,
}

impl Backoff {
    /// At most `max_attempts`, the first included, and no delay longer than `max_ceiling`.
    pub(crate) const fn new(max_attempts: u32, first_ceiling: Duration, max_ceiling: Duration) -> Self {
        Self { max_attempts, first_ceiling, max_ceiling, attempts: 0 }
    }

    /// The delay before the next attempt, now that one has failed; `None` when that was the last.
    pub(crate) fn next_delay(&mut self) -> Option<Duration> {
        self.attempts += 1;
        if self.attempts >= self.max_attempts {
            return None;
        }
        let doubled = self.first_ceiling.saturating_mul(1_u32.checked_shl(self.attempts - 1).unwrap_or(u32::MAX));
        let ceiling = u64::try_from(doubled.min(self.max_ceiling).as_micros()).unwrap_or(u64::MAX);
        Some(Duration::from_micros(fastrand::u64(0..=ceiling)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    #[test]
    fn a_back_off_stays_under_its_doubling_ceiling() {
        for _ in 0..100 {
            let mut backoff = Backoff::new(40, ms(10), ms(35));
            for ceiling in [10, 20, 35, 35] {
                assert!(backoff.next_delay().unwrap() <= ms(ceiling));
            }
            assert!((4..39).all(|_| backoff.next_delay().unwrap() <= ms(35)));
            assert_eq!(backoff.next_delay(), None);
        }
    }

    #[test]
    fn the_last_attempt_is_followed_by_no_delay() {
        let mut backoff = Backoff::new(3, ms(1), ms(1));
        assert!(backoff.next_delay().is_some());
        assert!(backoff.next_delay().is_some());
        assert_eq!(backoff.next_delay(), None);
    }
}
