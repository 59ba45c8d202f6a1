//! A server of published keys that counts its requests.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use axum::{
    Router,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::{Value, json};
use tokio::sync::{Semaphore, watch};

use super::signer::Signer;

pub(super) struct Issuer {
    pub(super) url: String,
    desk: Arc<Desk>,
}

struct Desk {
    answer: watch::Sender<(StatusCode, String)>,
    fetches: AtomicUsize,
    /// One permit for each request received.
    arrivals: Semaphore,
    open: watch::Sender<bool>,
}

impl Issuer {
    pub(super) async fn of(signers: &[&Signer]) -> Self {
        let desk = Arc::new(Desk {
            answer: watch::Sender::new((StatusCode::OK, set(signers))),
            fetches: AtomicUsize::new(0),
            arrivals: Semaphore::new(0),
            open: watch::Sender::new(true),
        });
        let router = Router::new().route("/keys", get(publish)).with_state(Arc::clone(&desk));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/keys", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, desk }
    }

    pub(super) fn publishes(&self, signers: &[&Signer]) {
        self.answers(StatusCode::OK, &set(signers));
    }

    pub(super) fn answers(&self, status: StatusCode, body: &str) {
        self.desk.answer.send_replace((status, body.to_owned()));
    }

    /// Makes requests wait from now on, until it opens again.
    pub(super) fn closes(&self) {
        self.desk.open.send_replace(false);
    }

    pub(super) fn opens(&self) {
        self.desk.open.send_replace(true);
    }

    /// Returns when one more request has come.
    pub(super) async fn is_asked(&self) {
        self.desk.arrivals.acquire().await.unwrap().forget();
    }

    pub(super) fn fetches(&self) -> usize {
        self.desk.fetches.load(Ordering::SeqCst)
    }
}

async fn publish(State(desk): State<Arc<Desk>>) -> Response {
    desk.fetches.fetch_add(1, Ordering::SeqCst);
    desk.arrivals.add_permits(1);
    desk.open.subscribe().wait_for(|open| *open).await.unwrap();
    desk.answer.borrow().clone().into_response()
}

fn set(signers: &[&Signer]) -> String {
    let keys: Vec<Value> = signers.iter().map(|signer| signer.jwk()).collect();
    json!({ "keys": keys }).to_string()
}
