//! What takes the laptop's profile: `cargo xtask bench turns`, what a chat turn costs, and where; and
//! `cargo xtask schedules`, random schedules by the thousand.
//!
//! For the turns, everything runs in this process, on three sets of threads that are told apart by name: the clients,
//! Switchboard, and OpenAI's stand-in. CPU time is read per thread, so that a busy machine changes little; what remains
//! is told as shares and ratios of one run.

mod cpu;
#[path = "../meter.rs"]
mod meter;
#[path = "../schedules/mod.rs"]
#[expect(dead_code, reason = "the tests read the rest of it")]
mod schedules;
mod seeds;
mod turns;
#[path = "../whole.rs"]
mod whole;
#[path = "../wire.rs"]
#[expect(dead_code, reason = "the tests use the rest of it")]
mod wire;

/// The binary's own.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    // Cargo adds `--bench` of its own.
    let wanted: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    match wanted.first().map(String::as_str) {
        None | Some("turns") => turns::run(),
        Some("schedules") => seeds::run(&wanted[1..]),
        Some(other) => {
            eprintln!("there is no bench {other}; there are: turns, schedules");
            std::process::exit(2);
        }
    }
}
