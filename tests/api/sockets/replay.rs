//! Replay: messages that a client has missed are sent again.

use serde_json::{Value, json};
use shared::{
    domain::{Message, Person, message::Role},
    store::{Commit, Committed},
};

use tests::{
    stage::Stage,
    table::id,
    wire::{Fault, Trouble, Wire},
};

fn seqs(events: &[Value]) -> Vec<u64> {
    events.iter().map(|event| event["message"]["seq"].as_u64().unwrap()).collect()
}

/// Writes `messages` messages of this text straight into the log.
pub(super) async fn grow(stage: &Stage, thread: &str, messages: usize, text: &str) {
    let app = stage.board.app();
    let mut left = messages;
    while left > 0 {
        let before = stage.stored(thread).await;
        let mut commit = Commit::new(before.clone());
        for _ in 0..left.min(90) {
            let mut message = Message {
                id: app.message_id(),
                client_id: None,
                thread_id: id(thread),
                seq: 0,
                role: Role::Customer,
                author: Person { id: "cus".into(), name: None },
                text: text.into(),
                at: app.now(),
                answers: None,
                event: None,
                cut: None,
                sources: Vec::new(),
                usage: None,
                origin: None,
            };
            commit.thread.log(&mut message);
            commit = commit.message(message);
        }
        left -= commit.messages.len();
        assert!(matches!(app.store.thread_commit(&before, commit).await, Ok(Committed::Done(_))));
    }
}

#[tokio::test]
async fn without_after_nothing_is_replayed() {
    let stage = Stage::start().await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    customer.says(&thread, "Hello").await.expect(200);
    let mut socket = customer.connects().await;
    socket.says(json!({ "action": "subscribe", "thread_id": thread })).await;
    let subscribed = json!({ "type": "subscribed", "thread_id": thread, "seq": 2, "more": false });
    assert_eq!(socket.hears().await, subscribed);
    assert_eq!(socket.heard_so_far().await, [json!(null); 0]);
}

#[tokio::test]
async fn what_follows_after_is_replayed_in_order_without_notes() {
    let stage = Stage::start().await;
    let (customer, agent, thread) = (stage.customer(), stage.agent(), stage.thread().await);
    for text in ["One.", "Two."] {
        customer.says(&thread, text).await.expect(200);
        agent.notes(&thread, "Hm").await.expect(200);
    }
    let mut socket = customer.connects().await;
    socket.says(json!({ "action": "subscribe", "thread_id": thread, "after": 1 })).await;
    let log = customer.log(&thread).await;
    for message in &log[1..] {
        assert_eq!(&socket.hears().await["message"], message);
    }
    assert_eq!(socket.hears().await, json!({ "type": "subscribed", "thread_id": thread, "seq": 4, "more": false }));
    socket.says(json!({ "action": "subscribe", "thread_id": thread, "after": 99 })).await;
    assert_eq!(socket.hears().await["type"], "subscribed");
}

#[tokio::test]
async fn the_log_is_not_read_before_the_subscription_is_stored() {
    let wire = Wire::default();
    let stage = Stage::with(local::Options { dynamo: wire.transport(), ..local::Options::default() }).await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    customer.says(&thread, "Hello").await.expect(200);
    let mut socket = customer.connects().await;
    wire.fault(Fault::on("PutItem", Trouble::Refused("AccessDeniedException")));
    socket.says(json!({ "action": "subscribe", "thread_id": thread, "after": 0 })).await;
    // A message between the read and the subscription would reach nobody.
    assert_eq!(socket.hears().await["type"], "error");
}

#[tokio::test]
async fn past_two_hundred_the_client_asks_for_more() {
    let stage = Stage::start().await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    grow(&stage, &thread, 203, "…").await;
    let mut socket = customer.connects().await;
    socket.says(json!({ "action": "subscribe", "thread_id": thread, "after": 0 })).await;
    let mut heard = Vec::new();
    for _ in 0..200 {
        heard.push(socket.hears().await);
    }
    assert_eq!(seqs(&heard), (1..=200).collect::<Vec<_>>());
    assert_eq!(socket.hears().await, json!({ "type": "subscribed", "thread_id": thread, "seq": 200, "more": true }));
    socket.says(json!({ "action": "subscribe", "thread_id": thread, "after": 200 })).await;
    for seq in 201..=203 {
        assert_eq!(socket.hears().await["seq"], seq);
    }
    assert_eq!(socket.hears().await, json!({ "type": "subscribed", "thread_id": thread, "seq": 203, "more": false }));
}

#[tokio::test]
async fn a_ping_heals_what_was_missed() {
    let stage = Stage::start().await;
    let (customer, thread, other) = (stage.customer(), stage.thread().await, stage.thread().await);
    let mut socket = customer.connects().await;
    for thread in [&thread, &other] {
        customer.says(thread, "Hello").await.expect(200);
    }
    socket.says(json!({ "action": "ping", "threads": { &thread: 0, &other: 1 } })).await;
    assert_eq!(socket.hears().await, json!({ "type": "pong" }));
    let mut heard = vec![socket.hears().await, socket.hears().await, socket.hears().await];
    heard.sort_by_key(|event| (event["thread_id"] != thread, event["seq"].as_u64()));
    assert_eq!(seqs(&heard), [1, 2, 2]);
    // A client that has all messages is sent nothing.
    socket.says(json!({ "action": "ping", "threads": { &thread: 2 } })).await;
    assert_eq!(socket.hears().await["type"], "pong");
    assert_eq!(socket.heard_so_far().await, [json!(null); 0]);
}

#[tokio::test]
async fn a_ping_shows_nobody_anothers_thread() {
    let stage = Stage::start().await;
    let thread = stage.thread().await;
    stage.customer().says(&thread, "Hello").await.expect(200);
    for stranger in [stage.persona("acme", "customer", "eve"), stage.persona("other", "agent", "ana")] {
        let mut socket = stranger.connects().await;
        socket.says(json!({ "action": "ping", "threads": { &thread: 0 } })).await;
        assert_eq!(socket.hears().await["type"], "pong");
        assert_eq!(socket.hears().await["code"], "not_found");
    }
}

#[tokio::test]
async fn a_ping_heals_the_others_where_one_thread_is_gone() {
    let stage = Stage::start().await;
    let (customer, gone, thread) = (stage.customer(), stage.thread().await, stage.thread().await);
    stage.admin().delete(&format!("/threads/{gone}")).await.expect(204);
    customer.says(&thread, "Hello").await.expect(200);
    let mut socket = customer.connects().await;
    socket.says(json!({ "action": "ping", "threads": { &gone: 3, &thread: 1 } })).await;
    assert_eq!(socket.hears().await["type"], "pong");
    let refused = socket.hears().await;
    assert_eq!((&refused["code"], &refused["thread_id"]), (&json!("not_found"), &json!(gone)));
    assert_eq!(socket.hears().await["seq"], 2);
}
