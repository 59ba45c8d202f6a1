//! The price of a replay: a small frame must not make the server send a long log again and again.

use std::time::Duration;

use serde_json::{Value, json};

use tests::{clock::Turned, stage::Stage, table::id, web_socket::Socket, wire::Wire};

use super::replay::grow;

/// A second, after which the same messages are replayed again.
const INTERVAL: Duration = Duration::from_secs(1);

/// The replayed messages among the events up to the `pong` of a last ping.
async fn replayed(socket: &mut Socket) -> Vec<u64> {
    let heard = socket.heard_so_far().await;
    heard
        .iter()
        .filter(|event| event["type"] == "message.created")
        .map(|event| event["seq"].as_u64().unwrap())
        .collect()
}

#[tokio::test]
async fn fifty_pings_bring_a_log_once_and_again_a_second_later() {
    let (turned, wire) = (Turned::default(), Wire::default());
    let options = local::Options { clock: turned.clock(), dynamo: wire.transport(), ..local::Options::default() };
    let stage = Stage::with(options).await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    grow(&stage, &thread, 120, "…").await;
    let mut socket = customer.connects().await;
    let ping = json!({ "action": "ping", "threads": { &thread: 0 } });
    for _ in 0..50 {
        socket.says(ping.clone()).await;
    }
    let (mut pongs, mut seqs) = (0, Vec::new());
    while pongs < 50 || seqs.len() < 120 {
        let event = socket.hears().await;
        match event["type"].as_str().unwrap() {
            "pong" => pongs += 1,
            _ => seqs.push(event["seq"].as_u64().unwrap()),
        }
    }
    assert_eq!(seqs, (1..=120).collect::<Vec<_>>());
    assert_eq!(replayed(&mut socket).await, [0; 0]);

    turned.by(INTERVAL);
    socket.says(ping).await;
    for seq in 1..=120 {
        assert_eq!(socket.hears_of("message.created").await["seq"], seq);
    }
    // A client that lacks nothing costs no write.
    let writes = wire.calls("UpdateItem");
    // The threads of a frame are read in the order of their ids, so that the error comes last.
    socket.says(json!({ "action": "ping", "threads": { &thread: 120, "thr_7ZZZZZZZZZZZZZZZZZZZZZZZZZ": 0 } })).await;
    assert_eq!([socket.hears().await["type"].clone(), socket.hears().await["code"].clone()], ["pong", "not_found"]);
    assert_eq!(wire.calls("UpdateItem"), writes);
}

#[tokio::test]
async fn a_subscription_too_soon_after_another_asks_for_patience() {
    let turned = Turned::default();
    let stage = Stage::with(local::Options { clock: turned.clock(), ..local::Options::default() }).await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    customer.says(&thread, "Hello").await.expect(200);
    let mut socket = customer.connects().await;
    let subscribe = json!({ "action": "subscribe", "thread_id": thread, "after": 0 });
    socket.says(subscribe.clone()).await;
    socket.hears_of("subscribed").await;
    socket.says(subscribe.clone()).await;
    let early = json!({ "type": "subscribed", "thread_id": thread, "seq": 0, "more": true });
    assert_eq!(socket.hears().await, early);
    // What comes live comes at once, and what follows the replay may be asked for at once.
    customer.says(&thread, "And?").await.expect(200);
    assert_eq!(socket.hears_of("message.created").await["seq"], 3);
    socket.says(json!({ "action": "subscribe", "thread_id": thread, "after": 2 })).await;
    let subscribed = socket.hears_of("subscribed").await;
    assert_eq!((&subscribed["seq"], &subscribed["more"]), (&json!(4), &json!(false)));
    // Another connection, or a second later: all of it.
    customer.connects().await.says(subscribe.clone()).await;
    turned.by(INTERVAL);
    socket.says(subscribe).await;
    assert_eq!(socket.hears_of("subscribed").await["seq"], 4);
}

#[tokio::test]
async fn a_frame_brings_a_megabyte_at_most_and_the_rest_at_the_next() {
    let stage = Stage::start().await;
    let (customer, chatbot) = (stage.customer(), stage.chatbot().await);
    let (first, second) = (stage.thread_of(&customer, &chatbot).await, stage.thread_of(&customer, &chatbot).await);
    for thread in [&first, &second] {
        grow(&stage, thread, 25, &"x".repeat(32_000)).await;
    }
    for action in ["subscribe", "ping"] {
        let mut socket = customer.connects().await;
        if action == "ping" {
            socket.says(json!({ "action": "subscribe", "threads": { &first: null, &second: null } })).await;
            for _ in 0..2 {
                socket.hears_of("subscribed").await;
            }
        }
        let mut had = [0, 0];
        let mut rounds = 0;
        while had != [25, 25] {
            rounds += 1;
            let threads = json!({ &first: had[0], &second: had[1] });
            socket.says(json!({ "action": action, "threads": threads })).await;
            let (mut bytes, mut subscribed, mut unfinished) = (0, 0, 0);
            // A ping is silent on a thread of which it brought the rest.
            while subscribed < if action == "subscribe" { 2 } else { 2 - rounds }
                || (unfinished == 0 && had != [25, 25])
            {
                let event = socket.hears().await;
                match event["type"].as_str().unwrap() {
                    "message.created" => {
                        bytes += event.to_string().len();
                        had[usize::from(event["thread_id"] == *second)] = event["seq"].as_u64().unwrap();
                    }
                    "subscribed" => {
                        subscribed += 1;
                        unfinished += usize::from(event["more"] == true);
                    }
                    _ => {}
                }
            }
            assert!(bytes <= 1024 * 1024, "{action}: {bytes} bytes");
            assert_eq!(unfinished > 0, rounds == 1, "{action}: {rounds}");
        }
        assert_eq!(rounds, 2, "{action}");
    }
}

#[tokio::test]
async fn a_ping_names_at_most_two_hundred_threads() {
    let stage = Stage::start().await;
    let mut socket = stage.customer().connects().await;
    let threads: serde_json::Map<String, Value> =
        (0..=200).map(|place| (format!("thr_{place:026}"), json!(0))).collect();
    socket.says(json!({ "action": "ping", "threads": threads })).await;
    assert_eq!(socket.hears().await["detail"], "threads: must be at most 200 threads");
}

#[tokio::test]
async fn who_leaves_what_they_never_heard_disturbs_nobody() {
    let wire = Wire::default();
    let stage = Stage::with(local::Options { dynamo: wire.transport(), ..local::Options::default() }).await;
    let (agent, thread) = (stage.agent(), stage.thread().await);
    let mut hers = agent.listens(&thread).await;
    hers.hears_of("presence").await;
    for (tenant, role, sub) in [("acme", "customer", "cus"), ("acme", "customer", "eve"), ("other", "agent", "ana")] {
        let mut socket = stage.persona(tenant, role, sub).connects().await;
        let calls = || ["DeleteItem", "UpdateItem", "BatchWriteItem", "PutItem"].map(|name| wire.calls(name));
        let before = calls();
        socket.says(json!({ "action": "unsubscribe", "thread_id": thread })).await;
        while calls()[0] == before[0] {
            tokio::task::yield_now().await;
        }
        assert_eq!(socket.heard_so_far().await, [json!(null); 0]);
        let [deletes, updates, batches, puts] = before;
        assert_eq!(calls(), [deletes + 1, updates, batches, puts], "{sub}");
    }
    hers.says(json!({ "action": "ping" })).await;
    assert_eq!(hers.hears_anything().await["type"], "pong");
    assert_eq!(stage.stored(&thread).await.id, id(&thread));
}
