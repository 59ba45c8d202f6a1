//! The fences of a run's writes, at moments that would otherwise only be met by chance.

use std::time::Duration;

use local::standin::{ErrorResponse as Refusal, Fault};
use serde_json::json;
use shared::{
    domain::{RunId, thread::Run},
    store::{Commit, Committed},
};
use tokio::join;

use tests::{clock::Turned, openai::brisk, stage::Stage};

const MINUTE: Duration = Duration::from_mins(1);

/// A thread that a run holds, as it was read; the model has not been asked yet.
async fn held(stage: &Stage) -> (shared::domain::Thread, Run) {
    let thread = stage.thread().await;
    stage.openai_goes_down();
    let before = stage.stored(&thread).await;
    let mut commit = Commit::new(before.clone());
    commit.thread.begin_run(RunId::new(stage.board.app().ulid()), stage.board.app().now());
    stage.board.app().store.thread_commit(&before, commit).await.unwrap();
    let held = stage.stored(&thread).await;
    let run = held.run.clone().unwrap();
    (held, run)
}

/// A claim while a conversation is created for the first message; `noticed`: the run notices the claim before it is
/// created.
async fn claimed_while_a_conversation_is_made(noticed: bool) {
    let stage = Stage::with(brisk()).await;
    let (customer, agent, chatbot) = (stage.customer(), stage.agent(), stage.chatbot().await);
    stage.standin().fault(Fault::on("POST", "/v1/conversations", Refusal::status(503)).times(3));
    let thread = stage.thread_of(&customer, &chatbot).await;
    let (mut socket, stall) = (agent.listens(&thread).await, stage.standin().stall("POST", "/v1/conversations"));
    let (answer, ()) = join!(customer.says(&thread, "Hello"), async {
        stall.begun().await;
        agent.claims(&thread).await.expect(200);
        socket.hears_of("message.discarded").await;
        if noticed {
            socket.hears_of("message.discarded").await;
        }
        stall.release();
    });
    answer.expect(202);
    assert_eq!((stage.standin().counts().conversations, stage.asked().len()), (0, 0));
}

#[tokio::test]
async fn a_conversation_made_for_a_run_that_has_lost_the_line_is_deleted() {
    claimed_while_a_conversation_is_made(false).await;
}

#[tokio::test]
async fn a_conversation_made_after_the_loss_was_noticed_is_deleted_too() {
    claimed_while_a_conversation_is_made(true).await;
}

#[tokio::test]
async fn a_run_that_renews_while_it_is_found_dead_is_not_taken_over() {
    let stage = Stage::start().await;
    let (read, run) = held(&stage).await;
    let (store, id) = (&stage.board.app().store, read.id.as_str());
    assert!(store.run_renew(&read, &run.id, run.lease_until + MINUTE).await.unwrap());
    let mut taken = Commit::new(read.clone());
    taken.thread.begin_run(RunId::new(stage.board.app().ulid()), run.lease_until);
    assert!(matches!(store.thread_commit(&read, taken).await.unwrap(), Committed::Conflict));
    assert_eq!(stage.stored(id).await.run.unwrap().id, run.id);
}

#[tokio::test]
async fn a_run_that_was_taken_over_renews_nothing() {
    let stage = Stage::start().await;
    let (read, dead) = held(&stage).await;
    let (store, id) = (&stage.board.app().store, read.id.as_str());
    let mut taken = Commit::new(read.clone());
    taken.thread.begin_run(RunId::new(stage.board.app().ulid()), dead.lease_until);
    store.thread_commit(&read, taken).await.unwrap();
    let now = stage.stored(id).await;
    assert!(!store.run_renew(&read, &dead.id, dead.lease_until + MINUTE * 9).await.unwrap());
    assert_eq!(stage.stored(id).await, now);
}

#[tokio::test]
async fn a_run_that_thaws_while_another_one_answers_says_nothing() {
    let turned = Turned::default();
    let stage = Stage::with(local::Options { clock: turned.clock(), ..brisk() }).await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    let [first, second] = [stage.hold(), stage.hold()];
    let frozen = async {
        let answer = customer.says(&thread, "First").await;
        second.release();
        answer
    };
    let (frozen, answered) = join!(frozen, async {
        first.begun().await;
        turned.by(MINUTE);
        join!(customer.says(&thread, "Second"), async {
            second.begun().await;
            first.release();
        })
        .0
    });
    assert_eq!(frozen.expect(202).body["reply"], json!(null));
    assert_eq!(answered.expect(200).body["reply"]["answers"], json!({ "from": 1, "through": 2 }));
    assert_eq!(customer.log(&thread).await.len(), 3);
}
