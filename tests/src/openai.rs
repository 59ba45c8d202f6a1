//! OpenAI behind the API: its faults, its held responses, and the requests that it received.

use std::time::Duration;

use local::{
    Options,
    standin::{Failure, Fault, Hold, RecordedRequest},
};
use serde_json::Value;
use shared::openai::RetryPolicy;

use crate::stage::Stage;

pub const RESPONSES: &str = "/v1/responses";

/// Options with a first retry wait of one millisecond instead of production's half second; the timeouts are
/// production's.
pub fn brisk() -> Options {
    let retry_policy = RetryPolicy {
        attempts: 3,
        locked_attempts: 3,
        first_wait: Duration::from_millis(1),
        longest_wait: Duration::from_millis(500),
        ..RetryPolicy::default()
    };
    Options { retry_policy, ..Options::default() }
}

impl Stage {
    /// Makes the next response fail like this.
    pub fn next_response(&self, failure: impl Into<Failure>) {
        self.responses(failure, 1);
    }

    /// Makes the next `times` responses fail like this.
    pub fn responses(&self, failure: impl Into<Failure>, times: u32) {
        self.standin().fault(Fault::on("POST", RESPONSES, failure).times(times));
    }

    /// Holds the next response before its first word.
    pub fn hold(&self) -> Hold {
        self.standin().hold("POST", RESPONSES, 0)
    }

    /// Holds the next response after this many of its words.
    pub fn hold_after(&self, words: usize) -> Hold {
        self.standin().hold("POST", RESPONSES, words)
    }

    /// The bodies of all requests to the model so far, refused ones included.
    pub fn asked(&self) -> Vec<Value> {
        let asked = |request: &RecordedRequest| request.method == "POST" && request.path == RESPONSES;
        self.standin().requests().into_iter().filter(asked).map(|request| request.body).collect()
    }

    /// The input of each request to the model, as lines of `role: text`, or `[type]` for an item that is not a message.
    pub fn inputs(&self) -> Vec<Vec<String>> {
        let line = |item: &Value| match item["role"].as_str() {
            Some(role) => format!("{role}: {}", item["content"].as_str().unwrap()),
            None => format!("[{}]", item["type"].as_str().unwrap()),
        };
        self.asked().iter().map(|body| body["input"].as_array().unwrap().iter().map(line).collect()).collect()
    }

    /// Sends the stand-in a request that Switchboard itself does not make.
    pub async fn openai(&self, method: reqwest::Method, path: &str, body: Value) {
        let url = format!("{}{path}", self.board.endpoints().openai_url);
        let request = reqwest::Client::new().request(method, url).bearer_auth("standin").json(&body);
        request.send().await.unwrap().error_for_status().unwrap();
    }
}
