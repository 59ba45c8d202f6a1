//! A full chat turn: authorise, append, run, reply, broadcast to one socket.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use futures::{StreamExt, stream};
use local::{DynamoWire, Options, dynamo::InProcess};
use serde_json::json;
use shared::{
    Clock,
    domain::budget::{
        Budget::{MessagesPerMinute, TurnsPerDay, TurnsPerMinute},
        BudgetSettings,
    },
};
use tokio_tungstenite::{connect_async, tungstenite::client::IntoClientRequest};

use crate::{
    board::{Board, line, middle},
    cpu::{BOARD, STANDIN, resident, used_by},
};
use tests::meter::{Meter, Metered};

const TURNS: u32 = 10_000;
const THREADS: usize = 100;
/// Number of concurrent callers.
const CONCURRENT_CALLERS: usize = 8;
/// Number of sequential turns, for the latency.
const SEQUENTIAL_TURNS: usize = 1_000;

/// Number of turns whose capacity units are measured.
const MEASURED_TURNS: u32 = 1_000;

/// Number of rounds in which budgets are compared, in each of which each of the threads has a turn: few enough for the
/// default limits.
const ROUNDS: u32 = 20;
const COMPARED_THREADS: usize = 500;

/// The default budgets, but for more turns of a customer than anybody has.
fn with_room() -> BudgetSettings {
    let unset = BudgetSettings::default();
    let busy = [(TurnsPerMinute, 10_000), (MessagesPerMinute, 10_000), (TurnsPerDay, 100_000)];
    let customer = busy.into_iter().fold(unset.customer, |limits, (budget, limit)| limits.with(budget, limit));
    BudgetSettings { customer, ..unset }
}

struct Bench {
    board: Board,
    meter: Arc<Meter>,
    threads: Vec<CustomersThread>,
}

/// A thread, and the token of its customer.
struct CustomersThread {
    id: String,
    token: String,
}

pub(crate) fn run() {
    let bench = Bench::set_up(with_room(), THREADS, Clock::system());
    // Warms up connections, caches, the allocator.
    bench.turns(TURNS / 10);
    bench.meter.reset(false);

    let before = [BOARD, STANDIN].map(used_by);
    bench.turns(TURNS);
    let [board, standin] = [BOARD, STANDIN].map(used_by);
    let (board, standin) = (board.saturating_sub(before[0]) / TURNS, standin.saturating_sub(before[1]) / TURNS);
    let database = bench.meter.cpu() / TURNS;
    let calls = f64::from(u32::try_from(bench.meter.calls()).unwrap_or(u32::MAX)) / f64::from(TURNS);

    let refused = bench.refused();
    let posted = bench.posted();
    let gateway = refused + posted * 2;
    let functions = board.saturating_sub(database).saturating_sub(gateway);

    println!("A chat turn ({TURNS} turns, {CONCURRENT_CALLERS} at a time, {THREADS} threads, one socket on each):");
    line("CPU of Switchboard, without the stand-in", board, Some(Duration::from_millis(2)));
    line("  the functions, the SDK and the OpenAI client", functions, Some(Duration::from_micros(800)));
    line("  the embedded database", database, None);
    line("  the gateway: the request, and two frames", gateway, None);
    line("CPU of the stand-in", standin, None);
    println!("  calls to the table: {calls:.2}");
    let [without, with, by_minute] = cpu_of_budgets();
    println!("  CPU with the default budgets, as a share of that without: {:.3}   (at most 1.05)", with / without);
    println!("  where a minute passes between two turns of a customer: {:.3}", by_minute / without);

    let (turn, direct) = bench.latencies();
    println!("\nLatency, {SEQUENTIAL_TURNS} sequential turns, p50:");
    line("a turn", turn, None);
    line("the stand-in called directly", direct, None);
    line("added", turn.saturating_sub(direct), Some(Duration::from_millis(3)));

    let (first_byte, trips, written, read) = bench.closely();
    println!("\nTurns, call by call:");
    println!("  round trips to the table before OpenAI is called: {first_byte}   (at most 2)");
    println!("  round trips in all: {trips}");
    println!("  write units, with indexes: {written:.1}   (at most 14)");
    println!("  read units: {read:.1}   (at most 4)");
    println!("\nResident memory, the stand-in's and the bench's own clients' too: {} MB", resident() / 1_000_000);
    bench.board.stop();
}

/// CPU seconds of the same turns without budgets, with the default ones, and with these on a clock that a minute passes
/// on between two turns of a thread. On tables of the same size, all in turns, so that the machine's changes hit all.
fn cpu_of_budgets() -> [f64; 3] {
    let minutes = Arc::new(AtomicU64::new(0));
    let passed = Arc::clone(&minutes);
    let clock = Clock::new(move || Clock::system().now() + Duration::from_mins(passed.load(SeqCst)));
    let benches = [
        Bench::set_up(BudgetSettings::OFF, COMPARED_THREADS, Clock::system()),
        Bench::set_up(BudgetSettings::default(), COMPARED_THREADS, Clock::system()),
        Bench::set_up(BudgetSettings::default(), COMPARED_THREADS, clock),
    ];
    let turns = u32::try_from(COMPARED_THREADS).expect("a small number");
    let mut spent = [Duration::ZERO; 3];
    for round in 0..=ROUNDS {
        for (bench, spent) in benches.iter().zip(&mut spent) {
            let before = used_by(BOARD);
            bench.turns(turns);
            // The first round warms up.
            *spent += if round == 0 { Duration::ZERO } else { used_by(BOARD).saturating_sub(before) };
        }
        minutes.fetch_add(1, SeqCst);
    }
    for bench in benches {
        bench.board.stop();
    }
    spent.map(|spent| spent.as_secs_f64())
}

impl Bench {
    fn set_up(budgets: BudgetSettings, threads: usize, clock: Clock) -> Self {
        let meter = Arc::new(Meter::default());
        let metered = Arc::clone(&meter);
        let dynamo = DynamoWire::new(move |inner: InProcess| Metered::new(inner, Arc::clone(&metered)));
        let board = Board::start(Options { dynamo, budgets, clock, ..Options::default() });
        let mut bench = Self { board, meter, threads: Vec::new() };
        bench.threads = bench.board.clients.block_on(bench.populate(threads));
        bench
    }

    /// Creates a chatbot, a thread of each customer, and one socket that listens to all of them.
    async fn populate(&self, count: usize) -> Vec<CustomersThread> {
        let chatbot = self.board.chatbot().await;
        let mut threads = Vec::new();
        for i in 0..count {
            let token = self.board.switchboard.token("acme", "customer", &format!("cus_{i}"));
            threads.push(CustomersThread { id: self.board.thread(&token, &chatbot).await, token });
        }
        let mut request = self.board.switchboard.socket_url().into_client_request().expect("a URL");
        let agent = self.board.switchboard.token("acme", "agent", "ana");
        let bearer = format!("Bearer {agent}").parse().expect("a header");
        request.headers_mut().insert("authorization", bearer);
        let (mut socket, _) = connect_async(request).await.expect("a socket");
        for thread in &threads {
            let frame = json!({ "action": "subscribe", "thread_id": thread.id }).to_string();
            futures::SinkExt::send(&mut socket, frame.into()).await.expect("a frame is sent");
            socket.next().await.expect("subscribed").expect("a frame");
        }
        tokio::spawn(async move { while socket.next().await.is_some() {} });
        threads
    }

    async fn turn(&self, CustomersThread { id, token }: &CustomersThread) {
        let answer = self.board.post(token, &format!("/threads/{id}/chat"), &json!({ "text": "What is new?" })).await;
        assert!(answer["reply"]["text"].is_string(), "{answer}");
    }

    /// Runs each thread's turns one after the other, several threads at once.
    fn turns(&self, turns: u32) {
        let each = turns as usize / self.threads.len();
        self.board.clients.block_on(async {
            let all = stream::iter(&self.threads).for_each_concurrent(CONCURRENT_CALLERS, async |thread| {
                for _ in 0..each {
                    self.turn(thread).await;
                }
            });
            all.await;
        });
    }

    /// CPU time of the gateway and the authorizer: a request that the function refuses unread.
    fn refused(&self) -> Duration {
        let CustomersThread { id, token } = &self.threads[0];
        let path = format!("/threads/{id}/chat");
        let before = used_by(BOARD);
        self.board.clients.block_on(async {
            let refusals = stream::iter(0..TURNS).for_each_concurrent(CONCURRENT_CALLERS, async |_| {
                self.board.post(token, &path, &json!({ "txet": "What is new?" })).await;
            });
            refusals.await;
        });
        used_by(BOARD).saturating_sub(before) / TURNS
    }

    /// CPU time of the gateway for one frame to a socket.
    fn posted(&self) -> Duration {
        let connections = self.board.switchboard.connections().clone();
        let ids = connections.ids();
        let frame = "x".repeat(500);
        let before = used_by(BOARD);
        let posting = self.board.servers.spawn(async move {
            for _ in 0..TURNS {
                let _ = connections.post(&ids[0], frame.clone().into()).await;
                tokio::task::yield_now().await;
            }
        });
        self.board.clients.block_on(posting).expect("posted");
        used_by(BOARD).saturating_sub(before) / TURNS
    }

    fn latencies(&self) -> (Duration, Duration) {
        let direct = json!({ "model": "gpt-5-mini", "input": "What is new?", "stream": true, "store": false });
        self.board.clients.block_on(async {
            let (mut turns, mut directs) = (Vec::new(), Vec::new());
            for i in 0..SEQUENTIAL_TURNS {
                let begun = Instant::now();
                self.turn(&self.threads[i % THREADS]).await;
                turns.push(begun.elapsed());
                let begun = Instant::now();
                let url = format!("{}/responses", self.board.standin_url);
                let answer =
                    self.board.http.post(url).bearer_auth("bench").json(&direct).send().await.expect("an answer");
                answer.bytes().await.expect("a body");
                directs.push(begun.elapsed());
            }
            (middle(turns), middle(directs))
        })
    }

    /// Measures turns: round trips of one before OpenAI is called and in all; write units and read units, on average.
    fn closely(&self) -> (u64, u64, f64, f64) {
        self.meter.reset(true);
        let hold = self.board.standin.hold("POST", "/v1/responses", 0);
        let before = self.board.clients.block_on(async {
            let asked = async {
                hold.begun().await;
                let trips = self.meter.round_trips();
                hold.release();
                trips
            };
            tokio::join!(self.turn(&self.threads[0]), asked).1
        });
        let trips = self.meter.round_trips();
        self.meter.reset(true);
        self.turns(MEASURED_TURNS);
        let (written, read) = (self.meter.written(), self.meter.read());
        (before, trips, written / f64::from(MEASURED_TURNS), read / f64::from(MEASURED_TURNS))
    }
}
