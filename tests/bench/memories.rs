//! A turn with either memory, by the length of the log before it.
//!
//! The CPU time is that of the threads on which Switchboard runs: the gateway, the function, both of its clients and
//! the embedded database. The stand-in, which reads the whole prompt, and the bench's own client run on other threads.

use std::{fmt, sync::Arc, time::Duration};

use local::{DynamoWire, Options};
use serde_json::{Value, json};

use crate::{
    board::{Board, middle},
    cpu::{BOARD, used_by},
};
use tests::{
    long_log::fill,
    meter::{Meter, Metered},
};

/// Rounds of one turn in each thread; the median of them counts.
const ROUNDS: usize = 60;
/// The first rounds warm up, and make the conversations.
const WARM_UP: usize = 3;
const THREADS: usize = 8;

/// The most that a turn with `local` memory may cost, in turns of a conversation.
const MAX_RATIO: f64 = 1.5;

/// A chatbot's instructions are one such rule, or as many as fill a page or two: short prompts are not cached.
const RULE: &str = "Be brief, and do not promise anything. ";
const LONG: usize = 150;

const MEMORIES: [&str; 2] = ["conversation", "local"];

/// Measures both memories at 0, 300 and `history` messages.
pub(crate) fn run(history: u64) {
    let meter = Arc::new(Meter::default());
    let metered = Arc::clone(&meter);
    let dynamo = DynamoWire::new(move |inner| Metered::new(inner, metered));
    let board = Board::start(Options { dynamo, ..Options::default() });
    let token = board.switchboard.token("acme", "customer", "cus");
    let mut lengths = vec![0, 300, history];
    lengths.sort_unstable();
    lengths.dedup();
    println!("CPU of a turn in a thread of so many short messages, of Switchboard without the stand-in:");
    println!("  {:>8} {:>24} {:>24} {:>8}", "messages", MEMORIES[0], MEMORIES[1], "ratio");
    for length in lengths {
        let [conversation, local] = turns(&board, &meter, &token, length);
        let ratio = local.whole.as_secs_f64() / conversation.whole.as_secs_f64();
        println!("  {length:>8} {conversation:>24} {local:>24} {ratio:>8.2}   (at most {MAX_RATIO})");
    }
    println!("  (in brackets: the embedded database's part)");
    let [conversation, local] = MEMORIES.map(|memory| cached(&board, &token, memory, history));
    println!(
        "\nCached input, in a thread of {history} messages, with {} characters of instructions:",
        LONG * RULE.len()
    );
    println!("  {conversation} % with a conversation, {local} % with local memory");
    board.stop();
}

/// The CPU of a turn.
struct TurnCpu {
    whole: Duration,
    database: Duration,
}

impl fmt::Display for TurnCpu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [whole, database] = [self.whole, self.database].map(|cpu| cpu.as_secs_f64() * 1e3);
        f.pad(&format!("{whole:.2} ms ({database:.2})"))
    }
}

/// The CPU of a turn with each memory. Both in each round, so that a busy machine slows both.
fn turns(board: &Board, meter: &Meter, token: &str, messages: u64) -> [TurnCpu; 2] {
    let threads = MEMORIES.map(|memory| board.clients.block_on(seeded(board, token, memory, 1, messages, THREADS)));
    let mut turns = [(Vec::new(), Vec::new()), (Vec::new(), Vec::new())];
    for round in 0..WARM_UP + ROUNDS {
        for (threads, turns) in threads.iter().zip(&mut turns) {
            meter.reset(false);
            let before = used_by(BOARD);
            board.clients.block_on(turn_in_each(board, token, threads));
            if round >= WARM_UP {
                let turn = |cpu: Duration| cpu / u32::try_from(threads.len()).unwrap_or(1);
                turns.0.push(turn(used_by(BOARD).saturating_sub(before)));
                turns.1.push(turn(meter.cpu()));
            }
        }
    }
    turns.map(|(whole, database)| TurnCpu { whole: middle(whole), database: middle(database) })
}

/// The share of the input tokens that was cached, in percent, over the turns of one thread.
fn cached(board: &Board, token: &str, memory: &str, messages: u64) -> usize {
    let threads = board.clients.block_on(seeded(board, token, memory, LONG, messages, 1));
    let before = board.standin.prompt_tokens();
    for _ in 0..ROUNDS {
        board.clients.block_on(turn_in_each(board, token, &threads));
    }
    let now = board.standin.prompt_tokens();
    (now.cached - before.cached) * 100 / (now.input - before.input).max(1)
}

async fn turn_in_each(board: &Board, token: &str, threads: &[String]) {
    for thread in threads {
        let said = board.post(token, &format!("/threads/{thread}/chat"), &json!({ "text": "What is new?" })).await;
        assert!(said["reply"]["text"].is_string(), "{said}");
    }
}

/// Threads of one chatbot with this memory and so many rules as instructions, with so many messages of a customer and
/// the bot in turns.
async fn seeded(board: &Board, token: &str, memory: &str, rules: usize, messages: u64, threads: usize) -> Vec<String> {
    let admin = board.switchboard.token("acme", "admin", "root");
    let robin = json!({ "name": "Robin", "model": "gpt-5-mini", "instructions": RULE.repeat(rules), "memory": memory });
    let chatbot: Value = board.post(&admin, "/chatbots", &robin).await;
    let mut seeded = Vec::new();
    for _ in 0..threads {
        let thread = board.thread(token, chatbot["id"].as_str().expect("an id")).await;
        fill(board.switchboard.app(), &thread.parse().expect("an id"), messages).await;
        seeded.push(thread);
    }
    seeded
}
