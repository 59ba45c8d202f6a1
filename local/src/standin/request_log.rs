//! The log of requests, from which tests read what a client sent.

use std::collections::VecDeque;

use axum::http::request::Parts;
use serde::Serialize;
use serde_json::Value;

/// A request that was received.
#[derive(Clone, Debug, Serialize)]
pub struct RecordedRequest {
    pub method: String,
    /// The path, with its query if there is one.
    pub path: String,
    /// The body; null if it was empty or not JSON.
    pub body: Value,
}

/// The newest requests. Bodies are parsed when they are read, because most never are.
pub(super) struct RequestLog {
    capacity: usize,
    requests: VecDeque<(String, String, Box<[u8]>)>,
}

impl RequestLog {
    pub(super) fn new(capacity: usize) -> Self {
        Self { capacity, requests: VecDeque::new() }
    }

    pub(super) fn write(&mut self, head: &Parts, body: &[u8]) {
        if self.capacity == 0 {
            return;
        }
        if self.requests.len() == self.capacity {
            self.requests.pop_front();
        }
        self.requests.push_back((head.method.to_string(), head.uri.to_string(), body.into()));
    }

    pub(super) fn read(&self) -> Vec<RecordedRequest> {
        let recorded = |(method, path, body): &(String, String, Box<[u8]>)| RecordedRequest {
            method: method.clone(),
            path: path.clone(),
            body: serde_json::from_slice(body).unwrap_or_default(),
        };
        self.requests.iter().map(recorded).collect()
    }

    pub(super) fn clear(&mut self) {
        self.requests.clear();
    }
}
