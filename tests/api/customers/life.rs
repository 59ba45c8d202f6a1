//! A customer's life: everything that a Switchboard may keep of one.

use std::time::Duration;

use local::Options;
use serde_json::{Value, json};

use tests::{clock::Turned, openai::brisk, persona::Persona, stage::Stage, web_socket::Socket, wire::Wire};

pub(super) const MINUTE: Duration = Duration::from_mins(1);

pub(super) async fn stage() -> (Stage, Turned, Wire) {
    let (turned, wire) = (Turned::default(), Wire::default());
    let options = Options { clock: turned.clock(), dynamo: wire.transport(), ..brisk() };
    (Stage::with(options).await, turned, wire)
}

/// A customer whose id, name and words all hold one word, so that a search for it finds all of them.
pub(super) struct Customer {
    pub(super) persona: Persona,
    pub(super) word: &'static str,
    pub(super) id: String,
    pub(super) threads: Vec<String>,
    /// The customer's sockets: one listens to a thread, one to none.
    pub(super) sockets: Vec<Socket>,
    /// The messages and notes in all threads.
    pub(super) messages: u64,
    pub(super) notes: u64,
}

impl Customer {
    pub(super) fn of(stage: &Stage, word: &'static str) -> Self {
        let id = format!("auth0|{word}/6 ö");
        let claims = json!({
            "iss": "switchboard", "aud": "switchboard", "exp": 4_102_444_800_u64, "tenant": "acme",
            "role": "customer", "sub": id, "name": format!("Ms {word}"),
        });
        let persona = stage.bearing(Some(stage.board.tokens().sign(&claims)));
        Self { persona, word, id, threads: Vec::new(), sockets: Vec::new(), messages: 0, notes: 0 }
    }

    /// The customer's path, percent-encoded.
    pub(super) fn path(&self) -> String {
        format!("/customers/auth0%7C{}%2F6%20%C3%B6", self.word)
    }

    /// Lives through one thread of each status, with everything in them, and some more.
    pub(super) async fn lives(&mut self, stage: &Stage, chatbot: &str) {
        let (agent, admin) = (stage.agent(), stage.admin());
        let answered = self.creates(chatbot).await;
        for n in 0..2 {
            let text = format!("{} asks for the {n}. time", self.word);
            self.persona.says_as(&answered, &format!("{}-{n}", self.word), &text).await.expect(200);
        }

        let held = self.creates(chatbot).await;
        let mut socket = self.persona.listens(&held).await;
        self.says(&held).await;
        agent.says(&held, &format!("How are you, {}?", self.word)).await.expect(202);
        agent.notes(&held, &format!("{} is a regular", self.word)).await.expect(200);
        socket.says(json!({ "action": "read", "thread_id": held, "seq": 2 })).await;
        socket.heard_so_far().await;
        self.sockets = vec![socket, self.persona.connects().await];

        let queued = self.creates(chatbot).await;
        let reason = json!({ "reason": format!("{} is cross", self.word) });
        self.persona.post(&format!("/threads/{queued}/escalate"), reason).await.expect(200);

        let ended = self.creates(chatbot).await;
        self.says(&ended).await;
        self.persona.ends(&ended).await.expect(200);

        let body = json!({ "chatbot_id": chatbot, "customer_id": self.id, "title": self.word });
        let made = admin.posts_under(&format!("for-{}", self.word), "/threads", body).await.expect(201).id();
        self.threads.push(made);

        for thread in self.threads.clone() {
            let page = agent.get(&format!("/threads/{thread}/messages?limit=100")).await.expect(200).body;
            self.messages += page["data"].as_array().unwrap().len() as u64;
            self.notes += page["notes"].as_array().map_or(0, |notes| notes.len() as u64);
        }
    }

    /// Creates a thread under an idempotency key, with a title and metadata.
    pub(super) async fn creates(&mut self, chatbot: &str) -> String {
        let (key, word) = (format!("{}-{}", self.word, self.threads.len()), self.word);
        let body = json!({ "chatbot_id": chatbot, "title": format!("{word}'s parcel"), "metadata": { "who": word } });
        let thread = self.persona.posts_under(&key, "/threads", body).await.expect(201).id();
        self.threads.push(thread.clone());
        thread
    }

    pub(super) async fn says(&self, thread: &str) -> Value {
        self.persona.says(thread, &format!("I am {}", self.word)).await.expect(200).body
    }

    /// True for an item of this customer's: it is in one of their threads, or names them.
    pub(super) fn owns(&self, pk: &str, text: &str) -> bool {
        text.to_lowercase().contains(self.word) || self.threads.iter().any(|thread| pk.contains(thread.as_str()))
    }
}

/// Has the sweep look at all erasures until they are settled; returns the receipt.
pub(super) async fn settled(stage: &Stage, turned: &Turned, receipt: &Value) -> Value {
    for _ in 0..3 {
        turned.by(MINUTE);
        stage.sweeps().await;
    }
    let id = receipt["id"].as_str().unwrap();
    stage.admin().get(&format!("/erasures/{id}")).await.expect(200).body
}
