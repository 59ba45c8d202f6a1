//! A Switchboard of its own for each test, and the people who use it, over real HTTP and real WebSockets.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use futures::{SinkExt, StreamExt};
use insta::Settings;
use local::{
    Options, Standin, Switchboard, TABLE,
    standin::{Answer as Said, Fault, Recorded},
};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use shared::{
    domain::At,
    store::{Store, key},
};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Message, client::IntoClientRequest},
};

use crate::{event_schema::validate_event, openai_schema::validate_request};

/// Nothing in a test takes this long unless it hangs.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running Switchboard, out of memory, on a free port, with its stand-in for OpenAI.
pub struct World {
    pub board: Switchboard,
    http: reqwest::Client,
}

/// Somebody with a token, or without one.
#[derive(Clone)]
pub struct Persona {
    http: reqwest::Client,
    url: String,
    socket_url: String,
    pub token: Option<String>,
}

/// What came back.
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub body: Value,
}

impl World {
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
        Persona {
            http: self.http.clone(),
            url: self.board.url().to_owned(),
            socket_url: self.board.socket_url(),
            token,
        }
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
}

impl Drop for World {
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

impl Persona {
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.url)).timeout(PATIENCE);
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    pub async fn get(&self, path: &str) -> Answer {
        Answer::of(self.request(Method::GET, path)).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        Answer::of(self.request(Method::POST, path).json(&body)).await
    }

    /// A POST without a body.
    pub async fn posts(&self, path: &str) -> Answer {
        Answer::of(self.request(Method::POST, path)).await
    }

    /// A POST under an idempotency key.
    pub async fn posts_under(&self, key: &str, path: &str, body: Value) -> Answer {
        Answer::of(self.request(Method::POST, path).header("idempotency-key", key).json(&body)).await
    }

    /// A body as it stands, JSON or not.
    pub async fn sends(&self, method: Method, path: &str, body: impl Into<reqwest::Body>) -> Answer {
        Answer::of(self.request(method, path).header("content-type", "application/json").body(body)).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        Answer::of(self.request(Method::PATCH, path).json(&body)).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        Answer::of(self.request(Method::DELETE, path)).await
    }

    pub async fn says(&self, thread: &str, text: &str) -> Answer {
        self.post(&format!("/threads/{thread}/chat"), json!({ "text": text })).await
    }

    /// Says something as a message that the client knows by an id of its own.
    pub async fn says_as(&self, thread: &str, client_id: &str, text: &str) -> Answer {
        self.post(&format!("/threads/{thread}/chat"), json!({ "text": text, "client_id": client_id })).await
    }

    /// A note for agents.
    pub async fn notes(&self, thread: &str, text: &str) -> Answer {
        self.post(&format!("/threads/{thread}/chat"), json!({ "text": text, "internal": true })).await
    }

    pub async fn escalates(&self, thread: &str) -> Answer {
        self.posts(&format!("/threads/{thread}/escalate")).await
    }

    pub async fn claims(&self, thread: &str) -> Answer {
        self.posts(&format!("/threads/{thread}/claim")).await
    }

    /// Gives the line to the `bot` or the `queue`.
    pub async fn releases(&self, thread: &str, to: &str) -> Answer {
        self.post(&format!("/threads/{thread}/release"), json!({ "to": to })).await
    }

    pub async fn ends(&self, thread: &str) -> Answer {
        self.posts(&format!("/threads/{thread}/end")).await
    }

    /// The thread as this one sees it.
    pub async fn reads(&self, thread: &str) -> Value {
        self.get(&format!("/threads/{thread}")).await.expect(200).body
    }

    /// The whole log, its pages put together.
    pub async fn log(&self, thread: &str) -> Vec<Value> {
        let mut log: Vec<Value> = Vec::new();
        loop {
            let after = log.last().map_or(0, |last| last["seq"].as_u64().unwrap());
            let page = self.get(&format!("/threads/{thread}/messages?after={after}&limit=100")).await.expect(200);
            log.extend(page.body["data"].as_array().unwrap().iter().cloned());
            if page.body["next_cursor"].is_null() {
                return log;
            }
        }
    }

    /// The log as lines of `role: text`, a change of owner as its type.
    pub async fn transcript(&self, thread: &str) -> Vec<String> {
        let line = |message: &Value| match message["event"]["type"].as_str() {
            Some(event) => format!("[{event}]"),
            None => format!("{}: {}", message["role"].as_str().unwrap(), message["text"].as_str().unwrap()),
        };
        self.log(thread).await.iter().map(line).collect()
    }

    pub async fn connects(&self) -> Socket {
        let mut request = self.socket_url.as_str().into_client_request().unwrap();
        let bearer = format!("switchboard.v1, bearer.{}", self.token.as_deref().unwrap());
        request.headers_mut().insert("sec-websocket-protocol", bearer.parse().unwrap());
        let (stream, response) = connect_async(request).await.unwrap();
        assert_eq!(response.headers()["sec-websocket-protocol"], "switchboard.v1");
        Socket(stream)
    }

    /// A socket that listens to a thread from now on.
    pub async fn listens(&self, thread: &str) -> Socket {
        let mut socket = self.connects().await;
        socket.says(json!({ "action": "subscribe", "thread_id": thread })).await;
        assert_eq!(socket.hears().await["type"], "subscribed");
        socket
    }
}

impl Answer {
    pub async fn of(request: RequestBuilder) -> Self {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.unwrap();
        let body = if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap() };
        Self { status, headers, body }
    }

    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.body);
        self
    }

    /// Checks that it is a problem (RFC 9457) of this status and code; gives its detail.
    #[track_caller]
    pub fn problem(self, status: u16, code: &str) -> String {
        assert_eq!((self.status, self.body["code"].as_str()), (status, Some(code)), "{}", self.body);
        assert_eq!(self.headers["content-type"], "application/problem+json");
        assert_eq!(self.headers["access-control-allow-origin"], "*");
        assert_eq!(self.body["status"], status);
        self.body["detail"].as_str().unwrap().to_owned()
    }

    /// Checks that the request was refused for one of its fields; gives `field: reason`.
    #[track_caller]
    pub fn invalid(self) -> String {
        let said = ["field", "reason"].map(|name| self.body[name].as_str().unwrap_or("?").to_owned()).join(": ");
        assert_eq!(self.problem(400, "invalid"), said);
        said
    }

    /// The text of the bot's reply.
    #[track_caller]
    pub fn reply(&self) -> &str {
        self.body["reply"]["text"].as_str().unwrap()
    }

    #[track_caller]
    pub fn id(&self) -> String {
        self.body["id"].as_str().unwrap().to_owned()
    }
}

/// A connected socket.
pub struct Socket(pub WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Socket {
    pub async fn says(&mut self, frame: Value) {
        self.0.send(Message::text(frame.to_string())).await.unwrap();
    }

    /// The next event, but for who is present: that comes and goes with every socket.
    pub async fn hears(&mut self) -> Value {
        loop {
            let event = self.hears_anything().await;
            if event["type"] != "presence" {
                return event;
            }
        }
    }

    /// The next event of all.
    pub async fn hears_anything(&mut self) -> Value {
        loop {
            let frame = tokio::time::timeout(PATIENCE, self.0.next()).await.expect("nothing was heard");
            if let Message::Text(text) = frame.unwrap().unwrap() {
                let event: Value = serde_json::from_str(&text).unwrap();
                if event["type"].is_string() {
                    validate_event(&event);
                }
                return event;
            }
        }
    }

    /// The next event of this type; those before it are passed over.
    pub async fn hears_of(&mut self, kind: &str) -> Value {
        loop {
            let event = self.hears_anything().await;
            if event["type"] == kind {
                return event;
            }
        }
    }

    /// All events up to the answer to a ping: what had been sent before it has arrived by then.
    pub async fn heard_so_far(&mut self) -> Vec<Value> {
        self.says(json!({ "action": "ping" })).await;
        let mut heard = Vec::new();
        loop {
            let event = self.hears().await;
            if event["type"] == "pong" {
                return heard;
            }
            heard.push(event);
        }
    }
}

/// Replaces what differs from run to run: ids, times, conversations.
pub fn redacted() -> Settings {
    let mut settings = Settings::clone_current();
    for (prefix, name) in [("thr", "thread"), ("bot", "chatbot"), ("msg", "message"), ("run", "run")] {
        settings.add_filter(&format!("{prefix}_[0-9A-Z]{{26}}"), format!("[{name}]"));
    }
    settings.add_filter(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", "[time]");
    settings
}
