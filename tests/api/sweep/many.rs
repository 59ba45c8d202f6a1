//! More due work than one sweep, one page or one moment can handle.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lambda_http::{Context, RequestExt};
use local::Options;
use shared::{
    domain::{Status, Thread, ThreadId, ThreadMetadata},
    store::{Creation, DueThread, key},
};

use super::DAY;
use tests::{
    clock::Turned,
    openai::brisk,
    sample::event,
    stage::Stage,
    wire::{Fault, Trouble, Wire},
};

async fn stage() -> (Stage, Turned, Wire) {
    let (turned, wire) = (Turned::default(), Wire::default());
    let options = Options { clock: turned.clock(), dynamo: wire.transport(), ..brisk() };
    (Stage::with(options).await, turned, wire)
}

/// A thread in this shard of the index.
async fn thread(stage: &Stage, shard: &str) -> ThreadId {
    let app = stage.board.app();
    let id = loop {
        let id = ThreadId::new(app.ulid());
        if key::due(&key::thread_partition("acme", &id)) == shard {
            break id;
        }
    };
    let chatbot = "bot_01JD0000000000000000000000".parse().unwrap();
    let thread = Thread::new("acme", id.clone(), chatbot, "cus".into(), app.now());
    app.store.thread_create(&thread, &ThreadMetadata::default(), None, &Creation { key: None }).await.unwrap();
    id
}

async fn ended(stage: &Stage, threads: &[ThreadId]) -> usize {
    let mut ended = 0;
    for thread in threads {
        ended += usize::from(matches!(stage.stored(thread.as_str()).await.status, Status::Ended { .. }));
    }
    ended
}

#[tokio::test]
async fn one_sweep_reads_on_where_a_page_ends() {
    let (stage, turned, _) = stage().await;
    let mut threads = Vec::new();
    for _ in 0..250 {
        threads.push(thread(&stage, "due#3").await);
    }
    turned.by(DAY * 30);
    stage.sweeps().await;
    assert_eq!(ended(&stage, &threads).await, 250);
}

#[tokio::test]
async fn a_shard_that_cannot_be_read_keeps_no_other_waiting() {
    let (stage, turned, wire) = stage().await;
    let mut threads = Vec::new();
    for shard in key::due_shards() {
        threads.push(thread(&stage, &shard).await);
    }
    turned.by(DAY * 30);
    wire.fault(Fault::on("Query", Trouble::Refused("AccessDeniedException")));
    assert!(!stage.board.sweep().await, "the sweep reports that it could not read everything");
    assert_eq!(ended(&stage, &threads).await, 15);
    stage.sweeps().await;
    assert_eq!(ended(&stage, &threads).await, 16);
}

#[tokio::test]
async fn what_an_index_that_lags_still_has_is_not_looked_into() {
    let (stage, turned, _) = stage().await;
    let (app, id) = (stage.board.app(), thread(&stage, "due#0").await);
    let found = async || app.store.due_thread_get("acme", &id, app.now()).await.unwrap();
    assert!(matches!(found().await, DueThread::Settled));
    turned.by(DAY * 30);
    assert!(matches!(found().await, DueThread::Thread(_)));
    app.store.thread_purge("acme", &id).await.unwrap();
    assert!(matches!(found().await, DueThread::Settled));
}

#[tokio::test]
async fn one_thing_that_cannot_be_done_keeps_no_other_waiting() {
    let (stage, turned, wire) = stage().await;
    let threads = [thread(&stage, "due#0").await, thread(&stage, "due#0").await];
    turned.by(DAY * 30);
    wire.fault(Fault::on("TransactWriteItems", Trouble::Refused("AccessDeniedException")));
    stage.sweeps().await;
    assert_eq!(ended(&stage, &threads).await, 1);
    stage.sweeps().await;
    assert_eq!(ended(&stage, &threads).await, 2);
}

/// `cargo lambda watch` sends a deadline in 1970.
#[tokio::test]
async fn a_deadline_in_the_past_leaves_a_sweep_its_time() {
    let (stage, turned, _) = stage().await;
    let threads = [thread(&stage, "due#7").await];
    turned.by(DAY * 30);
    let mut context = Context::default();
    context.deadline = 600_000;
    let request = lambda_http::request::from_str(&event("sweep")).unwrap().with_lambda_context(context);
    sweep::handle(stage.board.app(), request).await.unwrap();
    assert_eq!(ended(&stage, &threads).await, 1);
}

#[tokio::test]
async fn a_sweep_begins_nothing_that_its_function_has_no_time_for() {
    let (stage, turned, _) = stage().await;
    let threads = [thread(&stage, "due#7").await];
    turned.by(DAY * 30);
    for (left, done) in [(Duration::from_secs(19), 0), (Duration::from_mins(1), 1)] {
        let deadline = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + left;
        let mut context = Context::default();
        context.deadline = u64::try_from(deadline.as_millis()).unwrap();
        let request = lambda_http::request::from_str(&event("sweep")).unwrap().with_lambda_context(context);
        sweep::handle(stage.board.app(), request).await.unwrap();
        assert_eq!(ended(&stage, &threads).await, done);
    }
}
