//! REST requests: they become REST proxy events, or are refused with the template's gateway responses.

use std::{sync::Arc, time::Duration};

use insta::assert_json_snapshot;
use lambda_http::{Body, Error, Request, Response};
use local::gateway::Limits;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::{Notify, mpsc},
};

use super::gate::{Gate, settled};

#[tokio::test]
async fn a_request_reaches_its_function_as_a_rest_proxy_event() {
    let gate = Gate::echoing().await;
    let answer = gate.post("/threads/thr%5F1/chat?a=1&a=2&b=%20x").body(r#"{"text": "Hi"}"#).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let id = answer.headers()["x-amzn-requestid"].to_str().unwrap().to_owned();
    let seen: Value = answer.json().await.unwrap();
    assert_eq!(seen["context"]["requestId"], id);
    assert_json_snapshot!(settled(seen), @r#"
    {
      "body": "{\"text\": \"Hi\"}",
      "context": {
        "accountId": "000000000000",
        "apiId": "local",
        "authorizer": {
          "expires": "4102444800",
          "principalId": "ana",
          "role": "agent",
          "tenant": "acme"
        },
        "domainName": "[host]",
        "httpMethod": "POST",
        "identity": {
          "sourceIp": "127.0.0.1"
        },
        "path": "/v1/threads/thr%5F1/chat",
        "protocol": "HTTP/1.1",
        "requestId": "[id]",
        "requestTime": "[time]",
        "requestTimeEpoch": "[time]",
        "resourcePath": "/threads/{thread_id}/chat",
        "stage": "v1"
      },
      "headers": {
        "accept": "*/*",
        "authorization": "Bearer ana",
        "content-length": "14",
        "host": "[host]",
        "x-forwarded-for": "127.0.0.1",
        "x-forwarded-proto": "http"
      },
      "method": "POST",
      "path": [
        "thread_id=thr_1"
      ],
      "query": [
        "a=1",
        "a=2",
        "b= x"
      ],
      "rawPath": "/threads/thr%5F1/chat"
    }
    "#);
}

#[tokio::test]
async fn a_preflight_needs_no_token_and_names_the_methods_of_the_template() {
    let gate = Gate::echoing().await;
    let answer = gate.http.request(reqwest::Method::OPTIONS, gate.url("/threads/thr_1")).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["access-control-allow-origin"], "*");
    assert_eq!(answer.headers()["access-control-allow-methods"], "GET,POST,PATCH,DELETE,OPTIONS");
    assert!(answer.headers()["access-control-allow-headers"].to_str().unwrap().contains("Idempotency-Key"));
}

/// The status, the headers that a browser needs, and the problem.
async fn refusal(request: reqwest::RequestBuilder) -> Value {
    let answer = request.send().await.unwrap();
    let header = |name: &str| answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    let (status, origin, kind) =
        (answer.status().as_u16(), header("access-control-allow-origin"), header("content-type"));
    let problem: Value = answer.json().await.unwrap();
    json!([status, origin, kind, problem["status"], problem["code"]])
}

#[tokio::test]
async fn what_the_gateway_refuses_is_a_problem_that_a_browser_may_read() {
    let gate = Gate::echoing().await;
    let get = |path: &str, token: &str| gate.http.get(gate.url(path)).header("authorization", token);
    let problem = |status: u16, code: &str| json!([status, "*", "application/problem+json", status, code]);

    assert_eq!(refusal(gate.http.get(gate.url("/threads"))).await, problem(401, "unauthenticated"));
    assert_eq!(refusal(get("/threads", "Bearer nobody")).await, problem(401, "unauthenticated"));
    assert_eq!(refusal(get("/threads", "Bearer eve")).await, problem(403, "forbidden"));
    assert_eq!(refusal(get("/threads", "Bearer bug")).await, problem(500, "internal"));
    assert_eq!(refusal(get("/nowhere", "Bearer ana")).await, problem(404, "not_found"));
    assert_eq!(refusal(get("/threads/thr_1/chat", "Bearer ana")).await, problem(404, "not_found"));
    assert_eq!(
        refusal(gate.http.request(reqwest::Method::OPTIONS, gate.url("/nowhere"))).await,
        problem(404, "not_found")
    );
}

#[tokio::test]
async fn a_body_of_more_than_ten_megabytes_and_a_long_head_are_too_large() {
    let gate = Gate::echoing().await;
    let too_large = json!([413, "*", "application/problem+json", 413, "too_large"]);
    let body = "x".repeat(10 * 1024 * 1024 + 1);
    assert_eq!(refusal(gate.post("/threads").body(body)).await, too_large);
    assert_eq!(refusal(gate.get("/threads").header("x-long", "x".repeat(10_240))).await, too_large);
    assert_eq!(gate.get("/threads").header("x-long", "x".repeat(9_000)).send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_body_that_does_not_come_in_time_is_not_waited_for() {
    let limits = Limits { body_timeout: Duration::from_millis(50), ..Limits::default() };
    let gate = Gate::open(limits, |functions| functions).await;
    let address = gate.address;
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST /threads HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer ana\r\ncontent-length: 9\r\n\r\n{{"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 256];
    let read = tokio::time::timeout(Duration::from_secs(20), stream.read(&mut answer)).await;
    let answer = String::from_utf8_lossy(&answer[..read.expect("it does not wait").unwrap()]).into_owned();
    assert!(answer.starts_with("HTTP/1.1 408 Request Timeout\r\n"), "{answer}");
}

/// A handler that reports its start, waits to be released, and reports its end.
fn slow(started: mpsc::Sender<()>, go: Arc<Notify>, ended: mpsc::Sender<()>) -> impl Fn(Request) -> Slow + Send + Sync {
    move |_| {
        let (started, go, ended) = (started.clone(), Arc::clone(&go), ended.clone());
        Box::pin(async move {
            started.send(()).await?;
            go.notified().await;
            ended.send(()).await?;
            Ok(Response::new(Body::Empty))
        })
    }
}
type Slow = std::pin::Pin<Box<dyn Future<Output = Result<Response<Body>, Error>> + Send>>;

#[tokio::test]
async fn a_caller_who_waited_too_long_is_answered_while_the_handler_runs_on() {
    let (started, _starts) = mpsc::channel(1);
    let (ended, mut ends) = mpsc::channel(1);
    let go = Arc::new(Notify::new());
    let limits = Limits { integration_timeout: Duration::from_millis(50), ..Limits::default() };
    let gate = Gate::open(limits, |functions| functions.with("thread", slow(started, Arc::clone(&go), ended))).await;

    let late = refusal(gate.get("/threads")).await;
    assert_eq!(late, json!([503, "*", "application/problem+json", 503, "busy"]));
    assert!(ends.try_recv().is_err());
    go.notify_one();
    ends.recv().await.expect("the handler ends by itself");
}

#[tokio::test]
async fn a_caller_who_leaves_ends_nothing() {
    let (started, mut starts) = mpsc::channel(1);
    let (ended, mut ends) = mpsc::channel(1);
    let go = Arc::new(Notify::new());
    let gate =
        Gate::open(Limits::default(), |functions| functions.with("thread", slow(started, Arc::clone(&go), ended)))
            .await;

    let mut caller = TcpStream::connect(gate.address).await.unwrap();
    caller.write_all(b"GET /threads HTTP/1.1\r\nhost: here\r\nauthorization: Bearer ana\r\n\r\n").await.unwrap();
    starts.recv().await.unwrap();
    drop(caller);
    go.notify_one();
    ends.recv().await.expect("the handler ends by itself");
}

#[tokio::test]
async fn a_function_that_fails_or_panics_is_a_500_without_its_cause() {
    let gate = Gate::open(Limits::default(), |functions| {
        let failing = async |_: Request| Err::<Response<Body>, _>(Error::from("the secret of the house"));
        functions
            .with("thread", failing)
            .with("chatbot", async |_: Request| -> Result<Response<Body>, Error> { panic!("on purpose") })
    })
    .await;
    for path in ["/threads", "/chatbots"] {
        assert_eq!(refusal(gate.get(path)).await, json!([500, "*", "application/problem+json", 500, "internal"]));
    }
}

#[tokio::test]
async fn a_host_that_is_no_host_fails_its_own_request_alone() {
    let gate = Gate::echoing().await;
    let mut caller = TcpStream::connect(gate.address).await.unwrap();
    let request = "GET /threads HTTP/1.1\r\nhost: [::\r\nauthorization: Bearer ana\r\nconnection: close\r\n\r\n";
    caller.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    caller.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 500"), "{answer}");
    assert_eq!(gate.get("/threads").send().await.unwrap().status(), 200);
}
