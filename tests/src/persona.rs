//! Personas: the people who use a Switchboard, over real HTTP and real WebSockets.

use std::time::Duration;

use insta::Settings;
use reqwest::{
    Method, RequestBuilder, Response, Url,
    header::{AUTHORIZATION, HeaderMap, HeaderValue},
};
use serde_json::{Value, json};
use tokio_tungstenite::{connect_async, tungstenite::client::IntoClientRequest};

use crate::{log_privacy, openapi::Exchange, web_socket::Socket};

/// Timeout of a request: nothing in a test takes this long unless it hangs.
const TIMEOUT: Duration = Duration::from_secs(20);

/// A user with a token, or without one.
#[derive(Clone)]
pub struct Persona {
    pub(crate) http: reqwest::Client,
    pub(crate) url: String,
    pub(crate) socket_url: String,
    pub token: Option<String>,
}

/// A response: its status, headers and JSON body.
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Persona {
    /// A persona of a Switchboard anywhere, by the base URL of its REST API and the URL of its sockets.
    pub fn of(url: &str, socket_url: &str, token: Option<String>) -> Self {
        Self { http: reqwest::Client::new(), url: url.to_owned(), socket_url: socket_url.to_owned(), token }
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.url)).timeout(TIMEOUT);
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

    /// Sends a POST without a body.
    pub async fn posts(&self, path: &str) -> Answer {
        Answer::of(self.request(Method::POST, path)).await
    }

    /// Sends a POST with an idempotency key.
    pub async fn posts_under(&self, key: &str, path: &str, body: Value) -> Answer {
        Answer::of(self.request(Method::POST, path).header("idempotency-key", key).json(&body)).await
    }

    /// Sends a body as it is, JSON or not.
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

    /// Sends a message with a `client_id`.
    pub async fn says_as(&self, thread: &str, client_id: &str, text: &str) -> Answer {
        self.post(&format!("/threads/{thread}/chat"), json!({ "text": text, "client_id": client_id })).await
    }

    /// Writes a note for agents.
    pub async fn notes(&self, thread: &str, text: &str) -> Answer {
        self.post(&format!("/threads/{thread}/chat"), json!({ "text": text, "internal": true })).await
    }

    pub async fn escalates(&self, thread: &str) -> Answer {
        self.posts(&format!("/threads/{thread}/escalate")).await
    }

    pub async fn claims(&self, thread: &str) -> Answer {
        self.posts(&format!("/threads/{thread}/claim")).await
    }

    /// Releases the thread to the `bot` or the `queue`.
    pub async fn releases(&self, thread: &str, to: &str) -> Answer {
        self.post(&format!("/threads/{thread}/release"), json!({ "to": to })).await
    }

    pub async fn ends(&self, thread: &str) -> Answer {
        self.posts(&format!("/threads/{thread}/end")).await
    }

    /// The thread as this persona sees it.
    pub async fn reads(&self, thread: &str) -> Value {
        self.get(&format!("/threads/{thread}")).await.expect(200).body
    }

    /// The whole log, all pages together.
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

    /// The log as lines of `role: text`, or `[type]` for a change of owner.
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

    /// Connects with the token in a header, as clients outside of browsers can.
    pub async fn connects_by_header(&self) -> Socket {
        let mut request = self.socket_url.as_str().into_client_request().unwrap();
        let bearer = format!("Bearer {}", self.token.as_deref().unwrap());
        request.headers_mut().insert("authorization", bearer.parse().unwrap());
        Socket(connect_async(request).await.unwrap().0)
    }

    /// A socket that is subscribed to a thread from now on.
    pub async fn listens(&self, thread: &str) -> Socket {
        self.connects().await.listening(thread).await
    }
}

impl Socket {
    /// Subscribes to a thread.
    #[must_use]
    pub async fn listening(mut self, thread: &str) -> Self {
        self.says(json!({ "action": "subscribe", "thread_id": thread })).await;
        assert_eq!(self.hears().await["type"], "subscribed");
        self
    }
}

/// A request that was sent.
struct Sent {
    method: Method,
    url: Url,
    body: Option<Vec<u8>>,
}

impl Sent {
    async fn send(request: RequestBuilder) -> (Self, Response) {
        let (client, request) = request.build_split();
        let request = request.unwrap();
        let body = request.body().and_then(reqwest::Body::as_bytes).map(<[u8]>::to_vec);
        let sent = Self { method: request.method().clone(), url: request.url().clone(), body };
        log_privacy::forbid(&sent.base_url(), |texts| {
            if let Some(Ok(token)) = request.headers().get(AUTHORIZATION).map(HeaderValue::to_str) {
                texts.add_token(token);
            }
            if let Some(Ok(body)) = sent.body.as_deref().map(serde_json::from_slice) {
                texts.add(&body);
            }
        });
        (sent, client.execute(request).await.unwrap())
    }

    /// The base URL of the Switchboard.
    fn base_url(&self) -> String {
        self.url.origin().ascii_serialization()
    }

    #[track_caller]
    fn validate(&self, status: u16, headers: &HeaderMap, answer: Option<&Value>) {
        let exchange = Exchange {
            method: self.method.as_str(),
            url: &self.url,
            sent: self.body.as_deref(),
            status,
            content_type: headers.get("content-type").and_then(|kind| kind.to_str().ok()),
            answer,
        };
        exchange.validate();
    }
}

/// Sends a request whose response may be a stream. Both have to match `web/openapi.json`.
pub async fn opened(request: RequestBuilder) -> Response {
    let (sent, response) = Sent::send(request).await;
    sent.validate(response.status().as_u16(), response.headers(), None);
    response
}

impl Answer {
    /// Sends the request. Both it and the answer have to match `web/openapi.json`.
    pub async fn of(request: RequestBuilder) -> Self {
        let (sent, response) = Sent::send(request).await;
        let answer = Self::read(response).await;
        sent.validate(answer.status, &answer.headers, Some(&answer.body));
        if answer.status < 300 {
            log_privacy::forbid(&sent.base_url(), |texts| texts.add(&answer.body));
        }
        answer
    }

    /// Sends the request. The answer may be one that an emulator of API Gateway gives by itself, unlike AWS.
    pub async fn of_emulator(request: RequestBuilder) -> Self {
        Self::read(request.send().await.unwrap()).await
    }

    async fn read(response: Response) -> Self {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.unwrap();
        let is_lines = headers.get("content-type").is_some_and(|kind| kind == "application/x-ndjson");
        let lines = || text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let body = match text.as_str() {
            "" => Value::Null,
            _ if is_lines => Value::Array(lines()),
            text => serde_json::from_str(text).unwrap(),
        };
        Self { status, headers, body }
    }

    #[track_caller]
    #[expect(clippy::return_self_not_must_use, reason = "often all there is to say")]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.body);
        self
    }

    /// Checks that it is a problem (RFC 9457) with this status and code; returns its detail.
    #[track_caller]
    pub fn problem(self, status: u16, code: &str) -> String {
        assert_eq!((self.status, self.body["code"].as_str()), (status, Some(code)), "{}", self.body);
        assert_eq!(self.headers["content-type"], "application/problem+json");
        assert_eq!(self.headers["access-control-allow-origin"], "*");
        assert_eq!(self.body["status"], status);
        self.body["detail"].as_str().unwrap().to_owned()
    }

    /// Checks that the request was refused because of one of its fields; returns `field: reason`.
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

/// Snapshot settings that redact the values that differ from run to run: ids and times.
pub fn redacted() -> Settings {
    let mut settings = Settings::clone_current();
    for (prefix, name) in [("thr", "thread"), ("bot", "chatbot"), ("msg", "message"), ("run", "run")] {
        settings.add_filter(&format!("{prefix}_[0-9A-Z]{{26}}"), format!("[{name}]"));
    }
    settings.add_filter(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", "[time]");
    settings
}
