//! The story in a simulation: customers who write, agents who step in, and the sweep. All of it follows from a seed.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use fastrand::Rng;
use futures::future::join_all;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::{
    function::{Answered, Function},
    request::{ADMIN, Who, due, minute},
    simulation::Simulation,
};
use crate::wire::lock;

const CUSTOMERS: [Who; 2] = [Who { role: "customer", subject: "cus" }, Who { role: "customer", subject: "dan" }];
pub const AGENTS: [Who; 2] = [Who { role: "agent", subject: "ana" }, Who { role: "agent", subject: "ben" }];

const CHAT: &str = "/threads/{thread_id}/chat";

/// A thread and its customer.
#[derive(Clone, Debug)]
pub struct Line {
    pub thread: String,
    pub customer: Who,
}

impl Line {
    /// The customer's socket.
    pub(super) fn connection(&self) -> String {
        connection(self.customer, &self.thread)
    }
}

fn connection(who: Who, thread: &str) -> String {
    format!("{}-{}", who.role, &thread[20..])
}

/// A message, and every response to it.
#[derive(Clone, Debug)]
pub(super) struct Said {
    pub thread: String,
    pub by: Who,
    pub client_id: String,
    pub text: String,
    pub is_note: bool,
    pub answers: Vec<Answered>,
}

/// A story; clones share it.
#[derive(Clone)]
pub struct Story {
    pub simulation: Simulation,
    pub lines: Vec<Line>,
    said: Arc<Mutex<Vec<Said>>>,
}

impl Story {
    /// Creates a chatbot, its threads, and their customers' subscribed sockets, before anything can go wrong.
    pub async fn begin(simulation: Simulation, threads: usize) -> Self {
        let mut story = Self { simulation, lines: Vec::new(), said: Arc::default() };
        let chatbot = json!({ "name": "Robin", "model": "gpt-5-mini", "instructions": "Be brief." });
        let chatbot = story.asks(ADMIN, Function::Chatbot, "POST", "/chatbots", None, &chatbot).await.body;
        for customer in &CUSTOMERS[..threads] {
            let ask = json!({ "chatbot_id": chatbot["id"] });
            let made = story.asks(*customer, Function::Thread, "POST", "/threads", None, &ask).await;
            let thread = made.body["id"].as_str().expect("a new thread's id").to_owned();
            story.listens(*customer, &thread).await;
            story.lines.push(Line { thread, customer: *customer });
        }
        story
    }

    async fn asks(
        &self,
        who: Who,
        function: Function,
        method: &str,
        route: &str,
        thread: Option<&str>,
        body: &Value,
    ) -> Answered {
        let answered = self.simulation.call(function, who.asks(method, route, thread, body)).await;
        answered.expect("nobody dies before the story begins")
    }

    async fn listens(&self, who: Who, thread: &str) {
        let connection = connection(who, thread);
        self.simulation.call(Function::Socket, who.sends(&connection, "$connect", &Value::Null)).await;
        let subscribe = json!({ "action": "subscribe", "thread_id": thread });
        self.simulation.call(Function::Socket, who.sends(&connection, "subscribe", &subscribe)).await;
    }

    /// All messages, in the order in which they were first sent.
    pub(super) fn said(&self) -> Vec<Said> {
        lock(&self.said).clone()
    }

    /// Sends a message, and repeats it for as long as no final response comes, as a client with a `client_id` does.
    pub async fn says(&self, who: Who, thread: &str, client_id: &str, text: &str, is_note: bool) {
        let at = {
            let mut said = lock(&self.said);
            let known = said.iter().position(|said| said.client_id == client_id && said.by == who);
            known.unwrap_or_else(|| {
                let (thread, client_id, text) = (thread.to_owned(), client_id.to_owned(), text.to_owned());
                said.push(Said { thread, by: who, client_id, text, is_note, answers: Vec::new() });
                said.len() - 1
            })
        };
        let mut say = json!({ "text": text, "client_id": client_id });
        if is_note {
            say["internal"] = json!(true);
        }
        for _ in 0..5 {
            let answered = self.simulation.call(Function::Chat, who.asks("POST", CHAT, Some(thread), &say)).await;
            if let Some(answered) = answered {
                let is_final = answered.status < 500;
                lock(&self.said)[at].answers.push(answered);
                if is_final {
                    return;
                }
            }
            sleep(Duration::from_millis(200)).await;
        }
    }

    pub async fn asks_for_help(&self, line: &Line, id: &str) {
        self.says(line.customer, &line.thread, id, &format!("Can you help? ({id})"), false).await;
    }

    pub async fn claims(&self, line: &Line) {
        self.hands(AGENTS[0], &line.thread, "claim", Value::Null).await;
    }

    /// Tries to change the owner of the line.
    pub async fn hands(&self, who: Who, thread: &str, how: &str, body: Value) {
        let function = if how == "end" { Function::ChatEnd } else { Function::Handoff };
        let route = format!("/threads/{{thread_id}}/{how}");
        for _ in 0..3 {
            let answered = self.simulation.call(function, who.asks("POST", &route, Some(thread), &body)).await;
            if answered.is_some_and(|answered| answered.status < 500) {
                return;
            }
            sleep(Duration::from_millis(200)).await;
        }
    }

    pub async fn deletes(&self, line: &Line) {
        for _ in 0..3 {
            let delete = line.customer.asks("DELETE", "/threads/{thread_id}", Some(&line.thread), &Value::Null);
            let answered = self.simulation.call(Function::Thread, delete).await;
            if answered.is_some_and(|answered| answered.status < 500) {
                return;
            }
        }
    }

    /// Invokes `chat` for a thread, whether or not a message waits.
    pub async fn wakes(&self, thread: &str) {
        self.simulation.call(Function::Chat, due(thread)).await;
    }

    /// Runs the sweep.
    pub(super) async fn sweeps(&self) {
        self.simulation.call(Function::Sweep, minute()).await;
    }

    /// A customer's part of the story.
    pub(super) async fn customer(self, line: Line, mut rng: Rng) {
        for turn in 0..rng.u32(1..=3) {
            think(&mut rng).await;
            match rng.u32(..100) {
                0..5 => self.hands(line.customer, &line.thread, "end", Value::Null).await,
                5..15 => self.hands(line.customer, &line.thread, "escalate", Value::Null).await,
                _ => self.bursts(&line, turn, &mut rng).await,
            }
        }
    }

    /// Sends one to three messages at once; some of them twice, as an impatient client does.
    async fn bursts(&self, line: &Line, turn: u32, rng: &mut Rng) {
        let messages = (0..*rng.choice(&[1, 1, 1, 2, 3]).expect("one of them")).flat_map(|place| {
            let text = if rng.u32(..12) == 0 { "I want to talk to a person" } else { "And then?" };
            let twice = if rng.u32(..6) == 0 { 2 } else { 1 };
            vec![(format!("{}-{turn}-{place}", line.customer.subject), format!("{text} ({turn}.{place})")); twice]
        });
        let messages: Vec<_> = messages.collect();
        let say = |(id, text): &(String, String)| {
            let (id, text) = (id.clone(), text.clone());
            async move { self.says(line.customer, &line.thread, &id, &text, false).await }
        };
        join_all(messages.iter().map(say)).await;
    }

    /// An agent's part of the story.
    pub(super) async fn agent(self, who: Who, mut rng: Rng) {
        for turn in 0..rng.u32(0..=4) {
            think(&mut rng).await;
            let line = rng.choice(&self.lines).expect("a story has a line").clone();
            let client_id = format!("{}-{turn}", who.subject);
            match rng.u32(..100) {
                0..35 => self.hands(who, &line.thread, "claim", Value::Null).await,
                35..60 => self.says(who, &line.thread, &client_id, "A person speaks.", false).await,
                60..75 => self.hands(who, &line.thread, "release", json!({ "to": "bot" })).await,
                75..83 => self.hands(who, &line.thread, "release", json!({ "to": "queue", "note": "Yours." })).await,
                83..94 => self.says(who, &line.thread, &client_id, "Between us.", true).await,
                _ => self.hands(who, &line.thread, "end", Value::Null).await,
            }
        }
    }

    /// The sweep's part of the story, with invocations of `chat` that come late or without a reason.
    pub(super) async fn sweep(self, mut rng: Rng) {
        for _ in 0..rng.u32(0..=2) {
            sleep(Duration::from_secs(*rng.choice(&[1, 20, 60]).expect("one of them"))).await;
            if rng.bool() {
                self.sweeps().await;
            } else {
                let line = rng.choice(&self.lines).expect("a story has a line").clone();
                self.wakes(&line.thread).await;
            }
        }
    }

    /// All parts of the story, drawn from `rng`.
    pub(super) fn parts(&self, rng: &mut Rng) -> Vec<futures::future::BoxFuture<'static, ()>> {
        let mut parts: Vec<futures::future::BoxFuture<'static, ()>> = Vec::new();
        for line in &self.lines {
            parts.push(Box::pin(self.clone().customer(line.clone(), rng.fork())));
        }
        for agent in AGENTS {
            parts.push(Box::pin(self.clone().agent(agent, rng.fork())));
        }
        parts.push(Box::pin(self.clone().sweep(rng.fork())));
        parts
    }
}

/// Waits: mostly a moment, so that people meet; at times long enough for an answer.
async fn think(rng: &mut Rng) {
    let millis = if rng.u32(..5) == 0 { rng.u64(1_000..15_000) } else { rng.u64(..40) };
    sleep(Duration::from_millis(millis)).await;
}
