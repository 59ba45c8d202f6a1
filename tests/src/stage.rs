//! The stage: a Switchboard of its own for each test.

use aws_sdk_dynamodb::types::AttributeValue;
use local::{
    Options, Standin, Switchboard, TABLE,
    standin::{ErrorResponse as Said, Fault, RecordedRequest},
};
use serde_json::{Value, json};
use shared::{
    domain::At,
    store::{Store, key},
};

use crate::{log_privacy, openai_schema::validate_request, persona::Persona};

/// A running Switchboard, in memory, on a free port, with its stand-in for OpenAI.
pub struct Stage {
    pub board: Switchboard,
    http: reqwest::Client,
    /// The length of the log before the start.
    log_before: usize,
}

impl Stage {
    pub async fn start() -> Self {
        Self::with(Options::default()).await
    }

    pub async fn with(options: Options) -> Self {
        log_privacy::keep_logs();
        let log_before = log_privacy::log_bytes();
        let board = local::start(options).await.unwrap();
        Self { board, http: reqwest::Client::new(), log_before }
    }

    /// The customer `cus` of tenant `acme`.
    pub fn customer(&self) -> Persona {
        self.persona("acme", "customer", "cus")
    }

    /// The agent `ana` of tenant `acme`.
    pub fn agent(&self) -> Persona {
        self.persona("acme", "agent", "ana")
    }

    pub fn admin(&self) -> Persona {
        self.persona("acme", "admin", "root")
    }

    pub fn persona(&self, tenant: &str, role: &str, sub: &str) -> Persona {
        self.bearing(Some(self.board.token(tenant, role, sub)))
    }

    /// A persona without a token.
    pub fn anon(&self) -> Persona {
        self.bearing(None)
    }

    pub fn bearing(&self, token: Option<String>) -> Persona {
        let (url, socket_url) = (self.board.url().to_owned(), self.board.socket_url());
        Persona { http: self.http.clone(), url, socket_url, token }
    }

    /// Creates a chatbot of `acme`; returns its id.
    pub async fn chatbot(&self) -> String {
        self.chatbot_with(json!({})).await
    }

    /// Creates a chatbot with these fields besides its name and model; returns its id.
    pub async fn chatbot_with(&self, fields: Value) -> String {
        let mut body = json!({ "name": "Robin", "model": "gpt-5-mini", "instructions": "Be brief." });
        body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        self.admin().post("/chatbots", body).await.expect(201).id()
    }

    /// Creates a thread of `cus` with a chatbot of its own; returns its id.
    pub async fn thread(&self) -> String {
        let chatbot = self.chatbot().await;
        self.thread_of(&self.customer(), &chatbot).await
    }

    /// Creates a thread of this customer with this chatbot; returns its id.
    pub async fn thread_of(&self, customer: &Persona, chatbot: &str) -> String {
        customer.post("/threads", json!({ "chatbot_id": chatbot })).await.expect(201).id()
    }

    /// The functions' way to the table, for what no route shows.
    pub fn store(&self) -> Store {
        Store::new(self.board.table(), TABLE.into())
    }

    pub fn standin(&self) -> &Standin {
        self.board.standin().expect("a test's OpenAI is the stand-in")
    }

    /// The requests that OpenAI received with this method at paths with this prefix, oldest first.
    pub fn asked_of_openai(&self, method: &str, path: &str) -> Vec<RecordedRequest> {
        let mut asked = self.standin().requests();
        asked.retain(|request| request.method == method && request.path.starts_with(path));
        asked
    }

    /// Makes OpenAI refuse every request from now on, and say that retrying is of no use.
    pub fn openai_goes_down(&self) {
        for method in ["GET", "POST", "DELETE"] {
            let down = Said::status(503).header("x-should-retry", "false");
            self.standin().fault(Fault::on(method, "/v1/", down).times(u32::MAX));
        }
    }

    pub fn openai_comes_back(&self) {
        self.standin().clear_faults();
    }

    /// Runs the sweep, and waits for all invocations of `chat` that it causes.
    pub async fn sweeps(&self) {
        assert!(self.board.sweep().await, "the sweep did not get through all due work");
        self.board.invocations().finished().await;
    }

    /// Releases the thread to the bot while the event that would invoke `chat` gets lost.
    pub async fn releases_unheard(&self, thread: &str) {
        self.board.invocations().lose(true);
        self.admin().releases(thread, "bot").await.expect(200);
        self.board.invocations().lose(false);
    }
}

impl Drop for Stage {
    /// Verifies, after every test, that each request to OpenAI matches OpenAI's own schema, that no private text is in
    /// the log, and that each thread keeps the invariants of one voice.
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        for request in self.board.standin().map(Standin::requests).unwrap_or_default() {
            validate_request(&request.path, &request.method, &request.body);
            log_privacy::forbid(self.board.url(), |texts| texts.add(&request.body));
        }
        let shown = log_privacy::shown_of(self.board.url(), self.log_before);
        assert_eq!(shown, Vec::<String>::new(), "private texts in the log");
        let table = self.board.table();
        // On a thread of its own, because a test's runtime cannot block within itself.
        let verified = std::thread::spawn(move || verified(&table)).join();
        assert_eq!(verified.unwrap(), Vec::<String>::new(), "threads that violate an invariant");
    }
}

/// The violated invariant of each thread in the table that violates one.
fn verified(table: &aws_sdk_dynamodb::Client) -> Vec<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let store = Store::new(table.clone(), TABLE.into());
        let threads = table
            .scan()
            .table_name(TABLE)
            .filter_expression("sk = :thread")
            .expression_attribute_values(":thread", AttributeValue::S(key::THREAD.into()));
        let mut threads = threads.into_paginator().items().send();
        let mut broken = Vec::new();
        while let Some(thread) = threads.next().await {
            let thread = thread.unwrap();
            let (tenant, id) = (thread["tenant"].as_s().unwrap(), thread["id"].as_s().unwrap());
            // A test may leave its customers waiting.
            let at_no_time = At::from_millis(0);
            let verdict = store.thread_verify(tenant, &id.parse().unwrap(), at_no_time).await.unwrap();
            broken.extend(verdict.and_then(|verdict| Some(format!("{id}: {}", verdict.violation?))));
        }
        broken
    })
}
