//! A WebSocket, as a client listens to it.

use std::time::Duration;

use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, tungstenite::Message};

use crate::event_schema::validate_event;

/// Nothing in a test takes this long unless it hangs.
const PATIENCE: Duration = Duration::from_secs(20);

/// A connected socket.
pub struct Socket(pub WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Socket {
    pub async fn says(&mut self, frame: Value) {
        self.0.send(Message::text(frame.to_string())).await.unwrap();
    }

    /// The next event, but for who is present: that comes and goes with every socket.
    pub async fn hears(&mut self) -> Value {
        loop {
            let event = self.hears_anything().await;
            if event["type"] != "presence" {
                return event;
            }
        }
    }

    /// The next event of all.
    pub async fn hears_anything(&mut self) -> Value {
        loop {
            let frame = tokio::time::timeout(PATIENCE, self.0.next()).await.expect("nothing was heard");
            if let Message::Text(text) = frame.unwrap().unwrap() {
                let event: Value = serde_json::from_str(&text).unwrap();
                if event["type"].is_string() {
                    validate_event(&event);
                }
                return event;
            }
        }
    }

    /// The next event of this type; those before it are passed over.
    pub async fn hears_of(&mut self, kind: &str) -> Value {
        loop {
            let event = self.hears_anything().await;
            if event["type"] == kind {
                return event;
            }
        }
    }

    /// All events up to the answer to a ping: what had been sent before it has arrived by then.
    pub async fn heard_so_far(&mut self) -> Vec<Value> {
        self.says(json!({ "action": "ping" })).await;
        let mut heard = Vec::new();
        loop {
            let event = self.hears().await;
            if event["type"] == "pong" {
                return heard;
            }
            heard.push(event);
        }
    }
}
