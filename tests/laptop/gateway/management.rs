//! The `@connections` API, over HTTP and through the SDK in process.

use std::time::Duration;

use aws_sdk_apigatewaymanagement::{operation::post_to_connection::PostToConnectionError, primitives::Blob};
use futures::StreamExt;
use lambda_http::{Body, Error, Request, Response};
use local::gateway::{Limits, management};
use reqwest::{Method, RequestBuilder};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;

use super::gate::{Client, Gate, seen};
use tests::signed::signed;

/// A gateway and one open socket on it, with its id.
async fn connected(limits: Limits) -> (Gate, Client, String) {
    let (tell, mut told) = mpsc::unbounded_channel();
    let gate = Gate::open(limits, |functions| {
        functions.with("socket", move |request: Request| {
            let _ = tell.send(seen(&request)["context"]["connectionId"].as_str().unwrap().to_owned());
            async { Ok::<_, Error>(Response::new(Body::Empty)) }
        })
    })
    .await;
    gate.share.open().await.unwrap();
    let client = gate.ana().await;
    let id = told.recv().await.unwrap();
    (gate, client, id)
}

/// A signed request to the API.
fn over_http(gate: &Gate, method: Method, url: &str, body: impl Into<Vec<u8>>) -> RequestBuilder {
    signed(&gate.key, "execute-api", (method, url), &[], body)
}

#[tokio::test]
async fn a_post_through_the_sdk_reaches_the_socket_in_order() {
    let (gate, mut client, id) = connected(Limits::default()).await;
    let sdk = management::client(&gate.connections);
    for text in ["one", "two", "three"] {
        sdk.post_to_connection().connection_id(&id).data(Blob::new(text)).send().await.unwrap();
    }
    for text in ["one", "two", "three"] {
        assert_eq!(client.next().await.unwrap().unwrap(), Message::text(text));
    }
    let facts = sdk.get_connection().connection_id(&id).send().await.unwrap();
    assert_eq!(facts.identity().unwrap().source_ip(), Some("127.0.0.1"));
}

#[tokio::test]
async fn the_same_api_is_served_over_http_with_and_without_a_stage() {
    let (gate, mut client, id) = connected(Limits::default()).await;
    let id = id.replace('=', "%3D");
    for prefix in ["", "/v1"] {
        let url = gate.url(&format!("{prefix}/@connections/{id}"));
        assert_eq!(
            over_http(&gate, Method::POST, &url, prefix.to_owned() + "hello").send().await.unwrap().status(),
            200
        );
        assert_eq!(client.next().await.unwrap().unwrap(), Message::text(prefix.to_owned() + "hello"));
    }
    let url = gate.url(&format!("/v1/@connections/{id}"));
    assert_eq!(over_http(&gate, Method::DELETE, &url, "").send().await.unwrap().status(), 204);
    assert!(
        matches!(client.next().await.unwrap().unwrap(), Message::Close(Some(frame)) if u16::from(frame.code) == 1000)
    );
    let gone = over_http(&gate, Method::POST, &url, "hello").send().await.unwrap();
    assert_eq!((gone.status().as_u16(), gone.headers()["x-amzn-errortype"].to_str().unwrap()), (410, "GoneException"));
}

#[tokio::test]
async fn a_connection_that_never_was_or_is_closed_is_gone() {
    let (gate, mut client, id) = connected(Limits::default()).await;
    let sdk = management::client(&gate.connections);
    let post = |id: &str| sdk.post_to_connection().connection_id(id).data(Blob::new("x")).send();

    let error = post("never=").await.unwrap_err().into_service_error();
    assert!(matches!(error, PostToConnectionError::GoneException(_)), "{error:?}");
    sdk.delete_connection().connection_id(&id).send().await.unwrap();
    let error = post(&id).await.unwrap_err().into_service_error();
    assert!(matches!(error, PostToConnectionError::GoneException(_)), "{error:?}");
    assert!(matches!(client.next().await.unwrap().unwrap(), Message::Close(_)));
}

#[tokio::test]
async fn a_post_of_more_than_128_kb_is_too_large() {
    let (gate, mut client, id) = connected(Limits::default()).await;
    let sdk = management::client(&gate.connections);
    let post = |size: usize| sdk.post_to_connection().connection_id(&id).data(Blob::new(vec![b'x'; size])).send();

    let error = post(128 * 1024 + 1).await.unwrap_err().into_service_error();
    assert!(matches!(error, PostToConnectionError::PayloadTooLargeException(_)), "{error:?}");
    post(128 * 1024).await.unwrap();
    assert_eq!(client.next().await.unwrap().unwrap().len(), 128 * 1024);
    let url = gate.url(&format!("/@connections/{id}"));
    assert_eq!(over_http(&gate, Method::POST, &url, "x".repeat(128 * 1024 + 1)).send().await.unwrap().status(), 413);
}

#[tokio::test]
async fn a_socket_that_does_not_read_is_given_up_rather_than_waited_for() {
    let limits = Limits { slow_client_timeout: Duration::from_millis(50), ..Limits::default() };
    let (gate, client, id) = connected(limits).await;
    let sdk = management::client(&gate.connections);
    let mut posted = 0;
    let error = loop {
        let post = sdk.post_to_connection().connection_id(&id).data(Blob::new(vec![b'x'; 100 * 1024]));
        match post.send().await {
            Ok(_) => posted += 1,
            Err(error) => break error.into_service_error(),
        }
        assert!(posted < 10_000, "a client that reads nothing is never disconnected");
    };
    assert!(matches!(error, PostToConnectionError::GoneException(_)), "{error:?}");
    assert_eq!(gate.connections.count(), 0);
    drop(client);
}
