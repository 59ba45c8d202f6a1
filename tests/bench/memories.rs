//! A turn with either memory, by the length of the log before it.
//!
//! The CPU time is that of the threads on which Switchboard runs: the gateway, the function, both of its clients and
//! the embedded database. The stand-in, which reads the whole prompt, and the bench's own client run on other threads.

use std::time::Duration;

use crate::{
    board::{Board, middle},
    cpu::{BOARD, used_by},
};
use local::Options;
use serde_json::{Value, json};
use tests::long_log::fill;

/// Rounds of one turn in each thread; the median of them counts.
const ROUNDS: usize = 60;
/// The first rounds warm up, and make the conversations.
const WARM_UP: usize = 3;
const THREADS: usize = 8;

/// The most that a turn with `local` memory may cost, in turns of a conversation.
const MAX_RATIO: f64 = 1.5;

const MEMORIES: [&str; 2] = ["conversation", "local"];

/// Measures both memories at 0, 300 and `history` messages.
pub(crate) fn run(history: u64) {
    let board = Board::start(Options::default());
    let token = board.switchboard.token("acme", "customer", "cus");
    let mut lengths = vec![0, 300, history];
    lengths.sort_unstable();
    lengths.dedup();
    println!("CPU of a turn in a thread of so many short messages, of Switchboard without the stand-in:");
    println!("  {:>8} {:>16} {:>16} {:>8}   cached input of either", "messages", MEMORIES[0], MEMORIES[1], "ratio");
    for length in lengths {
        let threads = MEMORIES.map(|memory| board.clients.block_on(seeded(&board, &token, memory, length)));
        // Both in each round, so that a busy machine slows both.
        let mut turns = [Vec::new(), Vec::new()];
        let mut cached = [(0, 0); 2];
        for round in 0..WARM_UP + ROUNDS {
            for (memory, threads) in threads.iter().enumerate() {
                let (cpu, tokens) = board.clients.block_on(turn_in_each(&board, &token, threads));
                if round >= WARM_UP {
                    turns[memory].push(cpu);
                    cached[memory] = (cached[memory].0 + tokens.0, cached[memory].1 + tokens.1);
                }
            }
        }
        let [conversation, local] = turns.map(middle);
        let ratio = local.as_secs_f64() / conversation.as_secs_f64();
        let [of_conversation, of_local] = cached.map(|(input, cached)| cached * 100 / input.max(1));
        println!(
            "  {length:>8} {:>13.2} ms {:>13.2} ms {ratio:>8.2}   {of_conversation} %, {of_local} %   (at most {MAX_RATIO})",
            conversation.as_secs_f64() * 1e3,
            local.as_secs_f64() * 1e3,
        );
    }
    board.stop();
}

/// The CPU of one turn, and the input and cached tokens of all of the round.
async fn turn_in_each(board: &Board, token: &str, threads: &[String]) -> (Duration, (usize, usize)) {
    let (before, prompts) = (used_by(BOARD), board.standin.prompt_tokens());
    for thread in threads {
        let said = board.post(token, &format!("/threads/{thread}/chat"), &json!({ "text": "What is new?" })).await;
        assert!(said["reply"]["text"].is_string(), "{said}");
    }
    let cpu = used_by(BOARD).saturating_sub(before) / u32::try_from(threads.len()).unwrap_or(1);
    let now = board.standin.prompt_tokens();
    (cpu, (now.input - prompts.input, now.cached - prompts.cached))
}

/// Threads of one chatbot with this memory, with so many messages of a customer and the bot in turns.
async fn seeded(board: &Board, token: &str, memory: &str, messages: u64) -> Vec<String> {
    let admin = board.switchboard.token("acme", "admin", "root");
    let robin = json!({ "name": "Robin", "model": "gpt-5-mini", "instructions": "Be brief.", "memory": memory });
    let chatbot: Value = board.post(&admin, "/chatbots", &robin).await;
    let mut threads = Vec::new();
    for _ in 0..THREADS {
        let thread = board.thread(token, chatbot["id"].as_str().expect("an id")).await;
        fill(board.switchboard.app(), &thread.parse().expect("an id"), messages).await;
        threads.push(thread);
    }
    threads
}
