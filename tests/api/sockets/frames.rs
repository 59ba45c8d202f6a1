//! Invalid frames: each gets an `error` frame, and the connection stays open.

use futures::SinkExt;
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use tests::stage::Stage;

#[tokio::test]
async fn what_is_wrong_with_a_frame_is_said_and_the_connection_lives() {
    let stage = Stage::start().await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    let mut socket = customer.connects().await;
    let id = format!("{{\"action\": \"subscribe\", \"thread_id\": \"{thread}\"");
    let wrong = [
        ("{\"action\": \"dance\"}".to_owned(), "action: is not a known action"),
        ("{\"action\": 7}".into(), "action: must be a string"),
        ("{\"action\": \"$connect\"}".into(), "action: is not a known action"),
        ("{}".into(), "action: is required"),
        ("[]".into(), "frame: must be a JSON object"),
        ("\"ping\"".into(), "frame: must be a JSON object"),
        ("{".into(), "frame: is not valid JSON"),
        (String::new(), "frame: is not valid JSON"),
        ("{\"action\": \"ping\", \"loud\": true}".into(), "loud: is not a known field"),
        (
            "{\"action\": \"subscribe\"}".into(),
            "thread_id: give exactly one of \"thread_id\", \"threads\" and \"inbox\": true",
        ),
        (
            format!("{id}, \"inbox\": true}}"),
            "thread_id: give exactly one of \"thread_id\", \"threads\" and \"inbox\": true",
        ),
        (format!("{id}, \"before\": 1}}"), "before: is not a known field"),
        ("{\"action\": \"unsubscribe\"}".into(), "thread_id: give exactly one of \"thread_id\" and \"inbox\": true"),
    ];
    for (frame, detail) in wrong {
        socket.0.send(Message::text(frame.clone())).await.unwrap();
        let heard = socket.hears().await;
        assert_eq!((&heard["type"], &heard["code"]), (&json!("error"), &json!("invalid")), "{frame}: {heard}");
        assert_eq!(heard["detail"], detail, "{frame}");
    }
    for frame in [format!("{id}, \"after\": -1}}"), "{\"action\": \"ping\", \"threads\": {\"x\": 1}}".into()] {
        socket.0.send(Message::text(frame)).await.unwrap();
        assert_eq!(socket.hears().await["code"], "invalid");
    }
    assert_eq!(socket.heard_so_far().await, [json!(null); 0]);
}

#[tokio::test]
async fn a_binary_frame_is_refused_and_the_connection_lives() {
    let stage = Stage::start().await;
    let mut socket = stage.customer().connects().await;
    for bytes in [b"{\"action\": \"ping\"}".to_vec(), vec![0, 159, 146, 150]] {
        socket.0.send(Message::binary(bytes)).await.unwrap();
        let heard = socket.hears().await;
        assert_eq!((&heard["code"], &heard["detail"]), (&json!("invalid"), &json!("frame: must be text, not binary")));
    }
    assert_eq!(socket.heard_so_far().await, [json!(null); 0]);
}

#[tokio::test]
async fn a_burst_of_frames_is_answered_frame_by_frame() {
    let stage = Stage::start().await;
    let mut socket = stage.customer().connects().await;
    for _ in 0..20 {
        for frame in ["{\"action\": \"ping\"}", "{\"action\": \"dance\"}", "{"] {
            socket.0.feed(Message::text(frame)).await.unwrap();
        }
    }
    socket.0.flush().await.unwrap();
    let (mut pongs, mut errors) = (0, 0);
    for _ in 0..60 {
        match socket.hears().await["type"].as_str() {
            Some("pong") => pongs += 1,
            Some("error") => errors += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((pongs, errors), (20, 40));
}

#[tokio::test]
async fn an_error_names_its_thread() {
    let stage = Stage::start().await;
    let thread = stage.thread().await;
    let not_found =
        json!({ "type": "error", "thread_id": thread, "code": "not_found", "detail": "there is no such thread" });
    for stranger in [stage.persona("acme", "customer", "eve"), stage.persona("other", "admin", "root")] {
        let mut socket = stranger.connects().await;
        socket.says(json!({ "action": "subscribe", "thread_id": thread })).await;
        assert_eq!(socket.hears().await, not_found);
        // The stranger receives nothing of the thread.
        stage.customer().says(&thread, "Hello").await.expect(200);
        assert_eq!(socket.heard_so_far().await, [json!(null); 0]);
    }
}

#[tokio::test]
async fn a_text_too_long_for_a_socket_is_left_to_rest() {
    let stage = Stage::start().await;
    let (customer, agent, thread) = (stage.customer(), stage.agent(), stage.thread().await);
    agent.claims(&thread).await.expect(200);
    let mut socket = customer.listens(&thread).await;
    // A text of 32,000 characters of four bytes each.
    customer.says(&thread, &"🦀".repeat(32_000)).await.expect(202);
    let heard = socket.hears().await;
    assert_eq!((&heard["truncated"], &heard["message"]["text"]), (&json!(true), &json!("")));
}
