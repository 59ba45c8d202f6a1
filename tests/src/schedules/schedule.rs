//! A schedule: which call goes next, and its fate, drawn from a seed.

use std::time::Duration;

use fastrand::Rng;
use tokio::{
    select,
    time::{sleep, sleep_until, timeout},
};

use super::{
    gate::{Call, Fate, Gate, Ready},
    simulation::Simulation,
};

/// Freeze durations in seconds: within a lease, and beyond it.
const FROZEN: [u64; 3] = [2, 40, 75];

/// Steps in seconds by which the clock is advanced while calls wait: past a check of the thread, a renewal, a lease;
/// seldom past a customer's wait in the queue.
const TURNS: [u64; 9] = [1, 1, 4, 4, 11, 11, 35, 35, 1_900];

/// Timeout after which a story counts as stuck: longer than any wait in it.
const STUCK_TIMEOUT: Duration = Duration::from_hours(1);

/// The next step of a simulation in which everything waits.
pub enum Step {
    /// Decides the ready call at this index.
    Call(usize, Fate),
    Turn(Duration),
}

/// Takes the steps that `next` decides until `is_over`.
pub(super) async fn drive(simulation: &Simulation, is_over: impl Fn() -> bool, mut next: impl FnMut(&[Ready]) -> Step) {
    let gate = simulation.gate();
    while !is_over() {
        // The clock is paused, so this millisecond passes only when everything else waits.
        sleep(Duration::from_millis(1)).await;
        let ready = gate.ready();
        if ready.is_empty() {
            if !is_over() && timeout(STUCK_TIMEOUT, something(gate)).await.is_err() {
                gate.note("nothing happens any more");
                return;
            }
            continue;
        }
        match next(&ready) {
            Step::Call(place, fate) => gate.decide(&ready[place], fate),
            Step::Turn(span) => {
                gate.note(&format!("the clock advances by {} s", span.as_secs()));
                sleep(span).await;
            }
        }
    }
}

/// Returns once a call may be ready. With nothing else to do, the clock advances by itself.
async fn something(gate: &Gate) {
    match gate.next_thaw() {
        Some(at) => select! {
            biased;
            () = gate.changed() => {}
            () = sleep_until(at) => {}
        },
        None => gate.changed().await,
    }
}

/// The source of one story's decisions.
pub(super) struct Schedule {
    rng: Rng,
    /// Faults per thousand calls.
    faulty: u32,
    faults_left: u32,
}

impl Schedule {
    /// One story in four has no faults except time.
    pub(super) fn new(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let faulty = *rng.choice(&[0, 15, 40, 90]).expect("one of four");
        let faults_left = rng.u32(1..=8);
        Self { rng, faulty, faults_left }
    }

    /// Picks a ready call and its fate, or advances the clock.
    pub(super) fn next(&mut self, ready: &[Ready]) -> Step {
        if self.rng.u32(..1000) < 15 {
            return Step::Turn(Duration::from_secs(*self.rng.choice(&TURNS).expect("one of them")));
        }
        let place = self.rng.usize(..ready.len());
        Step::Call(place, self.fate(&ready[place]))
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
