//! The clock of a simulation, which only advances when everything else waits.

use shared::{Clock, domain::At};
use tokio::time::Instant;

/// The time at which every simulation begins.
pub(super) const BEGINNING: At = At::from_seconds(1_800_000_000);

/// The time of the paused runtime, counted from [`BEGINNING`].
#[derive(Clone, Copy, Debug)]
pub(super) struct SimulatedClock {
    begun: Instant,
}

impl SimulatedClock {
    pub(super) fn start() -> Self {
        Self { begun: Instant::now() }
    }

    pub(super) fn now(self) -> At {
        BEGINNING + self.begun.elapsed()
    }

    /// The clock of the functions.
    pub(super) fn clock(self) -> Clock {
        Clock::new(move || self.now())
    }
}
