//! Presence, typing indicators and read markers.

use serde_json::{Value, json};
use shared::{
    domain::{At, Identity, Role},
    store::Connection,
};

use tests::{
    openai::brisk,
    persona::Persona,
    stage::Stage,
    table::{Table, id},
    web_socket::Socket,
};

const CUS: &str = "cus (customer)";
const ANA: &str = "ana (agent)";

/// The people in the next `presence` event, in any order.
async fn present(socket: &mut Socket) -> Vec<String> {
    let picture = socket.hears_of("presence").await;
    assert!(picture["at"].as_str().unwrap().ends_with('Z') && picture["thread_id"].is_string(), "{picture}");
    let who = |who: &Value| format!("{} ({})", who["id"].as_str().unwrap(), who["role"].as_str().unwrap());
    let mut people: Vec<_> = picture["present"].as_array().unwrap().iter().map(who).collect();
    people.sort();
    people
}

/// Checks that no `presence` event came before the `pong`.
async fn is_shown_nothing(socket: &mut Socket) {
    socket.says(json!({ "action": "ping" })).await;
    assert_eq!(socket.hears_anything().await["type"], "pong");
}

/// The unread count of this persona, in the list and in the thread itself.
async fn unread(persona: &Persona, thread: &str) -> u64 {
    let list = persona.get("/threads").await.expect(200).body;
    let listed = list["data"].as_array().unwrap().iter().find(|it| it["id"] == thread).unwrap()["unread"].clone();
    assert_eq!(persona.reads(thread).await["unread"], listed);
    listed.as_u64().unwrap()
}

#[tokio::test]
async fn who_listens_is_shown_to_those_who_listen() {
    let stage = Stage::start().await;
    let (customer, agent, thread) = (stage.customer(), stage.agent(), stage.thread().await);
    let mut first = customer.listens(&thread).await;
    assert_eq!(present(&mut first).await, [CUS]);
    let mut hers = agent.listens(&thread).await;
    assert_eq!(present(&mut hers).await, [ANA, CUS]);
    assert_eq!(present(&mut first).await, [ANA, CUS]);
    // The same customer in another window: only that window needs a `presence` event.
    let mut second = customer.listens(&thread).await;
    assert_eq!(present(&mut second).await, [ANA, CUS]);
    is_shown_nothing(&mut hers).await;
    first.0.close(None).await.unwrap();
    drop(first);
    second.says(json!({ "action": "unsubscribe", "thread_id": thread })).await;
    assert_eq!(present(&mut hers).await, [ANA]);
}

#[tokio::test]
async fn one_whose_socket_is_found_dead_has_left() {
    let (stage, _table) = Table::of(brisk()).await;
    let (agent, thread) = (stage.agent(), stage.thread().await);
    let store = &stage.board.app().store;
    let expires = At::from_seconds(4_102_444_800);
    let identity = Identity {
        tenant: "acme".into(),
        subject: "cus".into(),
        role: Role::Customer,
        name: None,
        verified: std::collections::BTreeMap::new(),
        chatbot: None,
        access: None,
        expires,
    };
    let dead = Connection::new("dead=".into(), identity);
    store.connection_put(&dead, stage.board.app().now()).await.unwrap();
    assert!(store.subscription_put(&dead, &id(&thread)).await.unwrap());
    let mut hers = agent.connects().await;
    hers.says(json!({ "action": "subscribe", "thread_id": thread })).await;
    // The broadcast of her arrival finds the dead connection: by then she has seen it, or sees already that it left.
    let mut seen = present(&mut hers).await;
    if seen.len() == 2 {
        seen = present(&mut hers).await;
    }
    assert_eq!(seen, [ANA]);
}

#[tokio::test]
async fn who_writes_is_told_to_the_others() {
    let stage = Stage::start().await;
    let (customer, agent, thread) = (stage.customer(), stage.agent(), stage.thread().await);
    let mut hers = agent.listens(&thread).await;
    let mut theirs = [customer.listens(&thread).await, customer.listens(&thread).await];
    for on in [true, false] {
        hers.says(json!({ "action": "typing", "thread_id": thread, "on": on })).await;
        let who = json!({ "id": "ana", "role": "agent" });
        for socket in &mut theirs {
            let told = json!({ "type": "typing", "thread_id": thread, "who": who, "on": on });
            assert_eq!(socket.hears().await, told);
        }
    }
    let [first, second] = &mut theirs;
    first.says(json!({ "action": "typing", "thread_id": thread, "on": true })).await;
    assert_eq!(hers.hears().await["who"]["id"], "cus");
    // Their own other window gets no `read` event.
    assert_eq!(second.heard_so_far().await, [json!(null); 0]);
}

#[tokio::test]
async fn what_is_read_is_told_to_the_others_and_counted() {
    let stage = Stage::start().await;
    let (customer, agent, thread) = (stage.customer(), stage.agent(), stage.thread().await);
    customer.says(&thread, "Hello").await.expect(200);
    assert_eq!((unread(&customer, &thread).await, unread(&agent, &thread).await), (1, 2));
    let (mut theirs, mut hers) = (customer.listens(&thread).await, agent.listens(&thread).await);
    hers.says(json!({ "action": "read", "thread_id": thread, "seq": 2 })).await;
    let who = json!({ "id": "ana", "role": "agent" });
    let told = json!({ "type": "read", "thread_id": thread, "who": who, "seq": 2 });
    assert_eq!(theirs.hears().await, told);
    // Sent again, and with a lower `seq`: nothing is broadcast, and the marker does not move back.
    hers.says(json!({ "action": "read", "thread_id": thread, "seq": 1 })).await;
    hers.says(json!({ "action": "read", "thread_id": thread, "seq": 2 })).await;
    assert_eq!(hers.heard_so_far().await, [json!(null); 0]);
    assert_eq!((unread(&customer, &thread).await, unread(&agent, &thread).await), (1, 0));
    theirs.says(json!({ "action": "read", "thread_id": thread, "seq": 2 })).await;
    assert_eq!(hers.hears().await["who"]["id"], "cus");
    assert_eq!(unread(&customer, &thread).await, 0);
    // Another agent has a read marker of their own; the holder of the line has read the messages that they answered.
    assert_eq!(unread(&stage.persona("acme", "agent", "ben"), &thread).await, 2);
    agent.says(&thread, "Ana here").await.expect(202);
    assert_eq!((unread(&customer, &thread).await, unread(&agent, &thread).await), (2, 0));
}

#[tokio::test]
async fn only_in_a_thread_that_is_listened_to() {
    let stage = Stage::start().await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    let mut socket = customer.connects().await;
    for frame in [
        json!({ "action": "typing", "thread_id": thread, "on": true }),
        json!({ "action": "read", "thread_id": thread, "seq": 0 }),
    ] {
        socket.says(frame).await;
        let refused = socket.hears().await;
        assert_eq!((&refused["code"], &refused["thread_id"]), (&json!("conflict"), &json!(thread)));
        assert_eq!(refused["detail"], "subscribe to the thread first");
    }
    let mut socket = customer.listens(&thread).await;
    socket.says(json!({ "action": "read", "thread_id": thread, "seq": 9 })).await;
    assert_eq!(socket.hears().await["detail"], "seq: must be at most 0, the thread's last seq");
    socket.says(json!({ "action": "typing", "thread_id": thread })).await;
    assert_eq!(socket.hears().await["detail"], "on: is required");
}
