//! Webhook deliveries of changes of owner: at least once each.

use std::time::Duration;

use insta::assert_json_snapshot;
use local::Options;
use serde_json::{Value, json};
use shared::store::key;

use super::{hasty, thread_with};
use tests::{
    clock::Turned,
    persona::redacted,
    receiver::{Receiver, Reply, Told},
    stage::Stage,
    table::{Table, id},
};

const HOUR: Duration = Duration::from_hours(1);

/// A stage whose clock can be advanced, its table, a receiver, and a thread whose chatbot has it as its webhook.
async fn set_up(turned: &Turned) -> (Stage, Table, Receiver, String) {
    let (stage, table) = Table::of(Options { clock: turned.clock(), ..hasty() }).await;
    let receiver = Receiver::start().await;
    let thread = thread_with(&stage, &receiver).await;
    (stage, table, receiver, thread)
}

#[tokio::test]
async fn a_webhook_hears_who_waits_who_came_and_that_it_is_over() {
    let (stage, table, receiver, thread) = set_up(&Turned::default()).await;
    let (customer, agent) = (stage.customer(), stage.agent());
    customer.escalates(&thread).await.expect(200);
    let [queued] = receiver.told().try_into().unwrap();
    redacted().bind(|| {
        assert_json_snapshot!(queued.body, @r#"
        {
          "at": "[time]",
          "message": {
            "at": "[time]",
            "author": {
              "id": "cus"
            },
            "event": {
              "reason": "asked",
              "type": "escalated"
            },
            "id": "[message]",
            "role": "system",
            "seq": 1,
            "text": "",
            "thread_id": "[thread]"
          },
          "thread": {
            "chatbot_id": "[chatbot]",
            "created_at": "[time]",
            "customer_id": "cus",
            "id": "[thread]",
            "metadata": {},
            "reason": "asked",
            "seq": 1,
            "status": "queued",
            "status_since": "[time]",
            "title": null,
            "updated_at": "[time]",
            "waiting_since": "[time]"
          },
          "type": "thread.queued"
        }
        "#);
    });
    assert_eq!(json!([queued.id, queued.id]), json!([queued.body["message"]["id"], queued.idempotency_key]));
    agent.claims(&thread).await.expect(200);
    agent.releases(&thread, "queue").await.expect(200);
    // A repeat changes nothing, and delivers nothing.
    customer.escalates(&thread).await.expect(200);
    agent.says(&thread, "Ana here.").await.expect(202);
    // A release to the bot needs nobody's attention.
    agent.releases(&thread, "bot").await.expect(200);
    customer.says(&thread, "May I speak to a person?").await.expect(202);
    customer.ends(&thread).await.expect(200);
    let all = ["queued", "claimed", "queued", "claimed", "queued", "ended"].map(|kind| format!("thread.{kind}"));
    assert_eq!(receiver.types(), all);
    let told = |told: Told| told.body["thread"]["status"].clone();
    let statuses: Vec<Value> = receiver.told().into_iter().map(told).collect();
    assert_eq!(json!(statuses), json!(["queued", "agent", "queued", "agent", "queued", "ended"]));
    assert_eq!(table.notices(&thread).await, [""; 0]);
}

#[tokio::test]
async fn a_failure_of_the_bot_is_told_with_its_apology() {
    let (stage, table, receiver, thread) = set_up(&Turned::default()).await;
    stage.openai_goes_down();
    stage.customer().says(&thread, "Hello").await.expect(202);
    let [queued] = receiver.told().try_into().unwrap();
    assert_eq!(queued.body["thread"]["reason"], "failure");
    assert!(queued.body["message"]["text"].as_str().unwrap().starts_with("Sorry"));
    assert_eq!(table.notices(&thread).await, [""; 0]);
}

#[tokio::test]
async fn a_notice_that_failed_is_told_again_until_it_arrives() {
    let turned = Turned::default();
    let (stage, table, receiver, thread) = set_up(&turned).await;
    receiver.replies([Reply::status(500), Reply::Never, Reply::Redirect]);
    stage.customer().escalates(&thread).await.expect(200);
    let [notice] = table.notices(&thread).await.try_into().unwrap();
    // Not due yet: it was attempted only just now.
    stage.board.sweep().await;
    assert_eq!(receiver.told().len(), 1);
    for tries in [2, 3, 4] {
        turned.by(HOUR);
        stage.board.sweep().await;
        assert_eq!(receiver.told().len(), tries);
        // Delivered or not, it is not attempted again at once.
        stage.board.sweep().await;
        assert_eq!(receiver.told().len(), tries);
    }
    assert_eq!(table.notices(&thread).await, [""; 0]);
    turned.by(HOUR);
    stage.board.sweep().await;
    let told = receiver.told();
    assert_eq!(told.len(), 4);
    assert!(told.iter().all(|it| it.id == notice && it.body == told[0].body));
}

#[tokio::test]
async fn of_two_sweeps_that_read_a_notice_one_tells_it() {
    let (stage, table, receiver, thread) = set_up(&Turned::default()).await;
    receiver.replies([Reply::status(500)]);
    stage.customer().escalates(&thread).await.expect(200);
    let [notice] = table.notices(&thread).await.try_into().unwrap();
    let (store, now) = (&stage.board.app().store, stage.board.app().now());
    let key = key::delivery("acme", &id(&thread), &notice.parse().unwrap());
    let read = store.outbox_get(&key).await.unwrap().unwrap();
    let take = async || store.outbox_take(&read, now).await.unwrap().is_some();
    assert_eq!((take().await, take().await), (true, false));
    // A finished delivery is not taken up again either.
    store.outbox_delete(&read).await.unwrap();
    assert_eq!((take().await, table.notices(&thread).await.len()), (false, 0));
}

#[tokio::test]
async fn a_notice_is_given_up_after_a_day() {
    let turned = Turned::default();
    let (stage, table, receiver, thread) = set_up(&turned).await;
    receiver.replies([500, 500, 500, 500].map(Reply::status));
    stage.customer().escalates(&thread).await.expect(200);
    for (hours, tries, left) in [(1, 2, 1), (22, 3, 1), (2, 4, 0), (2, 4, 0)] {
        turned.by(HOUR * hours);
        stage.board.sweep().await;
        assert_eq!((receiver.told().len(), table.notices(&thread).await.len()), (tries, left));
    }
}

#[tokio::test]
async fn a_line_that_the_sweep_gives_back_is_told_by_the_next_one() {
    let turned = Turned::default();
    let (stage, table, receiver, thread) = set_up(&turned).await;
    stage.agent().claims(&thread).await.expect(200);
    stage.customer().says(&thread, "Hello?").await.expect(202);
    turned.by(HOUR);
    stage.board.sweep().await;
    assert_eq!(table.notices(&thread).await.len(), 1);
    turned.by(Duration::from_mins(1));
    stage.board.sweep().await;
    assert_eq!(receiver.types(), ["thread.claimed", "thread.queued"]);
    assert_eq!(receiver.told()[1].body["thread"]["reason"], "absent");
    assert_eq!(table.notices(&thread).await, [""; 0]);
}

#[tokio::test]
async fn what_has_no_webhook_any_more_is_told_nobody() {
    let turned = Turned::default();
    let (stage, table, receiver, thread) = set_up(&turned).await;
    receiver.replies([Reply::status(500)]);
    stage.customer().escalates(&thread).await.expect(200);
    assert_eq!(table.notices(&thread).await.len(), 1);
    let chatbot = stage.customer().reads(&thread).await["chatbot_id"].as_str().unwrap().to_owned();
    stage.admin().patch(&format!("/chatbots/{chatbot}"), json!({ "webhook": null })).await.expect(200);
    turned.by(HOUR);
    stage.board.sweep().await;
    assert_eq!(table.notices(&thread).await, [""; 0]);
    // A later change of owner leaves no delivery at all.
    stage.agent().claims(&thread).await.expect(200);
    stage.customer().ends(&thread).await.expect(200);
    assert_eq!((receiver.told().len(), table.notices(&thread).await.len()), (1, 0));
}
