//! A client's WebSocket.

use std::time::Duration;

use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, tungstenite::Message};

use crate::event_schema::validate_event;

/// Timeout of a wait for an event: nothing in a test takes this long unless it hangs.
const TIMEOUT: Duration = Duration::from_secs(20);

/// A connected socket.
pub struct Socket(pub WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Socket {
    pub async fn says(&mut self, frame: Value) {
        self.0.send(Message::text(frame.to_string())).await.unwrap();
    }

    /// The next event other than `presence`, which comes and goes with every socket.
    pub async fn hears(&mut self) -> Value {
        loop {
            let event = self.hears_anything().await;
            if event["type"] != "presence" {
                return event;
            }
        }
    }

    /// The next event of any type.
    pub async fn hears_anything(&mut self) -> Value {
        loop {
            let frame = tokio::time::timeout(TIMEOUT, self.0.next()).await.expect("no event arrived in time");
            if let Message::Text(text) = frame.unwrap().unwrap() {
                let event: Value = serde_json::from_str(&text).unwrap();
                if event["type"].is_string() {
                    validate_event(&event);
                }
                return event;
            }
        }
    }

    /// The next event of this type; the ones before it are dropped.
    pub async fn hears_of(&mut self, kind: &str) -> Value {
        loop {
            let event = self.hears_anything().await;
            if event["type"] == kind {
                return event;
            }
        }
    }

    /// Returns once the server has closed the socket.
    pub async fn until_closed(&mut self) {
        let closed = async { while let Some(Ok(_)) = self.0.next().await {} };
        tokio::time::timeout(TIMEOUT, closed).await.expect("the socket stayed open");
    }

    /// All events received before the `pong` to a ping: everything that was sent earlier has arrived by then.
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
