//! A server whose answers have 20 MB each: the memory that a turn takes.

use std::{fs, io};

use axum::{
    Json, Router,
    body::{Body, Bytes},
    http::header::CONTENT_TYPE,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use futures::{StreamExt, stream};
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::tempdir;
use tokio::net::TcpListener;

use super::{Laptop, switchboard};

const MEGABYTE: u64 = 1024 * 1024;

/// The memory that a turn may take.
const MAX_TURN_BYTES: u64 = 32 * MEGABYTE;

/// Answers in the form that the message names.
async fn respond(Json(request): Json<Value>) -> Response {
    let request = request.to_string();
    let text = "Blah blah ".repeat(2 * 1024 * 1024);
    let content = json!([{ "type": "output_text", "text": text, "annotations": [] }]);
    let message = json!({ "type": "message", "id": "msg_1", "role": "assistant", "content": content });
    let response = json!({ "id": "resp_1", "status": "completed", "output": [message] });
    let events = if request.contains("as json") {
        return Json(response).into_response();
    } else if request.contains("as one event") {
        vec![json!({ "type": "response.completed", "response": response })]
    } else if request.contains("in deltas") {
        let delta =
            |text: &[u8]| json!({ "type": "response.output_text.delta", "delta": String::from_utf8_lossy(text) });
        let deltas = text.as_bytes().chunks(1024).map(delta);
        deltas.chain([json!({ "type": "response.completed", "response": response })]).collect()
    } else {
        vec![json!({ "type": "response.output_text.delta", "delta": "Hello." }), json!({ "type": "response.done" })]
    };
    let events = stream::iter(events).map(|event| Ok::<_, io::Error>(Bytes::from(format!("data: {event}\n\n"))));
    ([(CONTENT_TYPE, "text/event-stream")], Body::from_stream(events)).into_response()
}

/// The most memory that the process has taken so far; `None` on a system that does not say.
fn peak_bytes(laptop: &Laptop) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{}/status", laptop.child.id()?)).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()? * 1024)
}

#[tokio::test]
async fn an_answer_of_twenty_megabytes_takes_a_turn_little_memory() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    let models = get(async || Json(json!({ "object": "list", "data": [{ "id": "heavy", "object": "model" }] })));
    let router = Router::new().route("/v1/models", models).route("/v1/responses", post(respond));
    tokio::spawn(async move { axum::serve(listener, router).await });
    let folder = tempdir().unwrap();
    let environment = [("OPENAI_BASE_URL", url.as_str()), ("OPENAI_MEMORY", "local")];
    let laptop = Laptop::ready(switchboard(folder.path()).args(["--port", "0"]).envs(environment)).await;
    let asks = async |text: &str| {
        let path = format!("/threads/{}/chat", laptop.thread().await);
        let body = json!({ "text": text });
        laptop.request(Method::POST, &path, laptop.variable("CUSTOMER"), Some(body)).await
    };
    assert_eq!(asks("Answer shortly").await.1["reply"]["text"], "Hello.");
    let Some(before) = peak_bytes(&laptop) else { return };

    let (_, cut) = asks("Answer in deltas").await;
    assert_eq!(cut["reply"]["cut"], "length", "{cut}");
    assert_eq!(cut["reply"]["text"].as_str().map(str::len), Some(64 * 1024));
    for form in ["as one event", "as json"] {
        let (_, failed) = asks(&format!("Answer {form}")).await;
        assert_eq!(failed["thread"]["status"], "queued", "{form}: {failed}");
        assert_eq!(failed["thread"]["reason"], "failure", "{form}");
    }
    let taken = peak_bytes(&laptop).unwrap() - before;
    println!("three turns of 20 MB took {} MB at most", taken / MEGABYTE);
    assert!(taken < MAX_TURN_BYTES, "{taken} bytes");
}
