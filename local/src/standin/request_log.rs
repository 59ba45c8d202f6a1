//! What was asked: tests read it to see what a client really sent.

use std::collections::VecDeque;

use axum::http::request::Parts;
use serde::Serialize;
use serde_json::Value;

/// A request as it came in.
#[derive(Clone, Debug, Serialize)]
pub struct Recorded {
    pub method: String,
    /// With its query, if any.
    pub path: String,
    /// Null where the body was none, or no JSON.
    pub body: Value,
}

/// The newest requests. Bodies are kept as they came and parsed when they are read: most never are.
pub(super) struct RequestLog {
    keep: usize,
    kept: VecDeque<(String, String, Box<[u8]>)>,
}

impl RequestLog {
    pub(super) fn keeping(keep: usize) -> Self {
        Self { keep, kept: VecDeque::new() }
    }

    pub(super) fn write(&mut self, head: &Parts, body: &[u8]) {
        if self.keep == 0 {
            return;
        }
        if self.kept.len() == self.keep {
            self.kept.pop_front();
        }
        self.kept.push_back((head.method.to_string(), head.uri.to_string(), body.into()));
    }

    pub(super) fn read(&self) -> Vec<Recorded> {
        let recorded = |(method, path, body): &(String, String, Box<[u8]>)| Recorded {
            method: method.clone(),
            path: path.clone(),
            body: serde_json::from_slice(body).unwrap_or_default(),
        };
        self.kept.iter().map(recorded).collect()
    }

    pub(super) fn clear(&mut self) {
        self.kept.clear();
    }
}
