//! What a deletion leaves, here and at OpenAI.

use local::Options;
use serde_json::json;
use shared::store::OutboxItem;
use tokio::join;

use super::{DAY, MINUTE};
use tests::{
    clock::Turned,
    openai::brisk,
    stage::World,
    table::id,
    wire::{Fault, Trouble, Wire},
};

async fn world() -> (World, Turned, Wire) {
    let (turned, wire) = (Turned::default(), Wire::default());
    let options = Options { clock: turned.clock(), dynamo: wire.transport(), ..brisk() };
    (World::with(options).await, turned, wire)
}

/// A thread with a turn in its log and a conversation at OpenAI; its partition.
async fn thread(world: &World) -> (String, String) {
    let thread = world.thread().await;
    world.customer().says(&thread, "Hello").await.expect(200);
    let partition = format!("acme#THREAD#{thread}");
    (thread, partition)
}

/// How often OpenAI was asked to delete something.
fn tries(world: &World) -> usize {
    world.asked_of_openai("DELETE", "/v1/").len()
}

#[tokio::test]
async fn a_removal_is_tried_again_ever_more_rarely_until_openai_is_back() {
    let (world, turned, wire) = world().await;
    let (thread, partition) = thread(&world).await;
    world.openai_goes_down();
    world.customer().delete(&format!("/threads/{thread}")).await.expect(204);
    let mut tried = Vec::new();
    for _ in 0..16 {
        let before = tries(&world);
        join!(world.sweeps(), world.sweeps());
        tried.push(u8::try_from(tries(&world) - before).unwrap());
        turned.by(MINUTE);
    }
    assert_eq!(tried, [1, 1, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1]);
    world.openai_comes_back();
    assert!(wire.partition(&partition).await.iter().any(|sk| sk.starts_with("LOG#")));

    turned.by(MINUTE * 16);
    world.sweeps().await;
    let counts = world.standin().counts();
    assert_eq!((counts.conversations, counts.items, counts.responses), (0, 0, 0));
    // The log named the responses; now it goes too.
    turned.by(MINUTE * 2);
    world.sweeps().await;
    assert_eq!(wire.partition(&partition).await, [""; 0]);
}

#[tokio::test]
async fn of_two_who_find_a_removal_one_takes_it() {
    let (world, _, _) = world().await;
    let (thread, _) = thread(&world).await;
    world.openai_goes_down();
    world.customer().delete(&format!("/threads/{thread}")).await.expect(204);
    let (app, id) = (world.board.app(), id(&thread));
    let [removal] = app.store.cleanups_of_thread("acme", &id).await.unwrap().try_into().unwrap();
    let removal = OutboxItem::from(removal);
    let taken = app.store.outbox_take(&removal, app.now()).await.unwrap().unwrap();
    assert_eq!(app.store.outbox_take(&removal, app.now()).await.unwrap(), None);
    // Done by whoever took it, it stays done.
    app.store.outbox_delete(&taken).await.unwrap();
    assert_eq!(app.store.outbox_take(&taken, app.now()).await.unwrap(), None);
}

#[tokio::test]
async fn a_removal_that_fails_for_a_day_is_given_up() {
    let (world, turned, wire) = world().await;
    let (thread, partition) = thread(&world).await;
    world.openai_goes_down();
    world.customer().delete(&format!("/threads/{thread}")).await.expect(204);
    for _ in 0..23 {
        world.sweeps().await;
        turned.by(MINUTE * 60);
    }
    assert!(wire.partition(&partition).await.iter().any(|sk| sk.starts_with("REMOVAL#")));
    for _ in 0..3 {
        turned.by(MINUTE * 60);
        world.sweeps().await;
    }
    assert_eq!(wire.partition(&partition).await, [""; 0]);
    world.openai_comes_back();
    let before = tries(&world);
    turned.by(DAY);
    world.sweeps().await;
    assert_eq!((tries(&world), world.standin().counts().conversations), (before, 1));
}

#[tokio::test]
async fn a_thread_deleted_in_mid_answer_leaves_nothing_after_the_lease() {
    let (world, turned, wire) = world().await;
    let (thread, partition) = thread(&world).await;
    let (customer, hold) = (world.customer(), world.hold());
    join!(customer.says(&thread, "And then?"), async {
        hold.begun().await;
        customer.delete(&format!("/threads/{thread}")).await.expect(204);
        world.sweeps().await;
        // The run may still add to the conversation.
        assert!(wire.partition(&partition).await.iter().any(|sk| sk.starts_with("REMOVAL#")));
        hold.release();
    });
    turned.by(MINUTE);
    world.sweeps().await;
    turned.by(MINUTE);
    world.sweeps().await;
    assert_eq!(wire.partition(&partition).await, [""; 0]);
    let counts = world.standin().counts();
    assert_eq!((counts.conversations, counts.items, counts.orphaned_items), (0, 0, 0));
}

#[tokio::test]
async fn a_tombstone_whose_thread_could_not_be_emptied_is_emptied() {
    let (world, _, wire) = world().await;
    let (thread, partition) = thread(&world).await;
    wire.fault(Fault::on("BatchWriteItem", Trouble::Refused("AccessDeniedException")));
    world.customer().delete(&format!("/threads/{thread}")).await.expect(204);
    assert!(!wire.partition(&partition).await.is_empty());
    join!(world.sweeps(), world.sweeps());
    assert_eq!(wire.partition(&partition).await, [""; 0]);
}

#[tokio::test]
async fn what_a_chatbot_knew_is_removed_when_openai_is_back() {
    let (world, _, wire) = world().await;
    let chatbot = world.chatbot_with(json!({ "documents": [{ "name": "Hours", "text": "From nine to five." }] })).await;
    world.openai_goes_down();
    world.admin().delete(&format!("/chatbots/{chatbot}")).await.expect(204);
    world.openai_comes_back();
    assert_eq!(world.standin().counts().files, 1);
    world.sweeps().await;
    assert_eq!((world.standin().counts().files, world.standin().counts().vector_stores), (0, 0));
    assert_eq!(wire.partition(&format!("acme#CHATBOT#{chatbot}")).await, [""; 0]);
}
