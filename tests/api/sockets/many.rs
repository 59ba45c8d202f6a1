//! Many threads in one `ping`, as a client asks for them when it reconnects.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use tests::stage::Stage;

#[tokio::test]
async fn one_frame_asks_for_many_threads_each_from_where_it_was() {
    let stage = Stage::start().await;
    let (customer, chatbot) = (stage.customer(), stage.chatbot().await);
    let mut threads = Vec::new();
    for _ in 0..30 {
        let thread = stage.thread_of(&customer, &chatbot).await;
        customer.says(&thread, "Hello").await.expect(200);
        threads.push(thread);
    }
    let after = |place: usize| [json!(0), json!(1), json!(2), Value::Null][place % 4].clone();
    let asked: BTreeMap<_, _> = threads.iter().enumerate().map(|(place, thread)| (thread, after(place))).collect();
    let mut socket = customer.connects().await;
    socket.says(json!({ "action": "subscribe", "threads": asked })).await;
    let mut replayed: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    let mut subscribed = 0;
    while subscribed < threads.len() {
        let event = socket.hears().await;
        let thread = event["thread_id"].as_str().unwrap().to_owned();
        match event["type"].as_str().unwrap() {
            "message.created" => replayed.entry(thread).or_default().push(event["seq"].as_u64().unwrap()),
            "subscribed" => {
                assert_eq!((&event["seq"], &event["more"]), (&json!(2), &json!(false)));
                subscribed += 1;
            }
            other => panic!("{other}"),
        }
    }
    for (place, thread) in threads.iter().enumerate() {
        let seqs = replayed.remove(thread).unwrap_or_default();
        assert_eq!(seqs, [vec![1, 2], vec![2], vec![], vec![]][place % 4], "{place}");
    }
    customer.says(&threads[29], "Still there?").await.expect(200);
    assert_eq!(socket.hears().await["thread_id"], threads[29]);
}

#[tokio::test]
async fn what_is_wrong_with_one_keeps_no_other_from_being_heard() {
    let stage = Stage::start().await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    let theirs = stage.thread_of(&stage.persona("acme", "customer", "eve"), &stage.chatbot().await).await;
    let mut socket = customer.connects().await;
    socket.says(json!({ "action": "subscribe", "threads": { &thread: 0, &theirs: 0 } })).await;
    let mut heard = [socket.hears().await, socket.hears().await];
    heard.sort_by_key(|event| event["type"].to_string());
    assert_eq!((&heard[0]["code"], &heard[0]["thread_id"]), (&json!("not_found"), &json!(theirs)));
    assert_eq!((&heard[1]["type"], &heard[1]["thread_id"]), (&json!("subscribed"), &json!(thread)));
}

#[tokio::test]
async fn too_many_at_once_are_refused_whole() {
    let stage = Stage::start().await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    let app = stage.board.app();
    let many: BTreeMap<_, _> = (0..201).map(|_| (format!("thr_{}", app.ulid()), Value::Null)).collect();
    let mut socket = customer.connects().await;
    socket.says(json!({ "action": "subscribe", "threads": many })).await;
    let refused = socket.hears().await;
    assert_eq!((&refused["code"], &refused["thread_id"]), (&json!("conflict"), &Value::Null));
    let wrong = [
        (json!({ "action": "subscribe", "threads": {} }), "threads: must not be empty"),
        (
            json!({ "action": "subscribe", "threads": { &thread: 0 }, "after": 1 }),
            "after: is valid only with \"thread_id\"",
        ),
        (
            json!({ "action": "subscribe", "threads": { &thread: 0 }, "inbox": true }),
            "thread_id: give exactly one of \"thread_id\", \"threads\" and \"inbox\": true",
        ),
    ];
    for (frame, detail) in wrong {
        socket.says(frame).await;
        assert_eq!(socket.hears().await["detail"], detail);
    }
}
