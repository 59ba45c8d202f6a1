//! Churn: clients that keep losing their sockets while a bot and agents talk, and that must end with exactly the log.
//!
//! The client here is the simplest possible: it puts the events that it receives into the order of `seq`, drops
//! duplicates, and subscribes again from its last `seq`. `tests/web/churn.mjs` puts `web/switchboard.js` through the
//! same.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    time::Duration,
};

use fastrand::Rng;
use futures::{SinkExt, StreamExt, future::join_all};
use local::Switchboard;
use serde_json::{Value, json};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Message, client::IntoClientRequest},
};

/// Timeout after which a client that has received nothing asks for missed events, as the real one does by its pings.
const QUIET_TIMEOUT: Duration = Duration::from_millis(500);

/// The size of a churn run.
#[derive(Clone, Copy)]
pub struct Churn {
    pub threads: usize,
    /// Number of clients, spread evenly over the threads.
    pub clients: usize,
    /// Number of lost sockets, all clients together.
    pub disconnects: usize,
    pub seed: u64,
}

/// The counts of a finished churn run.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    pub disconnects: usize,
    /// Number of messages, all logs together.
    pub messages: usize,
    /// Number of times that a client found a gap in `seq` and subscribed again.
    pub asked_again: usize,
}

struct Play<'a> {
    board: &'a Switchboard,
    http: reqwest::Client,
    churn: Churn,
    disconnected: AtomicUsize,
    asked_again: AtomicUsize,
    over: AtomicBool,
}

/// Runs the churn to its end. Panics if a client ends with anything but the log.
pub async fn churn(board: &Switchboard, churn: Churn) -> Outcome {
    let http = reqwest::Client::new();
    let play = Play { board, http, churn, disconnected: 0.into(), asked_again: 0.into(), over: false.into() };
    let play = &play;
    let chatbot = json!({ "name": "Robin", "model": "gpt-5-mini", "instructions": "Be brief." });
    let chatbot = play.post("admin", "root", "/chatbots", &chatbot).await["id"].clone();
    let mut threads = Vec::new();
    for _ in 0..churn.threads {
        let made = play.post("customer", "cus", "/threads", &json!({ "chatbot_id": chatbot })).await;
        threads.push(made["id"].as_str().unwrap().to_owned());
    }
    let talking = join_all(threads.iter().enumerate().map(async |(place, thread)| play.talk(place, thread).await));
    let listening = join_all((0..churn.clients).map(async |place| {
        let mut client = Client::new(play, &threads[place % churn.threads], place);
        client.loses_its_socket_again_and_again().await;
        client
    }));
    let listening = async {
        let clients = listening.await;
        play.over.store(true, SeqCst);
        clients
    };
    let (_, clients) = tokio::join!(talking, listening);
    let mut messages = 0;
    let mut logs = BTreeMap::new();
    for thread in &threads {
        let log = play.log(thread).await;
        messages += log.len();
        logs.insert(thread.as_str(), log);
    }
    let logs = &logs;
    join_all(clients.into_iter().map(async |mut client| {
        let log = &logs[client.thread];
        client.hears_through(log.len() as u64).await;
        assert!(client.heard.values().eq(log.iter()), "client {} did not end with the log", client.place);
    }))
    .await;
    Outcome { disconnects: play.disconnected.load(SeqCst), messages, asked_again: play.asked_again.load(SeqCst) }
}

impl Play<'_> {
    /// Posts a customer's messages until the run is over; in every second thread an agent regularly takes over and
    /// releases to the bot.
    async fn talk(&self, place: usize, thread: &str) {
        let chat = format!("/threads/{thread}/chat");
        let mut round = 0;
        while !self.over.load(SeqCst) {
            round += 1;
            self.post("customer", "cus", &chat, &json!({ "text": format!("Question {round}?") })).await;
            if place % 2 == 1 && round % 3 == 0 {
                self.post("agent", "ana", &chat, &json!({ "text": "Ana here." })).await;
                self.post("customer", "cus", &chat, &json!({ "text": "Thank you." })).await;
                let release = format!("/threads/{thread}/release");
                self.post("agent", "ana", &release, &json!({ "to": "bot" })).await;
            }
        }
        // The bot may still be answering what it was invoked for by a release.
        self.board.invocations().finished().await;
    }

    async fn post(&self, role: &str, subject: &str, path: &str, body: &Value) -> Value {
        let url = format!("{}{path}", self.board.url());
        let token = self.board.token("acme", role, subject);
        let answer = self.http.post(url).bearer_auth(token).json(body).send().await.unwrap();
        let status = answer.status();
        let body = answer.json().await.unwrap();
        assert!(status.is_success(), "{path}: {status} {body}");
        body
    }

    async fn log(&self, thread: &str) -> Vec<Value> {
        let mut log: Vec<Value> = Vec::new();
        loop {
            let url = format!("{}/threads/{thread}/messages?limit=100&after={}", self.board.url(), log.len());
            let token = self.board.token("acme", "customer", "cus");
            let page: Value = self.http.get(url).bearer_auth(token).send().await.unwrap().json().await.unwrap();
            log.extend(page["data"].as_array().unwrap().iter().cloned());
            if page["next_cursor"].is_null() {
                return log;
            }
        }
    }
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

struct Client<'a> {
    play: &'a Play<'a>,
    thread: &'a str,
    place: usize,
    random: Rng,
    heard: BTreeMap<u64, Value>,
}

impl<'a> Client<'a> {
    fn new(play: &'a Play<'a>, thread: &'a str, place: usize) -> Self {
        let random = Rng::with_seed(play.churn.seed.wrapping_mul(1_000_003).wrapping_add(place as u64));
        Self { play, thread, place, random, heard: BTreeMap::new() }
    }

    /// The last `seq` before the first gap.
    fn through(&self) -> u64 {
        (1..).zip(self.heard.keys()).take_while(|(place, seq)| place == *seq).count() as u64
    }

    async fn loses_its_socket_again_and_again(&mut self) {
        while self.play.disconnected.load(SeqCst) < self.play.churn.disconnects {
            let mut socket = self.connects().await;
            // Some clients receive nothing at all, few receive much.
            for _ in 0..self.random.u32(0..12) {
                self.hears_one(&mut socket).await;
            }
            drop(socket);
            self.play.disconnected.fetch_add(1, SeqCst);
        }
    }

    /// Listens until the client has the log through `end`.
    async fn hears_through(&mut self, end: u64) {
        let mut socket = self.connects().await;
        let hearing = async {
            while self.through() < end {
                self.hears_one(&mut socket).await;
            }
        };
        timeout(Duration::from_mins(1), hearing).await.expect("a client did not receive the whole log in time");
    }

    async fn connects(&mut self) -> Socket {
        let mut request = self.play.board.socket_url().into_client_request().unwrap();
        let bearer = format!("Bearer {}", self.play.board.token("acme", "customer", "cus"));
        request.headers_mut().insert("authorization", bearer.parse().unwrap());
        let (mut socket, _) = connect_async(request).await.unwrap();
        self.asks(&mut socket).await;
        socket
    }

    /// Subscribes from the last `seq` before the first gap.
    async fn asks(&self, socket: &mut Socket) {
        let ask = json!({ "action": "subscribe", "thread_id": self.thread, "after": self.through() });
        socket.send(Message::text(ask.to_string())).await.unwrap();
    }

    async fn hears_one(&mut self, socket: &mut Socket) {
        let Ok(frame) = timeout(QUIET_TIMEOUT, socket.next()).await else {
            self.asks(socket).await;
            return;
        };
        let event: Value = serde_json::from_slice(&frame.unwrap().unwrap().into_data()).unwrap();
        match event["type"].as_str().unwrap() {
            "message.created" => {
                let (seq, through) = (event["seq"].as_u64().unwrap(), self.through());
                let known = self.heard.insert(seq, event["message"].clone());
                assert!(
                    known.is_none_or(|known| known == event["message"]),
                    "{seq} was received twice, with different contents"
                );
                if seq > through + 1 {
                    self.play.asked_again.fetch_add(1, SeqCst);
                    self.asks(socket).await;
                }
            }
            "subscribed" if event["more"] == true => self.asks(socket).await,
            "error" => panic!("{event}"),
            _ => {}
        }
    }
}
