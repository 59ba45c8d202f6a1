//! Random schedules: real handlers in a simulation whose every step is drawn from a seed.
//!
//! `cargo xtask schedules` runs thousands of seeds; `proof::schedules` runs a few. A seed that fails prints itself and
//! the trace of its story, and plays the same again.

pub mod checks;
mod clock;
mod function;
pub mod gate;
mod leases;
pub mod mood;
mod openai_wire;
mod request;
pub mod schedule;
mod screen;
pub mod simulation;
pub mod story;
mod tries;
mod wires;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use fastrand::Rng;
use futures::future::BoxFuture;
use tokio::time::sleep;

use gate::Ready;
use mood::Mood;
use schedule::{Schedule, Step, drive};
use simulation::Simulation;
use story::Story;
pub use tries::Sights;

/// A story that was played to its end.
pub struct Played {
    pub trace: Vec<String>,
    /// The violated invariant, if any.
    pub breach: Option<String>,
    pub sights: Sights,
}

/// Plays the story of one seed on a runtime of its own, in this thread.
pub fn play(seed: u64) -> Played {
    alone(seed, async {
        let mut rng = Rng::with_seed(seed);
        let story = Story::begin(Simulation::with_mood(seed, Mood::of(seed)), rng.usize(1..=2)).await;
        let mut schedule = Schedule::new(rng.u64(..));
        perform(&story, story.parts(&mut rng), |ready| schedule.next(ready)).await;
        story.simulation.openai().calm_down();
        recover(&story).await;
        let breach = checks::check(&story).await.err();
        Played { trace: story.simulation.gate().trace(), breach, sights: sights(&story).await }
    })
}

/// Runs `story` on a paused clock of its own. The jitter of the SDK and of our own retries follows from `seed`.
pub fn alone<T>(seed: u64, story: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    fastrand::seed(seed);
    runtime.expect("a runtime").block_on(story)
}

/// Runs all parts of a story concurrently; `next` decides each call's turn and fate.
pub async fn perform(story: &Story, parts: Vec<BoxFuture<'static, ()>>, next: impl FnMut(&[Ready]) -> Step) {
    let gate = story.simulation.gate();
    gate.close();
    let left = Arc::new(AtomicUsize::new(parts.len()));
    for part in parts {
        let (left, gate) = (Arc::clone(&left), gate.clone());
        tokio::spawn(async move {
            part.await;
            left.fetch_sub(1, SeqCst);
            gate.nudge();
        });
    }
    drive(&story.simulation, || left.load(SeqCst) == 0 && story.simulation.is_idle(), next).await;
    gate.open();
}

/// The sights of a story.
pub async fn sights(story: &Story) -> Sights {
    let words_of_hand_over = checks::words_of_hand_over(story).await;
    Sights { words_of_hand_over, ..story.simulation.tries().sights() }
}

/// Runs the sweep, without any more faults, for as long as something is due.
pub async fn recover(story: &Story) {
    let mut quiet = 0;
    for _ in 0..20 {
        sleep(Duration::from_secs(61)).await;
        if story.simulation.has_due().await || !story.simulation.is_idle() {
            story.sweeps().await;
            quiet = 0;
        } else {
            quiet += 1;
        }
        // Items that are not due yet will be, a lease later.
        if quiet == 2 {
            return;
        }
    }
    story.simulation.gate().note("something is still due after twenty sweeps");
}

/// Plays a seed, and prints the violation and the trace if it fails.
pub fn tell(seed: u64) -> Played {
    let played = play(seed);
    if let Some(breach) = &played.breach {
        println!("seed {seed}: {breach}\n{}\n", played.trace.join("\n"));
    }
    played
}
