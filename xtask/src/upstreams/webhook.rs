//! A receiver of webhooks on a free port: it keeps the requests and answers each with a result.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use serde_json::Value;

/// The result of every function.
const RESULT: &str = r#"{"status": "sent on Monday"}"#;

/// A receiver that listens until this program ends.
pub(super) struct Webhook {
    pub(super) url: String,
    received: Arc<Mutex<Vec<Value>>>,
}

impl Webhook {
    pub(super) fn start() -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let url = format!("http://{}/", listener.local_addr()?);
        let received = Arc::new(Mutex::new(Vec::new()));
        let keep = received.clone();
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                // A connection that breaks off is Switchboard's to repeat.
                if let Ok(body) = receive(connection) {
                    keep.lock().unwrap_or_else(PoisonError::into_inner).push(body);
                }
            }
        });
        Ok(Self { url, received })
    }

    /// The arguments of all calls of a function so far.
    pub(super) fn calls(&self, function: &str) -> Vec<Value> {
        let received = self.received.lock().unwrap_or_else(PoisonError::into_inner);
        let calls = received.iter().filter(|body| body["type"] == "function.called" && body["name"] == function);
        calls.map(|call| call["arguments"].clone()).collect()
    }
}

/// Reads one request and responds to it. Returns the body.
fn receive(mut connection: TcpStream) -> io::Result<Value> {
    let mut reader = BufReader::new(connection.try_clone()?);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        if line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().map_err(io::Error::other)?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    write!(
        connection,
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{RESULT}",
        RESULT.len()
    )?;
    serde_json::from_slice(&body).map_err(io::Error::other)
}
