//! Subscriptions to threads and to the inbox.

use std::time::Duration;

use serde_json::json;
use shared::domain::ThreadId;

use tests::{
    openai::brisk,
    stage::Stage,
    table::{Table, id},
};

#[tokio::test]
async fn a_turn_is_heard_by_all_who_listen_in_order() {
    let stage = Stage::start().await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    let mut sockets = [customer.listens(&thread).await, stage.agent().listens(&thread).await];
    let answer = customer.says(&thread, "Hello").await.expect(200);
    for socket in &mut sockets {
        let created =
            |message| json!({ "type": "message.created", "thread_id": thread, "seq": message, "message": {} });
        for (seq, message) in [(1, "message"), (2, "reply")] {
            let mut heard = socket.hears().await;
            assert_eq!(heard["message"], answer.body[message]);
            heard["message"] = json!({});
            assert_eq!(heard, created(seq));
        }
    }
}

#[tokio::test]
async fn a_thread_is_heard_only_by_those_who_asked_for_it() {
    let stage = Stage::start().await;
    let (customer, thread, other) = (stage.customer(), stage.thread().await, stage.thread().await);
    let mut socket = customer.listens(&other).await;
    customer.says(&thread, "Hello").await.expect(200);
    assert_eq!(socket.heard_so_far().await, [json!(null); 0]);
}

#[tokio::test]
async fn after_unsubscribing_nothing_is_heard() {
    let (stage, table) = Table::of(brisk()).await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    let mut socket = customer.listens(&thread).await;
    assert_eq!(table.subscriptions(&thread).await.len(), 1);
    socket.says(json!({ "action": "unsubscribe", "thread_id": thread })).await;
    table.until_nobody_listens(&thread).await;
    customer.says(&thread, "Hello").await.expect(200);
    assert_eq!(socket.heard_so_far().await, [json!(null); 0]);
}

#[tokio::test]
async fn the_inbox_is_for_agents_and_tells_of_their_tenant_alone() {
    let stage = Stage::start().await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    let subscribe = json!({ "action": "subscribe", "inbox": true });
    let mut hers = customer.connects().await;
    hers.says(subscribe.clone()).await;
    assert_eq!(hers.hears().await["code"], "forbidden");
    let mut inboxes = Vec::new();
    for persona in [stage.agent(), stage.admin(), stage.persona("other", "agent", "ana")] {
        let mut inbox = persona.connects().await;
        inbox.says(subscribe.clone()).await;
        assert_eq!(inbox.hears().await, json!({ "type": "subscribed", "more": false }));
        inboxes.push(inbox);
    }
    // A turn is no change of owner.
    customer.says(&thread, "Hello").await.expect(200);
    customer.escalates(&thread).await.expect(200);
    for (inbox, heard) in inboxes.iter_mut().zip([1, 1, 0]) {
        assert_eq!(inbox.heard_so_far().await.len(), heard);
    }
    let [inbox, ..] = &mut inboxes[..] else { unreachable!() };
    inbox.says(json!({ "action": "unsubscribe", "inbox": true })).await;
    let subscribers = || stage.board.app().store.inbox_subscribers("acme");
    let left = async {
        while subscribers().await.unwrap().len() > 1 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), left).await.unwrap();
    stage.agent().claims(&thread).await.expect(200);
    assert_eq!(inbox.heard_so_far().await, [json!(null); 0]);
}

#[tokio::test]
async fn a_socket_listens_to_two_hundred_threads_and_no_more() {
    let (stage, table) = Table::of(brisk()).await;
    let (customer, thread, first) = (stage.customer(), stage.thread().await, stage.thread().await);
    let mut socket = customer.listens(&first).await;
    let (app, connection) = (stage.board.app(), table.subscriptions(&first).await.remove(0));
    let mut connection = app.store.connection_get("acme", &connection).await.unwrap().unwrap();
    connection.threads.extend((0..199).map(|_| ThreadId::new(app.ulid())));
    app.store.connection_put(&connection, app.now()).await.unwrap();
    let subscribe = json!({ "action": "subscribe", "thread_id": thread });
    socket.says(subscribe.clone()).await;
    let refused = json!({
        "type": "error", "thread_id": thread, "code": "conflict",
        "detail": "a connection can subscribe to at most 200 threads",
    });
    assert_eq!(socket.hears().await, refused);
    // A socket may subscribe again to a thread that it is subscribed to.
    connection.threads.pop_last();
    connection.threads.insert(id(&thread));
    app.store.connection_put(&connection, app.now()).await.unwrap();
    socket.says(subscribe).await;
    assert_eq!(socket.hears().await["type"], "subscribed");
}
