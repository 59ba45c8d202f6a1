//! A webhook receiver: a customer's own server, which verifies the signatures of the webhooks that it receives.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, Response},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;
use tokio::{net::TcpListener, sync::Notify, task::JoinHandle};

pub const SECRET: &str = "a secret of the receiver's";

pub struct Receiver {
    pub url: String,
    state: Seen,
    serving: JoinHandle<()>,
}

/// The response to a request. Each is used once, in order; after the last it is 200 and `{}`.
#[derive(Clone, Debug)]
pub enum Reply {
    Status(u16, String),
    /// A redirect to another path of the same server.
    Redirect,
    Never,
}

/// A received request.
#[derive(Clone, Debug)]
pub struct Told {
    pub id: String,
    pub idempotency_key: String,
    pub body: Value,
}

#[derive(Clone, Default)]
struct Seen {
    told: Arc<Mutex<Vec<Result<Told, String>>>>,
    replies: Arc<Mutex<VecDeque<Reply>>>,
    came: Arc<Notify>,
}

impl Receiver {
    pub async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let state = Seen::default();
        let router = Router::new().fallback(take).with_state(state.clone());
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, state, serving }
    }

    pub fn replies(&self, replies: impl IntoIterator<Item = Reply>) {
        self.state.replies.lock().unwrap().extend(replies);
    }

    /// All requests received so far, each with a valid signature.
    #[track_caller]
    pub fn told(&self) -> Vec<Told> {
        self.state.told.lock().unwrap().iter().map(|told| told.clone().unwrap()).collect()
    }

    /// Returns once a request has come that no earlier call has waited for.
    pub async fn until_told(&self) {
        let came = self.state.came.notified();
        tokio::time::timeout(Duration::from_secs(20), came).await.expect("no webhook came in time");
    }

    #[track_caller]
    pub fn types(&self) -> Vec<String> {
        self.told().iter().map(|told| told.body["type"].as_str().unwrap().to_owned()).collect()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Reply {
    pub fn json(body: &Value) -> Self {
        Self::Status(200, body.to_string())
    }

    pub fn status(status: u16) -> Self {
        Self::Status(status, String::new())
    }
}

async fn take(State(seen): State<Seen>, headers: HeaderMap, body: Bytes) -> Response<Body> {
    seen.told.lock().unwrap().push(checked(&headers, &body));
    seen.came.notify_one();
    let reply = seen.replies.lock().unwrap().pop_front();
    match reply.unwrap_or_else(|| Reply::Status(200, "{}".into())) {
        Reply::Status(status, text) => Response::builder().status(status).body(text.into()).unwrap(),
        Reply::Redirect => {
            Response::builder().status(307).header("location", "/elsewhere").body(Body::empty()).unwrap()
        }
        Reply::Never => std::future::pending().await,
    }
}

/// Verifies a signature as `docs/webhooks.md` tells a receiver to.
fn checked(headers: &HeaderMap, body: &[u8]) -> Result<Told, String> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let (id, timestamp) = (header("webhook-id"), header("webhook-timestamp"));
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(format!("{id}.{timestamp}.").as_bytes());
    mac.update(body);
    let signature = header("webhook-signature");
    let given = BASE64_STANDARD.decode(signature.strip_prefix("v1,").unwrap_or_default()).unwrap_or_default();
    mac.verify_slice(&given).map_err(|_| format!("{id} has a wrong signature: {signature}"))?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let sent: u64 = timestamp.parse().map_err(|_| format!("{timestamp} is not a timestamp"))?;
    if id.is_empty() || header("content-type") != "application/json" || sent.abs_diff(now) > 3 * 24 * 3600 {
        return Err(format!("{headers:?}"));
    }
    let body = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    Ok(Told { id, idempotency_key: header("idempotency-key"), body })
}
