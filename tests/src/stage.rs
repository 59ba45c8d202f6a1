//! A Switchboard of its own for each test.

use aws_sdk_dynamodb::types::AttributeValue;
use local::{
    Options, Standin, Switchboard, TABLE,
    standin::{Answer as Said, Fault, Recorded},
};
use serde_json::{Value, json};
use shared::{
    domain::At,
    store::{Store, key},
};

use crate::{openai_schema::validate_request, persona::Persona};

/// A running Switchboard, out of memory, on a free port, with its stand-in for OpenAI.
pub struct Stage {
    pub board: Switchboard,
    http: reqwest::Client,
}

impl Stage {
    pub async fn start() -> Self {
        Self::with(Options::default()).await
    }

    pub async fn with(options: Options) -> Self {
        let board = local::start(options).await.unwrap();
        Self { board, http: reqwest::Client::new() }
    }

    /// `cus`, a customer of tenant `acme`.
    pub fn customer(&self) -> Persona {
        self.persona("acme", "customer", "cus")
    }

    /// `ana`, an agent of tenant `acme`.
    pub fn agent(&self) -> Persona {
        self.persona("acme", "agent", "ana")
    }

    pub fn admin(&self) -> Persona {
        self.persona("acme", "admin", "root")
    }

    pub fn persona(&self, tenant: &str, role: &str, sub: &str) -> Persona {
        self.bearing(Some(self.board.token(tenant, role, sub)))
    }

    /// Nobody in particular.
    pub fn anon(&self) -> Persona {
        self.bearing(None)
    }

    pub fn bearing(&self, token: Option<String>) -> Persona {
        let (url, socket_url) = (self.board.url().to_owned(), self.board.socket_url());
        Persona { http: self.http.clone(), url, socket_url, token }
    }

    /// A chatbot of `acme`, its id.
    pub async fn chatbot(&self) -> String {
        self.chatbot_with(json!({})).await
    }

    /// A chatbot with these fields besides its name and model.
    pub async fn chatbot_with(&self, fields: Value) -> String {
        let mut body = json!({ "name": "Robin", "model": "gpt-5-mini", "instructions": "Be brief." });
        body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        self.admin().post("/chatbots", body).await.expect(201).id()
    }

    /// A thread of `cus` with a chatbot of its own, its id.
    pub async fn thread(&self) -> String {
        let chatbot = self.chatbot().await;
        self.thread_of(&self.customer(), &chatbot).await
    }

    /// Somebody's thread with this chatbot, its id.
    pub async fn thread_of(&self, customer: &Persona, chatbot: &str) -> String {
        customer.post("/threads", json!({ "chatbot_id": chatbot })).await.expect(201).id()
    }

    pub fn standin(&self) -> &Standin {
        self.board.standin().expect("a test's OpenAI is the stand-in")
    }

    /// What OpenAI was asked for by this method at paths that begin so, oldest first.
    pub fn asked_of_openai(&self, method: &str, path: &str) -> Vec<Recorded> {
        let mut asked = self.standin().requests();
        asked.retain(|request| request.method == method && request.path.starts_with(path));
        asked
    }

    /// From here on OpenAI does nothing, and says that asking again is no use.
    pub fn openai_goes_down(&self) {
        for method in ["GET", "POST", "DELETE"] {
            let down = Said::status(503).header("x-should-retry", "false");
            self.standin().fault(Fault::on(method, "/v1/", down).times(u32::MAX));
        }
    }

    pub fn openai_comes_back(&self) {
        self.standin().clear_faults();
    }

    /// A sweep, and all that it has `chat` do.
    pub async fn sweeps(&self) {
        assert!(self.board.sweep().await, "what is due could not all be looked at");
        self.board.invocations().finished().await;
    }

    /// Gives the line back to the bot, which does not hear of it: the event that asks it for an answer gets lost.
    pub async fn releases_unheard(&self, thread: &str) {
        self.board.invocations().lose(true);
        self.admin().releases(thread, "bot").await.expect(200);
        self.board.invocations().lose(false);
    }
}

impl Drop for Stage {
    /// Whatever a test did, what was asked of OpenAI must be what OpenAI's own schema allows, and each thread must keep the
    /// invariants of one voice.
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        for request in self.board.standin().map(Standin::requests).unwrap_or_default() {
            validate_request(&request.path, &request.method, &request.body);
        }
        let table = self.board.table();
        // A thread of its own, for a test's runtime cannot wait within itself.
        let verified = std::thread::spawn(move || verified(&table)).join();
        assert_eq!(verified.unwrap(), Vec::<String>::new(), "threads that break an invariant");
    }
}

/// What each thread of the table that breaks an invariant breaks.
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
