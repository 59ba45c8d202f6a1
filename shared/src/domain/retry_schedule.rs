//! Due work that is tried until it is done, less and less often, and given up after a day.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::At;

const FIRST_WAIT: Duration = Duration::from_mins(1);
const LONGEST_WAIT: Duration = Duration::from_hours(1);
const GIVEN_UP_AFTER: Duration = Duration::from_hours(24);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetrySchedule {
    /// When the sweep is to try it.
    pub due: At,
    /// When the sweep tried it first, once it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    first_tried: Option<At>,
    /// How often the sweep has tried it.
    #[serde(default)]
    attempts: u32,
}

impl RetrySchedule {
    /// Not tried yet, and due then.
    pub fn from(due: At) -> Self {
        Self { due, first_tried: None, attempts: 0 }
    }

    /// As they are while, and after, it is tried once more: due again in a minute, two, four and so on, up to an hour.
    #[must_use]
    pub fn once_more(&self, now: At) -> Self {
        let wait = FIRST_WAIT.saturating_mul(1 << self.attempts.min(10)).min(LONGEST_WAIT);
        Self { due: now + wait, first_tried: self.first_tried.or(Some(now)), attempts: self.attempts + 1 }
    }

    /// Whether it was tried for so long that it will never be done.
    pub fn is_hopeless(&self, now: At) -> bool {
        self.first_tried.is_some_and(|first| first + GIVEN_UP_AFTER <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_wait_is_twice_the_last_and_none_longer_than_an_hour_until_a_day_is_over() {
        let mut schedule = RetrySchedule::from(At::from_millis(0));
        let (mut waits, mut now) = (Vec::new(), schedule.due);
        while !schedule.is_hopeless(now) {
            schedule = schedule.once_more(now);
            waits.push((schedule.due.millis() - now.millis()) / 60_000);
            now = schedule.due;
        }
        assert_eq!(waits[..8], [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!((waits.len(), now.seconds() / 3600), (29, 24));
    }
}
