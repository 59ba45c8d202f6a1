//! Server-sent events, as a caller of `chat` receives them.

use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::{
    event_schema::validate_event,
    persona::{Persona, opened},
};

/// A stream of server-sent events.
pub struct Events {
    response: Response,
    read: String,
}

/// One event of a stream: its type, its id, its data.
#[derive(Debug)]
pub struct Event {
    pub kind: String,
    pub id: Option<String>,
    pub data: Value,
}

/// The body that `useChat` sends for a first message.
pub fn asked(thread: &str, id: &str, text: &str) -> Value {
    let message = json!({ "id": id, "role": "user", "parts": [{ "type": "text", "text": text }] });
    json!({ "id": thread, "messages": [message], "trigger": "submit-message" })
}

/// The types of a stream's chunks or events, without neighbours of one type.
pub fn types(chunks: &[Value]) -> Vec<&str> {
    let mut types: Vec<_> = chunks.iter().map(|chunk| chunk["type"].as_str().unwrap()).collect();
    types.dedup();
    types
}

/// The text of the part with this id.
pub fn text(chunks: &[Value], id: &str) -> String {
    let deltas = chunks.iter().filter(|chunk| chunk["type"] == "text-delta" && chunk["id"] == id);
    deltas.map(|chunk| chunk["delta"].as_str().unwrap()).collect()
}

impl Persona {
    /// Sends a message and streams the response.
    pub async fn streams(&self, thread: &str, body: Value) -> Events {
        let request = self.request(Method::POST, &format!("/threads/{thread}/chat")).json(&body);
        let response = opened(request.header("accept", "text/event-stream")).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["access-control-allow-origin"], "*");
        Events { response, read: String::new() }
    }

    /// All chunks of the response to the Vercel AI SDK's request.
    pub async fn chats(&self, body: &Value) -> Vec<Value> {
        chunks(self.opens_chat(body).await).await
    }

    /// The response to the Vercel AI SDK's request as soon as the message is accepted.
    pub async fn opens_chat(&self, body: &Value) -> Response {
        opened(self.request(Method::POST, "/chat").header("accept", "*/*").json(body)).await
    }

    /// All events of the response to AG-UI's request.
    pub async fn runs(&self, body: &Value) -> Vec<Value> {
        let request = self.request(Method::POST, "/agui").header("accept", "text/event-stream").json(body);
        let response = opened(request).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let text = response.text().await.unwrap();
        let data = text.split("\n\n").filter_map(|event| event.strip_prefix("data: "));
        data.map(|event| serde_json::from_str(event).unwrap()).collect()
    }

    /// The response to the Vercel AI SDK's request for the stream of a thread. `query`: nothing, or `?after=…`.
    pub async fn resumes(&self, thread: &str, query: &str) -> Response {
        opened(self.request(Method::GET, &format!("/chat/{thread}/stream{query}"))).await
    }
}

/// The body of a stream that ended without a chunk.
pub async fn silence(response: Response) -> String {
    assert_eq!(response.status(), 200);
    response.text().await.unwrap()
}

/// The chunks of an AI SDK's stream, to its end.
pub async fn chunks(response: Response) -> Vec<Value> {
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    assert_eq!(response.headers()["x-vercel-ai-ui-message-stream"], "v1");
    let text = response.text().await.unwrap();
    let text = text.strip_prefix(":\n\n").unwrap_or(&text);
    let mut data: Vec<_> = text.split("\n\n").filter_map(|event| event.strip_prefix("data: ")).collect();
    assert_eq!(data.pop(), Some("[DONE]"));
    data.iter().map(|chunk| serde_json::from_str(chunk).unwrap()).collect()
}

impl Events {
    /// The next event, or `None` at the end.
    pub async fn next(&mut self) -> Option<Event> {
        let end = loop {
            if let Some(end) = self.read.find("\n\n") {
                break end;
            }
            self.read += std::str::from_utf8(&self.response.chunk().await.unwrap()?).unwrap();
        };
        let block: String = self.read.drain(..end + 2).collect();
        let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
        let data: Value = serde_json::from_str(&field("data: ").unwrap()).unwrap();
        let kind = field("event: ").unwrap();
        assert_eq!(data["type"], kind);
        validate_event(&data);
        Some(Event { kind, id: field("id: "), data })
    }

    pub async fn rest(&mut self) -> Vec<Event> {
        let mut rest = Vec::new();
        while let Some(event) = self.next().await {
            rest.push(event);
        }
        rest
    }
}
