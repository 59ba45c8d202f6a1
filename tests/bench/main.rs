//! The benchmarks, and the random schedules, which need the optimised profile too: `cargo xtask bench turns`, the cost
//! of a chat turn by part, and with `--memory local` that of either memory by the length of the log; `stream`, the
//! latency to the first token; `fanout`, the cost of a message to a thousand sockets; `burst`, the cost to others of a
//! flood of frames; `pages`, the time until a page is shown; and `cargo xtask schedules`, random schedules by the
//! thousand.
//!
//! For the first three, everything runs in this process, on three sets of threads that are told apart by name: the
//! clients, Switchboard, and OpenAI's stand-in. CPU time is read per thread, so that a busy machine changes little; the
//! other figures are reported as shares and ratios of one run.

mod board;
mod burst;
mod cpu;
mod fanout;
mod memories;
mod pages;
mod seeds;
mod stream;
mod turns;

use tests::churn;

/// The allocator of the binary `switchboard`.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    // Cargo adds `--bench` of its own.
    let wanted: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    match wanted.first().map(String::as_str) {
        None | Some("turns") => turns(wanted.get(1..).unwrap_or_default()),
        Some("stream") => stream::run(),
        Some("fanout") => fanout::run(),
        Some(fanout::LISTENERS) => fanout::listen(&wanted[1..]),
        Some("churn") => churned(),
        Some("pages") => pages::run(),
        Some("burst") => burst::run(),
        Some("schedules") => seeds::run(&wanted[1..]),
        Some(other) => {
            eprintln!("there is no bench {other}; there are: turns, stream, fanout, burst, pages, churn, schedules");
            std::process::exit(2);
        }
    }
}

/// Runs the bench `turns`, or with `--memory local` the one that compares the memories, with `--history N` messages
/// (default 2,000) in the longest thread.
fn turns(arguments: &[String]) {
    let named = |name: &str| arguments.iter().skip_while(|argument| *argument != name).nth(1).map(String::as_str);
    match (named("--memory"), named("--history").map_or(Ok(2_000), str::parse)) {
        (None, _) => turns::run(),
        (Some("local"), Ok(history)) => memories::run(history),
        _ => {
            eprintln!("usage: bench turns [--memory local [--history N]]");
            std::process::exit(2);
        }
    }
}

/// Loses ten thousand sockets of two hundred clients. The churn itself checks that each client ends with the log.
fn churned() {
    let board = board::Board::start(local::Options::default());
    let wanted = churn::Churn { threads: 10, clients: 200, disconnects: 10_000, seed: fastrand::u64(..) };
    let begun = std::time::Instant::now();
    let outcome = board.clients.block_on(churn::churn(&board.switchboard, wanted));
    println!("seed {}: each of {} clients ended with exactly the log", wanted.seed, wanted.clients);
    println!("  sockets lost {}, messages {}", outcome.disconnects, outcome.messages);
    println!("  gaps asked for {}, {:.0?}", outcome.asked_again, begun.elapsed());
    board.stop();
}
