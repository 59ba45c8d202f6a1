//! Idle threads, ended threads and deleted threads.

use serde_json::json;
use shared::domain::Timeouts;
use tokio::join;

use super::{DAY, MINUTE, lasting, stage, stage_with};
use tests::stage::Stage;

/// The thread's sort key in the index of due items.
async fn due_at(stage: &Stage, thread: &str) -> Option<String> {
    stage.stored(thread).await.due_at(&Timeouts::default()).map(|at| at.to_string())
}

#[tokio::test]
async fn a_thread_in_which_nothing_is_said_ends() {
    let (stage, turned) = stage().await;
    let (customer, thread) = (lasting(&stage, "customer", "cus"), stage.thread().await);
    customer.says(&thread, "Hello").await.expect(200);
    let mut socket = customer.listens(&thread).await;
    turned.by(DAY * 29);
    stage.sweeps().await;
    assert_eq!(customer.reads(&thread).await["status"], "bot");
    turned.by(DAY);
    join!(stage.sweeps(), stage.sweeps());
    assert_eq!(socket.hears_of("thread.updated").await["thread"]["status"], "ended");
    let read = customer.reads(&thread).await;
    assert_eq!((&read["status"], &read["ended_by"]["id"]), (&json!("ended"), &json!("switchboard")));
    assert_eq!(customer.transcript(&thread).await[2..], ["[ended]"]);
    // The next sweep deletes its conversation.
    stage.sweeps().await;
    let counts = stage.standin().counts();
    assert_eq!((counts.conversations, counts.items, counts.responses), (0, 0, 0));
}

#[tokio::test]
async fn what_is_said_puts_off_the_end_but_moves_nothing_in_the_index() {
    let (stage, turned) = stage().await;
    let (customer, thread) = (lasting(&stage, "customer", "cus"), stage.thread().await);
    let due = due_at(&stage, &thread).await;
    turned.by(DAY * 20);
    customer.says(&thread, "Still there?").await.expect(200);
    // The turn is added to the usage of the day first.
    turned.by(MINUTE * 10);
    stage.sweeps().await;
    assert_eq!(due_at(&stage, &thread).await, due);
    turned.by(DAY * 11);
    stage.sweeps().await;
    assert_eq!(customer.reads(&thread).await["status"], "bot");
    let later = due_at(&stage, &thread).await;
    assert!(later > due, "{later:?}");
    // It is postponed once: the next sweep does not even find it.
    let version = stage.stored(&thread).await.version;
    stage.sweeps().await;
    assert_eq!(stage.stored(&thread).await.version, version);
    turned.by(DAY * 19);
    stage.sweeps().await;
    assert_eq!(customer.reads(&thread).await["status"], "ended");
}

#[tokio::test]
async fn an_ended_thread_is_deleted_when_it_has_been_kept_for_long_enough() {
    let (stage, turned) = stage().await;
    let (customer, thread) = (lasting(&stage, "customer", "cus"), stage.thread().await);
    customer.says(&thread, "Hello").await.expect(200);
    customer.ends(&thread).await.expect(200);
    turned.by(DAY * 89);
    stage.sweeps().await;
    assert_eq!(customer.log(&thread).await.len(), 3);
    turned.by(DAY);
    join!(stage.sweeps(), stage.sweeps());
    customer.get(&format!("/threads/{thread}")).await.problem(404, "not_found");
    customer.get(&format!("/threads/{thread}/messages")).await.problem(404, "not_found");
    assert_eq!(customer.get("/threads").await.expect(200).body["data"], json!([]));
}

#[tokio::test]
async fn where_nothing_is_ever_too_long_everything_stays() {
    let never = Timeouts { queue: None, long_wait: None, agent: None, idle: None, retention: None, audit: None };
    let (stage, turned) = stage_with(never).await;
    let (customer, agent) = (lasting(&stage, "customer", "cus"), lasting(&stage, "agent", "ana"));
    let [held, ended] = [stage.thread().await, stage.thread().await];
    agent.claims(&held).await.expect(200);
    customer.says(&held, "Anybody?").await.expect(202);
    customer.ends(&ended).await.expect(200);
    turned.by(DAY * 1000);
    stage.sweeps().await;
    assert_eq!(customer.reads(&held).await["status"], "agent");
    assert_eq!(customer.reads(&ended).await["status"], "ended");
}
