//! Who goes next: drawn from a seed, call by call.

use std::time::Duration;

use fastrand::Rng;
use tokio::{select, time::sleep};

use super::{
    gate::{Call, Fate, Gate, Ready},
    world::World,
};

/// The longest that a frozen function stands still: longer than a lease.
const FROZEN: [u64; 3] = [2, 40, 75];

/// Seconds by which the clock is turned while calls wait: past a look at the thread, a renewal, a lease.
const TURNS: [u64; 4] = [1, 4, 11, 35];

/// What draws the decisions of one story.
pub(super) struct Schedule {
    rng: Rng,
    /// Faults in a thousand calls.
    faulty: u32,
    faults_left: u32,
}

impl Schedule {
    /// One story in four has no faults but time.
    pub(super) fn new(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let faulty = *rng.choice(&[0, 15, 40, 90]).expect("one of four");
        let faults_left = rng.u32(1..=8);
        Self { rng, faulty, faults_left }
    }

    /// Lets one call after the other go on, for as long as `is_over` does not say otherwise.
    pub(super) async fn drive(&mut self, world: &World, is_over: impl Fn() -> bool) {
        let gate = world.gate();
        while !is_over() {
            // The clock is paused, so this millisecond passes only when everything else waits.
            sleep(Duration::from_millis(1)).await;
            let ready = gate.ready();
            let Some(call) = self.rng.choice(&ready) else {
                self.nothing_waits(gate, &is_over).await;
                continue;
            };
            if self.rng.u32(..1000) < 15 {
                let span = Duration::from_secs(*self.rng.choice(&TURNS).expect("one of them"));
                gate.note(&format!("the clock is turned by {} s", span.as_secs()));
                sleep(span).await;
                continue;
            }
            let fate = self.fate(call);
            gate.decide(call, fate);
        }
    }

    async fn nothing_waits(&mut self, gate: &Gate, is_over: &impl Fn() -> bool) {
        if is_over() {
            return;
        }
        match gate.next_thaw() {
            Some(at) => select! {
                biased;
                () = gate.changed() => {}
                () = tokio::time::sleep_until(at) => {}
            },
            None => gate.changed().await,
        }
    }

    fn fate(&mut self, ready: &Ready) -> Fate {
        if self.faults_left == 0 || self.rng.u32(..1000) >= self.faulty {
            return Fate::Pass;
        }
        self.faults_left -= 1;
        let frozen = Duration::from_secs(*self.rng.choice(&FROZEN).expect("one of them"));
        let fates = [
            Fate::Refused,
            Fate::AnswerLost,
            Fate::NeverSent,
            Fate::KilledBefore,
            Fate::KilledAfter,
            Fate::FrozenBefore(frozen),
            Fate::FrozenAfter(frozen),
            if ready.call == Call::Table("TransactWriteItems".into()) { Fate::Conflict } else { Fate::Refused },
        ];
        *self.rng.choice(&fates).expect("one of them")
    }
}
