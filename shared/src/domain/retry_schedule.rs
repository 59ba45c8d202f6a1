//! The retry schedule of outbox items: less and less often, and given up after a day.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::At;

const FIRST_DELAY: Duration = Duration::from_mins(1);
const MAX_DELAY: Duration = Duration::from_hours(1);
const GIVE_UP_AFTER: Duration = Duration::from_hours(24);

/// The due time of an outbox item, and its attempts so far.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetrySchedule {
    /// The time of the next attempt by the sweep.
    pub due: At,
    /// The time of the first attempt by the sweep.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    first_tried: Option<At>,
    /// The number of attempts by the sweep.
    #[serde(default)]
    attempts: u32,
}

impl RetrySchedule {
    /// A schedule without attempts, due at `due`.
    pub fn from(due: At) -> Self {
        Self { due, first_tried: None, attempts: 0 }
    }

    /// The schedule after one more attempt at `now`: due again in a minute, two, four and so on, up to an hour.
    #[must_use]
    pub fn after_attempt(&self, now: At) -> Self {
        let wait = FIRST_DELAY.saturating_mul(1 << self.attempts.min(10)).min(MAX_DELAY);
        Self { due: now + wait, first_tried: self.first_tried.or(Some(now)), attempts: self.attempts + 1 }
    }

    /// True after a day of attempts: the item is to be given up.
    pub fn is_expired(&self, now: At) -> bool {
        self.first_tried.is_some_and(|first| first + GIVE_UP_AFTER <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_wait_is_twice_the_last_and_none_longer_than_an_hour_until_a_day_is_over() {
        let mut schedule = RetrySchedule::from(At::from_millis(0));
        let (mut waits, mut now) = (Vec::new(), schedule.due);
        while !schedule.is_expired(now) {
            schedule = schedule.after_attempt(now);
            waits.push((schedule.due.millis() - now.millis()) / 60_000);
            now = schedule.due;
        }
        assert_eq!(waits[..8], [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!((waits.len(), now.seconds() / 3600), (29, 24));
    }
}
