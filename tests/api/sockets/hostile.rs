//! Hostile frames: each gets one `error`, changes nothing, and leaves the connection open.

use futures::SinkExt;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{
    Bytes, Message,
    protocol::frame::{
        Frame,
        coding::{Data, OpCode},
    },
};

use tests::stage::Stage;

const ACTIONS: [&str; 5] = ["subscribe", "unsubscribe", "typing", "read", "ping"];

fn deep(levels: usize) -> String {
    "[".repeat(levels) + &"]".repeat(levels)
}

/// Texts of which each is wrong whatever the state of the connection.
fn texts(own: &str) -> Vec<String> {
    let mut texts: Vec<String> = ["", " ", "{", "[]", "null", "7", "\"ping\"", "\u{0}", "{}{}", "{\"action\"}", "{}"]
        .map(str::to_owned)
        .to_vec();
    texts.extend([deep(100), deep(10_000), format!("{{\"action\": {}}}", deep(5_000))]);
    texts.push("{\"action\": \"ping\", \"action\": \"ping\"}".to_owned());
    let actions = ["dance", "$connect", "$default", "$disconnect", "", "PING", "ping ", "__proto__", "constructor"];
    texts.extend(actions.map(|action| json!({ "action": action }).to_string()));
    texts.extend(
        [json!(null), json!(7), json!(["ping"]), json!({})].map(|action| json!({ "action": action }).to_string()),
    );

    let junk = [
        json!(true),
        json!(1.5),
        json!(-1),
        json!("x"),
        json!([]),
        json!([{}]),
        json!({ "a": 1 }),
        json!([[[[1]]]]),
        json!(1e308),
        json!("x".repeat(20_000)),
    ];
    let fields = [
        ("subscribe", "thread_id", json!({})),
        ("subscribe", "after", json!({ "thread_id": own })),
        ("subscribe", "threads", json!({})),
        ("subscribe", "inbox", json!({ "thread_id": own })),
        ("unsubscribe", "thread_id", json!({})),
        ("unsubscribe", "inbox", json!({ "thread_id": own })),
        ("typing", "thread_id", json!({ "on": true })),
        ("read", "thread_id", json!({ "seq": 1 })),
        ("read", "seq", json!({ "thread_id": own })),
        ("ping", "threads", json!({})),
    ];
    for (action, field, others) in fields {
        for value in &junk {
            let mut frame = others.clone();
            frame["action"] = json!(action);
            frame[field] = value.clone();
            texts.push(frame.to_string());
        }
    }
    for value in [json!(null), json!(0), json!("true"), json!([]), json!({})] {
        texts.push(json!({ "action": "typing", "thread_id": own, "on": value }).to_string());
    }
    for after in [json!(true), json!(-1), json!(1.5), json!("1"), json!([])] {
        for action in ["subscribe", "ping"] {
            texts.push(json!({ "action": action, "threads": { own: after } }).to_string());
        }
    }
    for action in ACTIONS {
        for field in ["admin", "tenant", "role", "__proto__", "Thread_id"] {
            texts.push(json!({ "action": action, field: true }).to_string());
        }
        for id in ["thr_", "thr_1", "bot_01JD0000000000000000000000", "THR_01JD0000000000000000000000", "../x", "%00"] {
            let by_map = action == "ping";
            let frame = if by_map { json!({ "threads": { id: 1 } }) } else { json!({ "thread_id": id }) };
            let mut frame = frame.clone();
            frame["action"] = json!(action);
            texts.push(frame.to_string());
        }
    }
    texts
}

#[tokio::test]
async fn each_hostile_frame_gets_one_error_and_changes_nothing() {
    let stage = Stage::start().await;
    let (customer, own) = (stage.customer(), stage.thread().await);
    let theirs = stage.thread_of(&stage.persona("acme", "customer", "eve"), &stage.chatbot().await).await;
    let elsewhere = "thr_01JD0000000000000000000000";
    let mut hers = stage.agent().listens(&theirs).await;
    hers.hears_of("presence").await;
    let mut socket = customer.connects().await;
    let texts = texts(&own);
    for text in &texts {
        socket.0.send(Message::text(text.clone())).await.unwrap();
        let heard = socket.hears().await;
        let shown: String = text.chars().take(120).collect();
        assert_eq!((&heard["type"], &heard["code"]), (&json!("error"), &json!("invalid")), "{shown}: {heard}");
    }
    // Well-formed frames about threads of others, and about none.
    let mut foreign = Vec::new();
    for id in [theirs.as_str(), elsewhere] {
        foreign.push((json!({ "action": "subscribe", "thread_id": id, "after": 0 }), "not_found"));
        foreign.push((json!({ "action": "subscribe", "threads": { id: 0 } }), "not_found"));
        foreign.push((json!({ "action": "typing", "thread_id": id, "on": true }), "conflict"));
        foreign.push((json!({ "action": "read", "thread_id": id, "seq": 1 }), "conflict"));
    }
    foreign.push((json!({ "action": "subscribe", "inbox": true }), "forbidden"));
    for (frame, code) in &foreign {
        socket.says(frame.clone()).await;
        assert_eq!(socket.hears().await["code"], *code, "{frame}");
    }
    let binary = [&b""[..], b"{\"action\": \"ping\"}", &[0; 100], &[0xff; 1000], b"\xf0\x9f\xa6\x80"];
    for bytes in binary {
        socket.0.send(Message::binary(bytes.to_vec())).await.unwrap();
        assert_eq!(socket.hears().await["code"], "invalid");
    }
    // A frame that comes in pieces is one frame.
    let pieces = ["{\"action\"", ": \"pi", "ng\"}"];
    for (place, piece) in pieces.into_iter().enumerate() {
        let kind = if place == 0 { Data::Text } else { Data::Continue };
        let frame = Frame::message(Bytes::from(piece), OpCode::Data(kind), place == 2);
        socket.0.send(Message::Frame(frame)).await.unwrap();
    }
    assert_eq!(socket.hears().await, json!({ "type": "pong" }));
    assert_eq!(socket.heard_so_far().await, [Value::Null; 0]);
    hers.says(json!({ "action": "ping" })).await;
    assert_eq!(hers.hears_anything().await["type"], "pong", "a stranger's frame reached a thread");
    let count = texts.len() + foreign.len() + binary.len();
    println!("{count} hostile frames refused");
    assert!(count >= 200, "{count}");
}
