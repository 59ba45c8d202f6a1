//! The stand-in's control routes over HTTP, and their counts.

use std::time::Duration;

use futures::future;
use local::standin::{Options, Standin, serve};
use serde_json::json;
use tokio::{net::TcpListener, sync::oneshot};

use super::{Server, events_in, last, refusal};
use tests::openai_schema::validate_request;

#[tokio::test]
async fn requests_are_remembered_with_their_bodies() {
    let server = Server::start().await;
    server.respond(json!({"input": "hello"})).await;
    server.get("/v1/models?x=1").await;
    let requests = server.standin.requests();
    assert_eq!(requests[0].body["input"], "hello");
    assert_eq!((requests[1].method.as_str(), requests[1].path.as_str()), ("GET", "/v1/models?x=1"));
    assert!(requests[1].body.is_null());
    for request in &requests {
        validate_request(&request.path, &request.method, &request.body);
    }
    let (_, over_http) = server.get("/standin/requests").await;
    assert_eq!(over_http, json!(requests));
    assert_eq!(server.delete("/standin/requests").await.0, 204);
    assert!(server.standin.requests().is_empty());
}

#[tokio::test]
async fn the_state_counts_what_exists() {
    let server = Server::start().await;
    let conversation = server.conversation().await;
    server.respond(json!({"input": "hello", "conversation": conversation})).await;
    let (_, state) = server.get("/standin/state").await;
    insta::assert_json_snapshot!(state, @r#"
    {
      "conversations": 1,
      "files": 0,
      "items": 2,
      "orphaned_items": 0,
      "responses": 1,
      "running": 0,
      "vector_stores": 0
    }
    "#);
}

#[tokio::test]
async fn faults_can_be_ordered_listed_and_cleared_from_outside() {
    let server = Server::start().await;
    let fault = json!({"method": "GET", "path": "/v1/models", "times": 2,
        "failure": {"kind": "status", "status": 503, "headers": {"x-should-retry": "false"}}});
    assert_eq!(server.post("/standin/faults", fault).await.0, 200);
    assert_eq!(server.get("/v1/models").await.0, 503);
    let (_, waiting) = server.get("/standin/faults").await;
    assert_eq!(waiting["data"][0]["fault"]["times"], 1);
    assert_eq!(server.delete("/standin/faults").await.0, 204);
    assert_eq!(server.get("/v1/models").await.0, 200);
    let unknown = json!({"method": "GET", "path": "/", "failure": {"kind": "explode"}});
    assert_eq!(refusal(&server.post("/standin/faults", unknown).await).0, 400);
}

#[tokio::test]
async fn a_hold_can_be_awaited_and_released_from_outside() {
    let server = Server::start().await;
    let fault = json!({"method": "POST", "path": "/v1/responses", "failure": {"kind": "hold", "after": 1}});
    let (_, ordered) = server.post("/standin/faults", fault).await;
    let hold = format!("/standin/holds/{}", ordered["hold"]);
    assert_eq!(server.get(&hold).await.1, json!({"stage": "armed"}));
    let stream = server.stream(json!({"input": "hello"})).await;
    assert_eq!(server.get(&format!("{hold}/begun")).await.1, json!({"stage": "held"}));
    assert_eq!(server.call("POST", &format!("{hold}/release"), None).await.0, 204);
    let events = events_in(&stream.text().await.unwrap());
    last(&events, "response.completed");
    assert_eq!(refusal(&server.get("/standin/holds/99").await).0, 404);
}

#[tokio::test]
async fn a_pace_spreads_a_stream_over_many_pieces() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut server = Server::start().await;
    server.address = listener.local_addr().unwrap();
    let options = Options { pace: Duration::from_millis(2), ..Options::default() };
    tokio::spawn(serve(listener, Standin::new(options), future::pending()));
    let mut stream = server.stream(json!({"input": "hello"})).await;
    let mut pieces = 0;
    while stream.chunk().await.unwrap().is_some() {
        pieces += 1;
    }
    assert!(pieces > 3, "{pieces}");
}

#[tokio::test]
async fn shutting_down_cuts_what_is_held() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut server = Server::start().await;
    server.address = listener.local_addr().unwrap();
    let standin = Standin::new(Options::default());
    let (stop, stopped) = oneshot::channel::<()>();
    let shutdown = async { stopped.await.unwrap_or_default() };
    let running = tokio::spawn(serve(listener, standin.clone(), shutdown));
    let hold = standin.hold("POST", "/v1/responses", 0);
    let stream = server.stream(json!({"input": "hello"})).await;
    hold.begun().await;
    stop.send(()).unwrap();
    assert!(stream.text().await.is_err());
    running.await.unwrap().unwrap();
}
