//! Fuzzing on stable Rust: each target takes inputs from the corpus (sample events, the upstream corpus, tokens,
//! cursors), changes them at random and checks properties that hold for any input. A seed makes each case repeatable.
//!
//! `cargo xtask fuzz --minutes N` runs the same targets for longer, from a random seed on.

mod cursors;
mod events;
mod markdown;
mod mutator;
mod streams;
mod tokens;

use std::{
    env,
    thread::panicking,
    time::{Duration, Instant},
};

/// The first seed; `FUZZ_SEED` alone runs one case, which a failure has named.
const SEED: &str = "FUZZ_SEED";

/// The time that each target runs for, instead of its number of cases.
const SECONDS: &str = "FUZZ_SECONDS";

/// The longest time of a case. Nothing takes this long unless it hangs.
const CASE_TIMEOUT: Duration = Duration::from_secs(30);

/// Names the seed of a case that panics.
struct Case<'a> {
    target: &'a str,
    seed: u64,
}

impl Drop for Case<'_> {
    fn drop(&mut self) {
        if panicking() {
            let Self { target, seed } = self;
            eprintln!("{SEED}={seed} repeats the case: cargo xtask fuzz --seed {seed} fuzz::{target}");
        }
    }
}

/// Runs cases with consecutive seeds: `count` from seed 0, or as the environment says. Prints their number.
async fn run(target: &str, count: u64, case: impl AsyncFn(u64)) {
    let number = |name| env::var(name).ok().map(|value| value.parse::<u64>().expect("a number"));
    let (first, seconds) = (number(SEED), number(SECONDS));
    let count = match (first, seconds) {
        (Some(_), None) => 1,
        (_, Some(_)) => u64::MAX,
        (None, None) => count,
    };
    let (begun, limit) = (Instant::now(), seconds.map(Duration::from_secs));
    let mut done = 0;
    while done < count && limit.is_none_or(|limit| begun.elapsed() < limit) {
        let seed = first.unwrap_or(0).wrapping_add(done);
        let _named = Case { target, seed };
        tokio::time::timeout(CASE_TIMEOUT, case(seed)).await.expect("the case ends in time");
        done += 1;
    }
    println!("fuzz::{target}: {done} cases in {:.1?}", begun.elapsed());
}
