//! The server of a case: it gives the case's answers over HTTP, keeps conversations, and records what it is asked.

use std::{
    collections::VecDeque,
    io,
    panic::resume_unwind,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::{Body as HttpBody, to_bytes},
    extract::{Request, State},
    response::Response,
};
use bytes::Bytes;
use futures::{StreamExt, stream};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

use super::{
    answer::{Answer, Body, Form, Written},
    case::{Case, Models},
    conversations::Conversations,
    refusal::Refusal,
    stream::{Chunk, StreamEnd},
};

/// The text of an answer that no case describes.
pub const PLAIN_ANSWER: &str = "You are welcome.";

/// A running server, which plays one case after another.
pub struct Peer {
    pub base_url: String,
    state: Current,
    serving: JoinHandle<()>,
}

/// The state of the case that is played.
type Current = Arc<Mutex<Arc<PeerState>>>;

/// A request that the server got.
#[derive(Clone, Debug)]
pub struct Seen {
    pub method: String,
    /// The path without `/v1`.
    pub path: String,
    pub body: Value,
}

#[derive(Default)]
struct PeerState {
    form: Form,
    /// Somebody listens to the answers' words.
    is_listened_to: bool,
    refuses: Vec<Refusal>,
    models: Models,
    answers: Mutex<VecDeque<Answer>>,
    conversations: Mutex<Conversations>,
    seen: Mutex<Vec<Seen>>,
    /// The number of requests for a response so far.
    asked_count: watch::Sender<usize>,
    /// The number of events with words that listeners got so far.
    shown_count: watch::Sender<usize>,
    /// Answers wait while this is set.
    is_held: watch::Sender<bool>,
}

impl Peer {
    pub async fn start() -> Self {
        let state = Current::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}/v1", listener.local_addr().unwrap());
        let router = Router::new().fallback(play).with_state(Arc::clone(&state));
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { base_url, state, serving }
    }

    /// Plays this case from now on. `is_listened_to`: somebody calls [`Peer::shown`].
    pub fn play(&self, case: &Case, form: Form, is_listened_to: bool) {
        let state = PeerState {
            form,
            is_listened_to,
            refuses: case.refuses.clone(),
            models: case.models.clone(),
            answers: Mutex::new(case.answers.iter().cloned().collect()),
            ..PeerState::default()
        };
        *self.state.lock().unwrap() = Arc::new(state);
    }

    fn state(&self) -> Arc<PeerState> {
        Arc::clone(&self.state.lock().unwrap())
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.state().seen.lock().unwrap().clone()
    }

    /// The bodies of all requests for a response.
    pub fn asked(&self) -> Vec<Value> {
        let asked = |seen: &Seen| seen.method == "POST" && seen.path == "/responses";
        self.seen().into_iter().filter(asked).map(|seen| seen.body).collect()
    }

    pub fn answers_left(&self) -> usize {
        self.state().answers.lock().unwrap().len()
    }

    pub fn conversations(&self) -> Vec<String> {
        self.state().conversations.lock().unwrap().ids()
    }

    /// Says that a listener got words of an answer.
    pub fn shown(&self) {
        self.state().shown_count.send_modify(|count| *count += 1);
    }

    /// Makes answers wait, or lets them go on.
    pub fn hold(&self, is_held: bool) {
        self.state().is_held.send_replace(is_held);
    }

    /// Returns once there were this many requests for a response.
    pub async fn until_asked(&self, count: usize) {
        let state = self.state();
        let mut asked = state.asked_count.subscribe();
        asked.wait_for(|asked| *asked >= count).await.expect("the server lives");
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn play(State(current): State<Current>, request: Request) -> Response {
    let state = Arc::clone(&current.lock().unwrap());
    let (head, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
    let path = head.uri.path().strip_prefix("/v1").unwrap_or(head.uri.path()).to_owned();
    let body = serde_json::from_slice(&body).unwrap_or_default();
    let seen = Seen { method: head.method.to_string(), path, body };
    state.seen.lock().unwrap().push(seen.clone());
    let segments: Vec<&str> = seen.path.split('/').skip(1).collect();
    let body = match (seen.method.as_str(), segments.as_slice()) {
        ("POST", ["responses"]) => return state.answer(&seen.body).await,
        (method, ["conversations", rest @ ..]) => state.conversations.lock().unwrap().respond(method, rest, &seen.body),
        ("GET", ["models"]) => {
            state.models.list.clone().unwrap_or_else(|| Body::of(&json!({ "object": "list", "data": [] })))
        }
        ("GET", ["models", id @ ..]) => {
            let model = json!({ "id": id.join("/"), "object": "model", "created": 1, "owned_by": "somebody" });
            state.models.one.clone().unwrap_or_else(|| Body::of(&model))
        }
        ("DELETE", [_, id]) => Body::of(&json!({ "id": id, "deleted": true })),
        ("POST", ["files"]) => Body::of(&json!({ "id": state.numbered("file") })),
        ("POST", ["vector_stores"]) => Body::of(&json!({ "id": state.numbered("vs") })),
        _ => Body::refusal(404, "unknown_url", "Invalid URL"),
    };
    state.send(body.write(), 0)
}

impl PeerState {
    /// The answer to a request for a response.
    async fn answer(self: &Arc<Self>, request: &Value) -> Response {
        let mut number = 0;
        self.asked_count.send_modify(|count| {
            *count += 1;
            number = *count;
        });
        let shown_count = *self.shown_count.borrow();
        let mut held = self.is_held.subscribe();
        let _ = held.wait_for(|is_held| !is_held).await;
        let refused = self.conversations.lock().unwrap().refuse(request);
        let refused = refused
            .or_else(|| self.refuses.iter().find(|it| it.refuses(request)).map(|it| it.body.clone()))
            .map(Body::write);
        if let Some(refused) = refused {
            return self.send(refused, shown_count);
        }
        let answer = self.answers.lock().unwrap().pop_front().unwrap_or_else(|| Answer::plain(PLAIN_ANSWER));
        let model = request["model"].as_str().unwrap_or_default();
        let mut written = answer.write(&format!("resp_{number}"), model, self.form);
        if let Some(output) = written.landed.take() {
            self.conversations.lock().unwrap().add(request, output);
        }
        if written.end == StreamEnd::NoResponse {
            // Ends the connection's task, and so the connection. Nothing is printed, other than by `panic!`.
            resume_unwind(Box::new("the connection is closed"));
        }
        self.send(written, shown_count)
    }

    fn send(self: &Arc<Self>, written: Written, shown_count: usize) -> Response {
        let mut response = Response::builder().status(written.status).header("x-request-id", "req_1");
        for (name, value) in &written.headers {
            response = response.header(name, value);
        }
        let (state, end) = (Arc::clone(self), written.end);
        let chunks = stream::iter(written.chunks).filter_map(move |chunk| {
            let state = Arc::clone(&state);
            async move {
                match chunk {
                    Chunk::Bytes(bytes) => Some(Ok(Bytes::from(bytes))),
                    Chunk::UntilShown => {
                        state.until_shown(shown_count).await;
                        None
                    }
                }
            }
        });
        let last = stream::once(async move {
            // Gives the connection the time to send what came before.
            tokio::task::yield_now().await;
            if end == StreamEnd::Clean { Ok(Bytes::new()) } else { Err(io::Error::other("cut")) }
        });
        response.body(HttpBody::from_stream(chunks.chain(last))).unwrap()
    }

    async fn until_shown(&self, shown_count: usize) {
        if self.is_listened_to && self.form == Form::Streamed {
            let mut shown = self.shown_count.subscribe();
            let _ = shown.wait_for(|count| *count > shown_count).await;
        }
    }

    fn numbered(&self, kind: &str) -> String {
        format!("{kind}_{}", self.seen.lock().unwrap().len())
    }
}
