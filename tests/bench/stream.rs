//! Latency to the first token of an answer, on the caller's own stream.

use std::time::{Duration, Instant};

use local::Options;
use reqwest::RequestBuilder;
use serde_json::json;

use crate::board::{Board, line, middle};

const TURNS: usize = 500;

pub(crate) fn run() {
    let board = Board::start(Options::default());
    let token = board.switchboard.token("acme", "customer", "cus");
    let direct = json!({ "model": "gpt-5-mini", "input": "What is new?", "stream": true, "store": false });
    let (turn, asked) = board.clients.block_on(async {
        let thread = board.thread(&token, &board.chatbot().await).await;
        let say = format!("{}/threads/{thread}/chat", board.switchboard.url());
        let ask = format!("{}/responses", board.standin_url);
        let (mut turns, mut directs) = (Vec::new(), Vec::new());
        // The first fifty rounds warm up.
        for round in 0..TURNS + 50 {
            let turn = board.http.post(&say).bearer_auth(&token).header("accept", "text/event-stream");
            let turn = until(turn.json(&json!({ "text": "What is new?" })), "event: message.delta").await;
            let direct = board.http.post(&ask).bearer_auth("bench").json(&direct);
            let direct = until(direct, "event: response.output_text.delta").await;
            if round >= 50 {
                turns.push(turn);
                directs.push(direct);
            }
        }
        (middle(turns), middle(directs))
    });
    println!("Latency to the first token, {TURNS} sequential turns, p50:");
    line("on the caller's stream", turn, None);
    line("the stand-in called directly", asked, None);
    line("added", turn.saturating_sub(asked), Some(Duration::from_millis(2)));
    board.stop();
}

/// The time until a stream contains `said`. The rest is read too, so that the next request starts afresh.
async fn until(request: RequestBuilder, said: &str) -> Duration {
    let begun = Instant::now();
    let mut answer = request.send().await.expect("an answer");
    let (mut text, mut heard) = (String::new(), None);
    while let Some(chunk) = answer.chunk().await.expect("a chunk") {
        text += &String::from_utf8_lossy(&chunk);
        if heard.is_none() && text.contains(said) {
            heard = Some(begun.elapsed());
        }
    }
    heard.unwrap_or_else(|| panic!("no {said} in {text}"))
}
