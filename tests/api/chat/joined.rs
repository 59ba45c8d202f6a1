//! Messages that arrive during a run: their streams stay until it has answered them.

use std::time::Duration;

use local::Options;
use serde_json::{Value, json};

use tests::{
    clock::Turned,
    stage::Stage,
    streams::{Event, Events, asked, chunks, text, types},
};

/// Longer than a run's lease.
const LEASE: Duration = Duration::from_secs(31);

/// The roles of the messages that a stream told.
fn roles(events: &[Event]) -> Vec<&str> {
    let created = events.iter().filter(|event| event.kind == "message.created");
    created.map(|event| event.data["message"]["role"].as_str().unwrap()).collect()
}

fn is_joined(events: &[Event]) -> &Value {
    let done = events.last().unwrap();
    assert_eq!(done.kind, "done");
    &done.data["joined"]
}

/// The stream of a message that is sent while the run of another one is held, once it has been accepted.
async fn joining(stage: &Stage, thread: &str) -> Events {
    let mut second = stage.customer().streams(thread, json!({ "text": "Second", "client_id": "two" })).await;
    assert_eq!(second.next().await.unwrap().data["seq"], 2);
    second
}

#[tokio::test]
async fn a_stream_that_joins_a_run_ends_with_its_answer() {
    let stage = Stage::start().await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    let hold = stage.hold();
    let mut first = customer.streams(&thread, json!({ "text": "First" })).await;
    hold.begun().await;
    let mut second = joining(&stage, &thread).await;
    hold.release();
    // The reply to the first message is not this stream's.
    let second = second.rest().await;
    assert_eq!((roles(&second), is_joined(&second)), (vec!["bot"], &json!(false)));
    assert_eq!((second[0].id.as_deref(), &second[0].data["message"]["answers"]["from"]), (Some("4"), &json!(2)));
    let created = first.rest().await.into_iter().filter(|event| event.kind == "message.created");
    assert_eq!(created.map(|event| event.id.unwrap()).collect::<Vec<_>>(), ["1", "3", "4"]);
}

#[tokio::test]
async fn after_a_stop_the_next_message_gets_its_answer() {
    let stage = Stage::start().await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    let hold = stage.hold_after(3);
    let stopped = customer.streams(&thread, json!({ "text": "First" })).await;
    hold.begun().await;
    drop(stopped);
    let second = customer.opens_chat(&asked(&thread, "two", "Second")).await;
    hold.release();
    let second = chunks(second).await;
    assert_eq!(types(&second).last(), Some(&"finish"));
    assert!(text(&second, "text-1").contains("You said: \"Second\""), "{second:?}");
}

#[tokio::test]
async fn a_message_sent_again_during_its_run_waits_for_the_answer() {
    let stage = Stage::start().await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    let hold = stage.hold();
    let message = json!({ "text": "Hello", "client_id": "one" });
    let stopped = customer.streams(&thread, message.clone()).await;
    hold.begun().await;
    drop(stopped);
    let mut again = customer.streams(&thread, message).await;
    assert_eq!(again.next().await.unwrap().data["seq"], 1);
    hold.release();
    let again = again.rest().await;
    assert_eq!((roles(&again), is_joined(&again)), (vec!["bot"], &json!(false)));
    assert_eq!(customer.log(&thread).await.len(), 2);
}

#[tokio::test]
async fn a_claim_during_the_run_ends_the_stream_that_joined_it() {
    let stage = Stage::start().await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    let hold = stage.hold();
    let _first = customer.streams(&thread, json!({ "text": "First" })).await;
    hold.begun().await;
    let mut second = joining(&stage, &thread).await;
    stage.agent().says(&thread, "Ana here.").await.expect(202);
    let told = second.rest().await;
    assert_eq!((roles(&told), is_joined(&told)), (vec!["system", "agent"], &json!(false)));
    let thread = told.iter().find(|event| event.kind == "thread.updated").unwrap();
    assert_eq!(
        (&thread.data["thread"]["status"], &thread.data["thread"]["agent"]["id"]),
        (&json!("agent"), &json!("ana"))
    );
    hold.release();
}

#[tokio::test]
async fn a_stream_that_joined_a_run_which_dies_leaves_the_answer_to_the_next_run() {
    let clock = Turned::default();
    let stage = Stage::with(Options { clock: clock.clock(), ..Options::default() }).await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    let hold = stage.hold();
    let _first = customer.streams(&thread, json!({ "text": "First" })).await;
    hold.begun().await;
    let mut second = joining(&stage, &thread).await;
    clock.by(LEASE);
    let told = second.rest().await;
    assert_eq!((roles(&told), is_joined(&told)), (vec![], &json!(true)));
    hold.release();
}
