//! A burst of frames on one socket, and what another customer's requests and the memory have of it.

use std::{
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::{Duration, Instant},
};

use futures::{SinkExt, StreamExt};
use local::Options;
use serde_json::json;
use tokio_tungstenite::{
    connect_async,
    tungstenite::{Message, client::IntoClientRequest},
};

use crate::{
    board::{Board, line, middle},
    cpu::resident,
};

const PINGS: usize = 5_000;
/// Number of requests on a quiet Switchboard.
const QUIET_REQUESTS: usize = 500;

/// The answers to a burst.
#[derive(Default)]
struct Answers {
    pongs: usize,
    /// Each stands for one or more frames that were dropped, because too many were in flight.
    busy: usize,
}

pub(crate) fn run() {
    let board = Board::start(Options::default());
    let [noisy, other] = ["noisy", "other"].map(|name| board.switchboard.token("acme", "customer", name));
    let (quiet, loud, answers, grown) = board.clients.block_on(async {
        let chatbot = board.chatbot().await;
        let thread = board.thread(&other, &chatbot).await;
        let read = async || {
            let begun = Instant::now();
            let request = board.http.get(format!("{}/threads/{thread}", board.switchboard.url())).bearer_auth(&other);
            let answer = request.send().await.expect("an answer");
            assert_eq!(answer.status(), 200);
            answer.bytes().await.expect("a body");
            begun.elapsed()
        };
        let mut quiet = Vec::new();
        for _ in 0..QUIET_REQUESTS {
            quiet.push(read().await);
        }
        // The first burst warms up: connections, caches, the allocator.
        burst(&board, &noisy).await;
        let (before, is_over) = (resident(), AtomicBool::new(false));
        let burst = async {
            let answers = burst(&board, &noisy).await;
            is_over.store(true, Relaxed);
            answers
        };
        let reads = async {
            let (mut loud, mut most) = (Vec::new(), before);
            while !is_over.load(Relaxed) {
                loud.push(read().await);
                most = most.max(resident());
            }
            (loud, most - before)
        };
        let (answers, (loud, grown)) = tokio::join!(burst, reads);
        (quiet, loud, answers, grown)
    });
    let worst = |times: &[Duration]| times.iter().max().copied().unwrap_or_default();
    println!("{PINGS} pings in a burst on one socket, and another customer's requests meanwhile:");
    println!("  pings answered: {}; told to be busy: {}", answers.pongs, answers.busy);
    line("a request of the other on a quiet Switchboard, p50", middle(quiet.clone()), None);
    line("  the slowest", worst(&quiet), None);
    println!("  requests of the other during the burst: {}", loud.len());
    line(
        "  the slowest is later than the quiet p50 by",
        worst(&loud).saturating_sub(middle(quiet)),
        Some(Duration::from_millis(100)),
    );
    println!("  memory grown by {} KB, the clients' too   (at most 20,000)", grown / 1_000);
    board.stop();
}

/// Sends all pings at once on a new socket, and reads until all are answered, or it is silent for a second.
async fn burst(board: &Board, token: &str) -> Answers {
    let mut request = board.switchboard.socket_url().into_client_request().expect("a URL");
    request.headers_mut().insert("authorization", format!("Bearer {token}").parse().expect("a header"));
    let (mut sink, mut frames) = connect_async(request).await.expect("a socket").0.split();
    let sending = async {
        for _ in 0..PINGS {
            sink.feed(Message::from(json!({ "action": "ping" }).to_string())).await.expect("a frame is sent");
        }
        sink.flush().await.expect("frames are sent");
        sink
    };
    let hearing = async {
        let mut answers = Answers::default();
        while let Ok(Some(Ok(frame))) = tokio::time::timeout(Duration::from_secs(1), frames.next()).await {
            let text = frame.into_text().unwrap_or_default();
            answers.pongs += usize::from(text.contains("pong"));
            answers.busy += usize::from(text.contains("busy"));
            if answers.pongs == PINGS {
                break;
            }
        }
        answers
    };
    let (sink, answers) = tokio::join!(sending, hearing);
    drop(sink);
    answers
}
