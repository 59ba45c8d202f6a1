//! Cleanup after a deletion, here and at OpenAI.

use local::Options;
use serde_json::json;
use shared::store::OutboxItem;
use tokio::join;

use super::{DAY, MINUTE};
use tests::{
    clock::Turned,
    openai::brisk,
    stage::Stage,
    table::id,
    wire::{Fault, Trouble, Wire},
};

async fn stage() -> (Stage, Turned, Wire) {
    let (turned, wire) = (Turned::default(), Wire::default());
    let options = Options { clock: turned.clock(), dynamo: wire.transport(), ..brisk() };
    (Stage::with(options).await, turned, wire)
}

/// A thread with a turn in its log and a conversation at OpenAI; returns its partition too.
async fn thread(stage: &Stage) -> (String, String) {
    let thread = stage.thread().await;
    stage.customer().says(&thread, "Hello").await.expect(200);
    let partition = format!("acme#THREAD#{thread}");
    (thread, partition)
}

/// Number of deletions that OpenAI was asked for.
fn tries(stage: &Stage) -> usize {
    stage.asked_of_openai("DELETE", "/v1/").len()
}

#[tokio::test]
async fn a_removal_is_tried_again_ever_more_rarely_until_openai_is_back() {
    let (stage, turned, wire) = stage().await;
    let (thread, partition) = thread(&stage).await;
    stage.openai_goes_down();
    stage.admin().delete(&format!("/threads/{thread}")).await.expect(204);
    let mut tried = Vec::new();
    for _ in 0..16 {
        let before = tries(&stage);
        join!(stage.sweeps(), stage.sweeps());
        tried.push(u8::try_from(tries(&stage) - before).unwrap());
        turned.by(MINUTE);
    }
    assert_eq!(tried, [1, 1, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1]);
    stage.openai_comes_back();
    assert!(wire.partition(&partition).await.iter().any(|sk| sk.starts_with("LOG#")));

    turned.by(MINUTE * 16);
    stage.sweeps().await;
    let counts = stage.standin().counts();
    assert_eq!((counts.conversations, counts.items, counts.responses), (0, 0, 0));
    // The log named the responses; now it is deleted too.
    turned.by(MINUTE * 2);
    stage.sweeps().await;
    assert_eq!(wire.partition(&partition).await, [""; 0]);
}

#[tokio::test]
async fn of_two_who_find_a_removal_one_takes_it() {
    let (stage, _, _) = stage().await;
    let (thread, _) = thread(&stage).await;
    stage.openai_goes_down();
    stage.admin().delete(&format!("/threads/{thread}")).await.expect(204);
    let (app, id) = (stage.board.app(), id(&thread));
    let [removal] = app.store.cleanups_of_thread("acme", &id).await.unwrap().try_into().unwrap();
    let removal = OutboxItem::from(removal);
    let taken = app.store.outbox_take(&removal, app.now()).await.unwrap().unwrap();
    assert_eq!(app.store.outbox_take(&removal, app.now()).await.unwrap(), None);
    // Once its owner has carried out the cleanup, it is not repeated.
    app.store.outbox_delete(&taken).await.unwrap();
    assert_eq!(app.store.outbox_take(&taken, app.now()).await.unwrap(), None);
}

#[tokio::test]
async fn a_removal_that_fails_for_a_day_is_given_up() {
    let (stage, turned, wire) = stage().await;
    let (thread, partition) = thread(&stage).await;
    stage.openai_goes_down();
    stage.admin().delete(&format!("/threads/{thread}")).await.expect(204);
    for _ in 0..23 {
        stage.sweeps().await;
        turned.by(MINUTE * 60);
    }
    assert!(wire.partition(&partition).await.iter().any(|sk| sk.starts_with("REMOVAL#")));
    for _ in 0..3 {
        turned.by(MINUTE * 60);
        stage.sweeps().await;
    }
    assert_eq!(wire.partition(&partition).await, [""; 0]);
    stage.openai_comes_back();
    let before = tries(&stage);
    turned.by(DAY);
    stage.sweeps().await;
    assert_eq!((tries(&stage), stage.standin().counts().conversations), (before, 1));
}

#[tokio::test]
async fn a_thread_deleted_in_mid_answer_leaves_nothing_after_the_lease() {
    let (stage, turned, wire) = stage().await;
    let (thread, partition) = thread(&stage).await;
    let (customer, hold) = (stage.customer(), stage.hold());
    join!(customer.says(&thread, "And then?"), async {
        hold.begun().await;
        stage.admin().delete(&format!("/threads/{thread}")).await.expect(204);
        stage.sweeps().await;
        // The run may still add to the conversation.
        assert!(wire.partition(&partition).await.iter().any(|sk| sk.starts_with("REMOVAL#")));
        hold.release();
    });
    turned.by(MINUTE);
    stage.sweeps().await;
    turned.by(MINUTE);
    stage.sweeps().await;
    assert_eq!(wire.partition(&partition).await, [""; 0]);
    let counts = stage.standin().counts();
    assert_eq!((counts.conversations, counts.items, counts.orphaned_items), (0, 0, 0));
}

#[tokio::test]
async fn a_tombstone_whose_thread_could_not_be_emptied_is_emptied() {
    let (stage, _, wire) = stage().await;
    let (thread, partition) = thread(&stage).await;
    wire.fault(Fault::on("BatchWriteItem", Trouble::Refused("AccessDeniedException")));
    stage.admin().delete(&format!("/threads/{thread}")).await.expect(204);
    assert!(!wire.partition(&partition).await.is_empty());
    join!(stage.sweeps(), stage.sweeps());
    assert_eq!(wire.partition(&partition).await, [""; 0]);
}

#[tokio::test]
async fn what_a_chatbot_knew_is_removed_when_openai_is_back() {
    let (stage, _, wire) = stage().await;
    let chatbot = stage.chatbot_with(json!({ "documents": [{ "name": "Hours", "text": "From nine to five." }] })).await;
    stage.openai_goes_down();
    stage.admin().delete(&format!("/chatbots/{chatbot}")).await.expect(204);
    stage.openai_comes_back();
    assert_eq!(stage.standin().counts().files, 1);
    stage.sweeps().await;
    assert_eq!((stage.standin().counts().files, stage.standin().counts().vector_stores), (0, 0));
    assert_eq!(wire.partition(&format!("acme#CHATBOT#{chatbot}")).await, [""; 0]);
}
