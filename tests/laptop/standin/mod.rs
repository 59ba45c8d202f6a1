//! The stand-in for OpenAI, called over HTTP as any client would.

mod control;
mod conversations;
mod fault_streams;
mod faults;
mod in_process;
mod knowledge;
mod models;
mod replies;
mod responses;
mod sdk;

use std::net::SocketAddr;

use futures::future;
use local::standin::{Options, Standin, serve};
use reqwest::{Client, Method};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use tests::openai_schema::validate;

/// A stand-in on a free port, and a client of it.
pub(crate) struct Server {
    pub(crate) standin: Standin,
    address: SocketAddr,
    client: Client,
}

/// A response: its status and its JSON.
type Answered = (u16, Value);

impl Server {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let standin = Standin::new(Options::default());
        tokio::spawn(serve(listener, standin.clone(), future::pending()));
        Self { standin, address, client: Client::new() }
    }

    fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        self.client.request(method, format!("http://{}{path}", self.address)).bearer_auth("any")
    }

    async fn call(&self, method: &str, path: &str, body: Option<Value>) -> Answered {
        let mut request = self.request(method, path);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        (status, serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or_default())
    }

    async fn get(&self, path: &str) -> Answered {
        self.call("GET", path, None).await
    }

    async fn delete(&self, path: &str) -> Answered {
        self.call("DELETE", path, None).await
    }

    async fn post(&self, path: &str, body: Value) -> Answered {
        self.call("POST", path, Some(body)).await
    }

    /// Creates a conversation; returns its id.
    async fn conversation(&self) -> String {
        let (status, conversation) = self.post("/v1/conversations", json!({})).await;
        assert_eq!(status, 200);
        conversation["id"].as_str().unwrap().to_owned()
    }

    /// The ids of a conversation's items, oldest first.
    async fn item_ids(&self, conversation: &str) -> Vec<String> {
        let (_, page) = self.get(&format!("/v1/conversations/{conversation}/items?order=asc&limit=100")).await;
        let items = page["data"].as_array().unwrap().iter();
        items.map(|item| item["id"].as_str().unwrap().to_owned()).collect()
    }

    /// Requests a response without a stream.
    async fn respond(&self, mut body: Value) -> Answered {
        body["model"] = json!("gpt-standin");
        self.post("/v1/responses", body).await
    }

    /// Requests a streamed response, of which nothing is read yet.
    async fn stream(&self, mut body: Value) -> reqwest::Response {
        body["model"] = json!("gpt-standin");
        body["stream"] = json!(true);
        let answer = self.request("POST", "/v1/responses").json(&body).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], "text/event-stream; charset=utf-8");
        answer
    }

    /// All events of a streamed response.
    async fn events(&self, body: Value) -> Vec<Value> {
        let text = self.stream(body).await.text().await.unwrap();
        events_in(&text)
    }
}

/// Parses the events in `text`, whose `event:` lines and sequence numbers must match.
fn events_in(text: &str) -> Vec<Value> {
    let mut events = Vec::new();
    for block in text.split_terminator("\n\n").filter(|block| !block.starts_with(':')) {
        let (name, data) = block.split_once('\n').unwrap();
        let event: Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
        assert_eq!(name, format!("event: {}", event["type"].as_str().unwrap()));
        assert_eq!(event["sequence_number"], events.len());
        events.push(event);
    }
    events
}

fn types(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["type"].as_str().unwrap()).collect()
}

fn last<'a>(events: &'a [Value], kind: &str) -> &'a Value {
    let last = events.last().unwrap();
    assert_eq!(last["type"], kind);
    last
}

/// The text of a response's first message.
fn text(response: &Value) -> &str {
    response["output"][0]["content"][0]["text"].as_str().unwrap()
}

/// Validates a refusal; returns its status and code.
fn refusal((status, body): &Answered) -> (u16, Option<&str>) {
    validate("ErrorResponse", body);
    (*status, body["error"]["code"].as_str())
}

fn valid(schema: &str, (status, body): Answered) -> Value {
    assert_eq!(status, 200, "{body}");
    validate(schema, &body);
    body
}

fn valid_events(events: &[Value]) {
    for event in events {
        validate("ResponseStreamEvent", event);
    }
}
