//! Another server that speaks `/v1/responses`, named by the environment.

use std::net::SocketAddr;

use futures::future;
use local::standin::{Options, RecordedRequest, Standin, serve};
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::tempdir;
use tokio::net::TcpListener;

use super::{Laptop, switchboard};
use tests::openai_schema::validate_request;

/// A server of its own, of which `switchboard` knows only the address.
async fn server() -> (Standin, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let standin = Standin::new(Options::default());
    tokio::spawn(serve(listener, standin.clone(), future::pending()));
    (standin, address)
}

/// Runs two turns with a `switchboard` of this memory. Returns the requests that the server got.
async fn two_turns(memory: &str) -> Vec<RecordedRequest> {
    let (standin, address) = server().await;
    let folder = tempdir().unwrap();
    let base_url = format!("http://{address}/v1");
    let environment = [("OPENAI_BASE_URL", base_url.as_str()), ("OPENAI_API_KEY", "x"), ("OPENAI_MEMORY", memory)];
    let laptop = Laptop::ready(switchboard(folder.path()).args(["--port", "0"]).envs(environment)).await;
    assert!(laptop.introduction.contains(&base_url), "it prints the server's address");
    assert!(!laptop.introduction.contains("stand-in"), "the server is not taken for the stand-in");

    let thread = laptop.thread().await;
    for text in ["Where is my parcel?", "And the other one?"] {
        let path = format!("/threads/{thread}/chat");
        let said = laptop.request(Method::POST, &path, laptop.variable("CUSTOMER"), Some(json!({ "text": text })));
        let (status, answer) = said.await;
        assert_eq!((status, &answer["reply"]["role"]), (200, &json!("bot")), "{answer}");
    }
    let requests = standin.requests();
    for request in &requests {
        validate_request(&request.path, &request.method, &request.body);
    }
    requests
}

/// The bodies of the requests to one route.
fn asked<'a>(requests: &'a [RecordedRequest], method: &str, path: &str) -> Vec<&'a Value> {
    let asked = requests.iter().filter(|request| request.method == method && request.path == path);
    asked.map(|request| &request.body).collect()
}

/// The role and text of each item of a response's input.
fn input(response: &Value) -> Vec<(&str, &str)> {
    let items = response["input"].as_array().unwrap().iter();
    items.map(|item| (item["role"].as_str().unwrap(), item["content"].as_str().unwrap_or("…"))).collect()
}

#[tokio::test]
async fn a_server_that_remembers_is_given_only_what_is_new() {
    let requests = two_turns("conversation").await;
    assert_eq!(asked(&requests, "POST", "/v1/conversations").len(), 1);
    let responses = asked(&requests, "POST", "/v1/responses");
    assert_eq!(responses.len(), 2);
    for response in &responses {
        assert!(response["conversation"].as_str().unwrap().starts_with("conv_"), "{response}");
        assert_eq!((&response["store"], &response["stream"]), (&json!(true), &json!(true)));
    }
    assert_eq!(responses[0]["conversation"], responses[1]["conversation"]);
    assert_eq!(input(responses[1]), [("user", "And the other one?")]);
}

#[tokio::test]
async fn a_server_that_remembers_nothing_is_given_the_log() {
    let requests = two_turns("local").await;
    assert_eq!(asked(&requests, "POST", "/v1/conversations").len(), 0);
    let responses = asked(&requests, "POST", "/v1/responses");
    assert_eq!(responses.len(), 2);
    for response in &responses {
        assert!(response["conversation"].is_null() && response["previous_response_id"].is_null(), "{response}");
        assert_eq!((&response["store"], &response["stream"]), (&json!(false), &json!(true)));
    }
    let said = input(responses[1]);
    let roles: Vec<_> = said.iter().map(|(role, _)| *role).collect();
    assert_eq!(roles, ["user", "assistant", "user"], "every message since the greeting");
    assert_eq!((said[0].1, said[2].1), ("Where is my parcel?", "And the other one?"));
    let instructions = responses[1]["instructions"].as_str().unwrap();
    assert!(instructions.contains("Hello! What can I do for you?"), "{instructions}");
}
