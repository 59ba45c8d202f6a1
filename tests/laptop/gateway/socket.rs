//! WebSockets: `$connect` decides, frames become events of their route, and AWS's limits apply.

use std::time::Duration;

use futures::{SinkExt, StreamExt};
use insta::assert_json_snapshot;
use lambda_http::{Body, Error, Request, Response};
use local::gateway::Limits;
use serde_json::{Value, json};
use tokio::{
    io::AsyncWriteExt,
    sync::{mpsc, watch},
};
use tokio_tungstenite::tungstenite::{self, Bytes, Message};

use super::gate::{Client, Gate, echo, on_socket, seen, settled};

/// A gateway whose socket function passes every event to the test.
async fn told(limits: Limits) -> (Gate, mpsc::UnboundedReceiver<Value>) {
    let (tell, told) = mpsc::unbounded_channel();
    let gate = Gate::open(limits, |functions| {
        let tells = move |request: Request| {
            let told = tell.send(seen(&request));
            async move {
                told?;
                echo(request).await
            }
        };
        functions.plain("socket", on_socket(tells))
    })
    .await;
    (gate, told)
}

const PROTOCOL: &str = "sec-websocket-protocol";

async fn close_code(client: &mut Client) -> u16 {
    loop {
        match client.next().await.expect("a close frame comes before the end").unwrap() {
            Message::Close(Some(frame)) => return frame.code.into(),
            Message::Close(None) => return 1005,
            _ => {}
        }
    }
}

#[tokio::test]
async fn a_socket_lives_from_connect_to_disconnect_as_websocket_events() {
    let (gate, mut told) = told(Limits::default()).await;
    let (mut client, response) = gate.socket(PROTOCOL, "switchboard.v1, bearer.ana").await.unwrap();
    assert_eq!(response.headers()["sec-websocket-protocol"], "switchboard.v1");
    let connected = told.recv().await.unwrap();

    client.send(Message::text(r#"{"action": "ping"}"#)).await.unwrap();
    let message = told.recv().await.unwrap();
    client.close(None).await.unwrap();
    let disconnected = told.recv().await.unwrap();

    let part = |event: &Value, name: &str| event["context"][name].clone();
    assert_eq!(part(&disconnected, "eventType"), "DISCONNECT");
    assert_eq!(part(&disconnected, "disconnectStatusCode"), 1000);
    for name in ["connectionId", "connectedAt", "authorizer"] {
        assert_eq!(part(&message, name), part(&connected, name));
        assert_eq!(part(&disconnected, name), part(&connected, name));
    }
}

/// AWS documents the subprotocol for `headers` alone, which `lambda_http::run` leaves empty.
#[tokio::test]
async fn a_subprotocol_in_multi_value_headers_alone_is_not_chosen() {
    let gate = Gate::open(Limits::default(), |functions| functions.with("socket", echo)).await;
    let refused = gate.socket(PROTOCOL, "switchboard.v1, bearer.ana").await.unwrap_err();
    assert!(matches!(refused, tungstenite::Error::Protocol(_)), "{refused:?}");
}

#[tokio::test]
async fn connect_comes_with_headers_and_a_message_without() {
    let (gate, mut told) = told(Limits::default()).await;
    let (mut client, _) = gate.socket(PROTOCOL, "switchboard.v1, bearer.ana").await.unwrap();
    client.send(Message::text(r#"{"action": "ping"}"#)).await.unwrap();
    let (connected, message) = (told.recv().await.unwrap(), told.recv().await.unwrap());
    assert_json_snapshot!(settled(connected), @r#"
    {
      "body": "",
      "context": {
        "apiId": "local",
        "authorizer": {
          "expires": "4102444800",
          "principalId": "ana",
          "role": "agent",
          "tenant": "acme"
        },
        "connectedAt": "[time]",
        "connectionId": "[id]",
        "domainName": "[host]",
        "eventType": "CONNECT",
        "extendedRequestId": "[id]",
        "identity": {
          "sourceIp": "127.0.0.1"
        },
        "messageDirection": "IN",
        "requestId": "[id]",
        "requestTime": "[time]",
        "requestTimeEpoch": "[time]",
        "routeKey": "$connect",
        "stage": "v1"
      },
      "headers": {
        "host": "[host]",
        "sec-websocket-key": "[key]",
        "sec-websocket-protocol": "switchboard.v1, bearer.ana",
        "sec-websocket-version": "13",
        "x-forwarded-for": "127.0.0.1",
        "x-forwarded-proto": "http"
      },
      "method": "GET",
      "path": [],
      "query": [],
      "rawPath": ""
    }
    "#);
    assert_json_snapshot!(settled(message), @r#"
    {
      "body": "{\"action\": \"ping\"}",
      "context": {
        "apiId": "local",
        "authorizer": {
          "expires": "4102444800",
          "principalId": "ana",
          "role": "agent",
          "tenant": "acme"
        },
        "connectedAt": "[time]",
        "connectionId": "[id]",
        "domainName": "[host]",
        "eventType": "MESSAGE",
        "extendedRequestId": "[id]",
        "identity": {
          "sourceIp": "127.0.0.1"
        },
        "messageDirection": "IN",
        "messageId": "[id]",
        "requestId": "[id]",
        "requestTime": "[time]",
        "requestTimeEpoch": "[time]",
        "routeKey": "ping",
        "stage": "v1"
      },
      "headers": {},
      "method": "GET",
      "path": [],
      "query": [],
      "rawPath": ""
    }
    "#);
}

#[tokio::test]
async fn the_action_of_a_frame_chooses_its_route() {
    let (gate, mut told) = told(Limits::default()).await;
    let mut client = gate.ana().await;
    told.recv().await.unwrap();
    for (frame, route) in [
        (r#"{"action": "subscribe"}"#, "subscribe"),
        (r#"{"action": "dance"}"#, "$default"),
        (r#"{"action": "$disconnect"}"#, "$default"),
        (r#"{"action": 7}"#, "$default"),
        ("not JSON", "$default"),
    ] {
        client.send(Message::text(frame)).await.unwrap();
        let event = told.recv().await.unwrap();
        assert_eq!((&event["context"]["routeKey"], &event["body"]), (&json!(route), &json!(frame)));
    }
    client.send(Message::binary(vec![0, 255])).await.unwrap();
    assert_eq!(told.recv().await.unwrap()["context"]["routeKey"], "$default");
}

#[tokio::test]
async fn whoever_is_not_let_in_gets_no_socket() {
    let (gate, _told) = told(Limits::default()).await;
    for (protocols, status) in [("switchboard.v1", 401), ("switchboard.v1, bearer.eve", 403), ("bearer.bug", 500)] {
        let refused = gate.socket(PROTOCOL, protocols).await.unwrap_err();
        let tungstenite::Error::Http(response) = refused else { panic!("{refused:?}") };
        assert_eq!(response.status().as_u16(), status);
    }
}

#[tokio::test]
async fn a_connect_that_is_refused_by_the_function_refuses_the_upgrade() {
    let gate = Gate::open(Limits::default(), |functions| {
        functions.with("socket", async |_: Request| Ok::<_, Error>(Response::builder().status(409).body(Body::Empty)?))
    })
    .await;
    let tungstenite::Error::Http(response) = gate.socket("authorization", "Bearer ana").await.unwrap_err() else {
        panic!()
    };
    assert_eq!(response.status().as_u16(), 409);
    assert_eq!(gate.connections.count(), 0);
}

#[tokio::test]
async fn a_frame_that_fails_in_its_function_is_answered_with_an_error_frame() {
    let gate = Gate::open(Limits::default(), |functions| {
        functions.with("socket", async |request: Request| {
            let failing = seen(&request)["context"]["eventType"] == "MESSAGE";
            if failing { Err(Error::from("no")) } else { Ok(Response::new(Body::Empty)) }
        })
    })
    .await;
    let mut client = gate.ana().await;
    client.send(Message::text("{}")).await.unwrap();
    let frame: Value = serde_json::from_str(client.next().await.unwrap().unwrap().to_text().unwrap()).unwrap();
    assert_eq!(frame["message"], "Internal server error");
}

/// A function that is slow keeps 64 messages of one socket at most: 5,000 more cost nothing, and other sockets are
/// served.
#[tokio::test]
async fn a_flood_is_dropped_past_64_messages_in_flight_and_said_once() {
    let (tell, mut started) = mpsc::unbounded_channel();
    let (release, released) = watch::channel(false);
    let gate = Gate::open(Limits::default(), |functions| {
        let waits = move |request: Request| {
            let (tell, mut released) = (tell.clone(), released.clone());
            async move {
                if seen(&request)["context"]["eventType"] == "MESSAGE" {
                    tell.send(seen(&request)["body"].as_str().unwrap().to_owned())?;
                    released.wait_for(|released| *released).await?;
                }
                Ok::<_, Error>(Response::new(Body::Empty))
            }
        };
        functions.plain("socket", on_socket(waits))
    })
    .await;
    let mut client = gate.ana().await;
    for _ in 0..64 {
        client.send(Message::text("first")).await.unwrap();
    }
    for _ in 0..64 {
        assert_eq!(started.recv().await.unwrap(), "first");
    }
    for _ in 0..5_000 {
        client.feed(Message::text("excess")).await.unwrap();
    }
    // Its pong comes after all frames before it have been read.
    client.send(Message::Ping(Bytes::new())).await.unwrap();
    let mut heard = Vec::new();
    loop {
        match client.next().await.unwrap().unwrap() {
            Message::Pong(_) => break,
            frame => heard.push(frame.into_text().unwrap()),
        }
    }
    if heard.is_empty() {
        heard.push(client.next().await.unwrap().unwrap().into_text().unwrap());
    }
    let heard: Vec<Value> = heard.iter().map(|text| serde_json::from_str(text).unwrap()).collect();
    assert_eq!(heard.len(), 1, "{heard:?}");
    assert_eq!((&heard[0]["type"], &heard[0]["code"]), (&json!("error"), &json!("busy")));
    assert!(started.try_recv().is_err(), "an excess message reached its function");

    let mut other = gate.ana().await;
    other.send(Message::text("other")).await.unwrap();
    assert_eq!(started.recv().await.unwrap(), "other");
    release.send_replace(true);
    // Frames are lost until a place is free, as the client was told.
    loop {
        client.send(Message::text("later")).await.unwrap();
        if started.try_recv().is_ok_and(|body| body == "later") {
            break;
        }
        tokio::task::yield_now().await;
    }
}

/// A close code says what was wrong, so that the maker of a client finds it.
#[tokio::test]
async fn a_broken_frame_ends_the_socket_with_the_code_of_its_fault() {
    let (gate, _told) = told(Limits::default()).await;
    // Each is masked with zeros. A reserved bit, an unknown opcode, a continuation of nothing, a long and a fragmented
    // control frame; then text that is not UTF-8, whole and over two frames.
    let long_ping = [&[0x89, 0xfe, 0, 126, 0, 0, 0, 0][..], &[b'x'; 126]].concat();
    let cases: [(&[u8], u16); 8] = [
        (&[0xc1, 0x80, 0, 0, 0, 0], 1002),
        (&[0x83, 0x80, 0, 0, 0, 0], 1002),
        (&[0x80, 0x80, 0, 0, 0, 0], 1002),
        (&long_ping, 1002),
        (&[0x09, 0x80, 0, 0, 0, 0], 1002),
        (&[0x81, 0x05, b'h', b'e', b'l', b'l', b'o'], 1002),
        (&[0x81, 0x82, 0, 0, 0, 0, 0xc3, 0x28], 1007),
        (&[0x01, 0x81, 0, 0, 0, 0, 0xc3, 0x80, 0x81, 0, 0, 0, 0, 0x28], 1007),
    ];
    for (bytes, code) in cases {
        let mut client = gate.ana().await;
        client.get_mut().write_all(bytes).await.unwrap();
        assert_eq!(close_code(&mut client).await, code, "{bytes:x?}");
    }
}

#[tokio::test]
async fn a_frame_of_more_than_32_kb_ends_the_socket_with_1009() {
    let (gate, mut told) = told(Limits::default()).await;
    let mut client = gate.ana().await;
    client.send(Message::text("x".repeat(32 * 1024))).await.unwrap();
    client.send(Message::text("x".repeat(32 * 1024 + 1))).await.unwrap();
    assert_eq!(close_code(&mut client).await, 1009);
    let mut events = Vec::new();
    for _ in 0..3 {
        let event = told.recv().await.unwrap();
        events.push(event["context"]["eventType"].as_str().unwrap().to_owned());
    }
    events.sort();
    assert_eq!(events, ["CONNECT", "DISCONNECT", "MESSAGE"], "the first frame is just short enough");
}

#[tokio::test]
async fn a_message_of_more_than_128_kb_ends_the_socket_with_1009_however_it_is_cut() {
    use tungstenite::protocol::frame::Frame;
    use tungstenite::protocol::frame::coding::{Data, OpCode};
    let (gate, _told) = told(Limits::default()).await;
    let mut client = gate.ana().await;
    let piece = Bytes::from(vec![b'x'; 32 * 1024]);
    for number in 0..5 {
        let kind = if number == 0 { Data::Text } else { Data::Continue };
        let frame = Frame::message(piece.clone(), OpCode::Data(kind), number == 4);
        client.send(Message::Frame(frame)).await.unwrap();
    }
    assert_eq!(close_code(&mut client).await, 1009);
}

#[tokio::test]
async fn an_idle_socket_and_an_old_one_are_closed_with_1001() {
    let short = Duration::from_millis(30);
    let idle = Limits { idle_timeout: short, ..Limits::default() };
    let old = Limits { max_duration: short, ..Limits::default() };
    for (limits, reason) in [(idle, "Idle timeout"), (old, "Connection duration limit")] {
        let (gate, mut told) = told(limits).await;
        let mut client = gate.ana().await;
        assert_eq!(close_code(&mut client).await, 1001);
        told.recv().await.unwrap();
        assert_eq!(told.recv().await.unwrap()["context"]["disconnectReason"], reason);
        assert_eq!(gate.connections.count(), 0);
    }
}

#[tokio::test]
async fn a_gateway_that_stops_says_goodbye_to_every_socket() {
    let (gate, mut told) = told(Limits::default()).await;
    let mut client = gate.ana().await;
    told.recv().await.unwrap();
    gate.stop();
    assert_eq!(close_code(&mut client).await, 1001);
    assert_eq!(told.recv().await.unwrap()["context"]["eventType"], "DISCONNECT");
}
