//! The server at the other end: it records the requests that it gets, and responds from a script.

use std::{
    collections::VecDeque,
    future::pending,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{ConnectInfo, Request, State},
    response::Response,
};
use bytes::Bytes;
use futures::{StreamExt, stream};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::yield_now};

use tests::openai_schema;

pub(crate) struct Peer {
    pub(crate) base_url: String,
    state: Arc<PeerState>,
}

/// One request as it arrived.
#[derive(Clone)]
pub(crate) struct Seen {
    /// Method, path and query: `DELETE /v1/files/file_1`.
    pub(crate) line: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// The client's address, which identifies the connection.
    pub(crate) from: SocketAddr,
}

type Script = dyn FnMut(&Seen) -> Response + Send;

struct PeerState {
    seen: Mutex<Vec<Seen>>,
    script: Mutex<Box<Script>>,
}

/// Marks a response that never comes.
#[derive(Clone)]
struct Silence;

impl Peer {
    /// A server that responds to each request as `script` says.
    pub(crate) async fn playing(script: impl FnMut(&Seen) -> Response + Send + 'static) -> Self {
        let state = Arc::new(PeerState { seen: Mutex::default(), script: Mutex::new(Box::new(script)) });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}/v1", listener.local_addr().unwrap());
        let router = Router::new().fallback(play).with_state(Arc::clone(&state));
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, service).await });
        Self { base_url, state }
    }

    /// A server that gives these responses in this order; a request too many is refused with 418.
    pub(crate) async fn saying(answers: impl IntoIterator<Item = Response>) -> Self {
        let mut answers: VecDeque<Response> = answers.into_iter().collect();
        Self::playing(move |_| answers.pop_front().unwrap_or_else(|| status(418))).await
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.state.seen.lock().unwrap().clone()
    }

    /// The request lines alone.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.seen().into_iter().map(|seen| seen.line).collect()
    }
}

impl Seen {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// Validates, after every test, that each request that the client sent matches OpenAI's document.
impl Drop for Peer {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        for seen in self.seen() {
            let (method, path) = seen.line.split_once(' ').unwrap();
            if let Ok(body) = serde_json::from_slice(&seen.body) {
                openai_schema::validate_request(path, method, &body);
            }
        }
    }
}

async fn play(
    State(state): State<Arc<PeerState>>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    let (head, body) = request.into_parts();
    let seen = Seen {
        line: format!("{} {}", head.method, head.uri),
        headers: head.headers,
        body: to_bytes(body, usize::MAX).await.unwrap(),
        from,
    };
    let answer = state.script.lock().unwrap()(&seen);
    state.seen.lock().unwrap().push(seen);
    if answer.extensions().get::<Silence>().is_some() {
        return pending().await;
    }
    answer
}

pub(crate) fn status(status: u16) -> Response {
    text(status, "text/plain", "")
}

pub(crate) fn text(status: u16, content_type: &str, body: impl Into<Body>) -> Response {
    let answer = Response::builder().status(status).header("content-type", content_type);
    answer.header("x-request-id", "req_1").body(body.into()).unwrap()
}

pub(crate) fn json(status: u16, body: &Value) -> Response {
    text(status, "application/json", body.to_string())
}

/// A refusal in OpenAI's format.
pub(crate) fn refusal(status: u16, code: &str, message: &str) -> Response {
    let error = json!({ "message": message, "type": "invalid_request_error", "param": null, "code": code });
    json(status, &json!({ "error": error }))
}

pub(crate) fn with_header(mut answer: Response, name: &'static str, value: &str) -> Response {
    answer.headers_mut().insert(name, value.parse().unwrap());
    answer
}

/// Accepts a request and never responds.
pub(crate) fn silence() -> Response {
    let mut answer = status(StatusCode::OK.as_u16());
    answer.extensions_mut().insert(Silence);
    answer
}

/// The end of a stream's body.
#[derive(Clone, Copy)]
pub(crate) enum End {
    Clean,
    Cut,
    Silent,
}

/// A stream in chunks, each sent before the next is polled.
pub(crate) fn pieces(pieces: Vec<Bytes>, end: End) -> Response {
    let pieces = stream::iter(pieces).then(|piece| async {
        yield_now().await;
        Ok(piece)
    });
    let end = stream::once(async move {
        yield_now().await;
        match end {
            End::Clean => Ok(Bytes::new()),
            End::Cut => Err(io::Error::other("cut")),
            End::Silent => pending().await,
        }
    });
    text(200, "text/event-stream; charset=utf-8", Body::from_stream(pieces.chain(end)))
}

/// A stream of these events that ends cleanly.
pub(crate) fn events(events: &[Value]) -> Response {
    pieces(vec![wire(events).into()], End::Clean)
}

/// Events in OpenAI's wire format.
pub(crate) fn wire(events: &[Value]) -> String {
    let write = |event: &Value| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap_or("message"));
    events.iter().map(write).collect()
}

/// The usual stream of a response with this text.
pub(crate) fn reply(text: &str) -> Vec<Value> {
    let begun = json!({ "id": "resp_1", "status": "in_progress", "output": [] });
    vec![
        json!({ "type": "response.created", "response": begun }),
        json!({ "type": "response.in_progress", "response": begun }),
        json!({
            "type": "response.output_text.delta", "item_id": "msg_1", "output_index": 0, "content_index": 0,
            "delta": text, "logprobs": [],
        }),
        completed(&json!([message(text)])),
    ]
}

pub(crate) fn delta(index: u64, text: &str) -> Value {
    json!({ "type": "response.output_text.delta", "output_index": index, "content_index": 0, "delta": text })
}

pub(crate) fn item_added(index: u64, item: &Value) -> Value {
    json!({ "type": "response.output_item.added", "output_index": index, "item": item })
}

pub(crate) fn item_done(index: u64, item: &Value) -> Value {
    json!({ "type": "response.output_item.done", "output_index": index, "item": item })
}

pub(crate) fn completed(output: &Value) -> Value {
    let response = json!({ "id": "resp_1", "status": "completed", "output": output, "usage": null });
    json!({ "type": "response.completed", "response": response })
}

pub(crate) fn message(text: &str) -> Value {
    let content = json!([{ "type": "output_text", "text": text, "annotations": [] }]);
    json!({ "type": "message", "id": "msg_1", "role": "assistant", "content": content })
}

/// A message of a model that tells its phases apart.
pub(crate) fn phased(phase: &str, text: &str) -> Value {
    let mut message = message(text);
    message["phase"] = phase.into();
    message
}

pub(crate) fn call(call_id: &str, name: &str) -> Value {
    json!({ "type": "function_call", "id": "fc_1", "call_id": call_id, "name": name, "arguments": "{}" })
}
