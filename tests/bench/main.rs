//! `cargo xtask bench turns`: what a chat turn costs, and where.
//!
//! Everything runs in this process, on three sets of threads that are told apart by name: the clients, Switchboard, and
//! OpenAI's stand-in. CPU time is read per thread, so that a busy machine changes little; what remains is told as
//! shares and ratios of one run.

mod cpu;
#[path = "../meter.rs"]
mod meter;
mod turns;

/// The binary's own.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    // Cargo adds `--bench` of its own.
    let wanted: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    match wanted.first().map(String::as_str) {
        None | Some("turns") => turns::run(),
        Some(other) => {
            eprintln!("there is no bench {other}; there is: turns");
            std::process::exit(2);
        }
    }
}
