//! The pauses of a function that waits for what another one writes: it looks at the table again and again.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

const FIRST_PAUSE: Duration = Duration::from_millis(300);
const MAX_PAUSE: Duration = Duration::from_secs(2);

/// Pauses between looks, each longer than the one before.
#[derive(Debug)]
pub struct Pauses(Duration);

impl Pauses {
    /// Waits for the time of the next look. `false` once `until` has come.
    pub async fn next(&mut self, until: Option<Instant>) -> bool {
        let next = Instant::now() + self.0;
        self.0 = (self.0 * 3 / 2).min(MAX_PAUSE);
        let is_last = until.is_some_and(|until| until <= next);
        sleep_until(until.filter(|_| is_last).unwrap_or(next)).await;
        !is_last
    }
}

impl Default for Pauses {
    fn default() -> Self {
        Self(FIRST_PAUSE)
    }
}
