//! Random schedules of many seeds, on all cores.

use std::{
    process::exit,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::Instant,
};

use tests::schedules::{Sights, tell};

/// Maximum number of failed seeds, after which the run stops.
const MAX_FAILED: usize = 3;

/// Runs `--seeds N` seeds (default 10,000), from `--from S` (default 0).
pub(crate) fn run(arguments: &[String]) {
    let seeds = argument(arguments, "--seeds").unwrap_or(10_000);
    let from = argument(arguments, "--from").unwrap_or(0);
    let (next, failed, sights) = (AtomicU64::new(from), Mutex::new(Vec::new()), Mutex::new(Seen::default()));
    let begun = Instant::now();
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Relaxed);
                    if seed >= from + seeds || failed.lock().unwrap_or_else(PoisonError::into_inner).len() >= MAX_FAILED
                    {
                        return;
                    }
                    let played = tell(seed);
                    sights.lock().unwrap_or_else(PoisonError::into_inner).count(played.sights);
                    if played.breach.is_some() {
                        failed.lock().unwrap_or_else(PoisonError::into_inner).push(seed);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
    if failed.is_empty() {
        println!("{seeds} seeds from {from}: one voice in all of them ({:.0?})", begun.elapsed());
        sights.into_inner().unwrap_or_else(PoisonError::into_inner).print();
        return;
    }
    for seed in failed {
        println!("seed {seed} fails; to play it again: cargo xtask schedules --from {seed} --seeds 1");
    }
    exit(1);
}

/// The number of schedules in which something was seen.
#[derive(Default)]
struct Seen {
    second_tries: usize,
    handed_over_between: usize,
    taken_over_between: usize,
    words_of_hand_over: usize,
}

impl Seen {
    fn count(&mut self, sights: Sights) {
        self.second_tries += usize::from(sights.second_tries > 0);
        self.handed_over_between += usize::from(sights.handed_over_between > 0);
        self.taken_over_between += usize::from(sights.taken_over_between > 0);
        self.words_of_hand_over += usize::from(sights.words_of_hand_over > 0);
    }

    fn print(&self) {
        println!("{} with a second try", self.second_tries);
        println!("{} with a change of owner between the tries", self.handed_over_between);
        println!("{} with a run that was taken over between the tries", self.taken_over_between);
        println!("{} with words of hand-over", self.words_of_hand_over);
    }
}

fn argument(arguments: &[String], name: &str) -> Option<u64> {
    let value = arguments.iter().skip_while(|argument| *argument != name).nth(1)?;
    let number = value.parse().unwrap_or_else(|_| {
        eprintln!("{name} takes a number, got {value:?}");
        exit(2);
    });
    Some(number)
}
