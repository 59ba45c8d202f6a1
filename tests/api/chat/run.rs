//! Events during a run: more messages, people who take over, and callers who go away.

use std::time::Duration;

use futures::future::join_all;
use serde_json::json;
use tokio::join;

use tests::{clock::Turned, openai::brisk, stage::Stage};

#[tokio::test]
async fn a_message_that_comes_during_a_run_is_left_to_it_and_answered() {
    let stage = Stage::start().await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    let hold = stage.hold();
    let (first, second) = join!(customer.says(&thread, "First"), async {
        hold.begun().await;
        let second = customer.says(&thread, "Second").await.expect(202);
        hold.release();
        second
    });
    assert_eq!(first.expect(200).body["reply"]["answers"], json!({ "from": 1, "through": 1 }));
    assert_eq!(second.body["reply"], json!(null));
    let log = customer.log(&thread).await;
    let roles: Vec<_> = log.iter().map(|message| message["role"].as_str().unwrap()).collect();
    assert_eq!(roles, ["customer", "customer", "bot", "bot"]);
    assert_eq!(log[3]["answers"], json!({ "from": 2, "through": 2 }));
    assert_eq!(stage.inputs(), [["user: First"], ["user: Second"]]);
    let stored = stage.stored(&thread).await;
    assert!(stored.run.is_none() && !stored.openai.in_doubt, "{stored:?}");
}

#[tokio::test]
async fn a_burst_costs_two_answers_at_most() {
    let stage = Stage::start().await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    let hold = stage.hold();
    join!(customer.says(&thread, "1"), async {
        hold.begun().await;
        for answer in join_all(["2", "3", "4", "5"].map(|text| customer.says(&thread, text))).await {
            answer.expect(202);
        }
        hold.release();
    });
    assert_eq!(stage.asked().len(), 2);
    assert_eq!(customer.log(&thread).await[6]["answers"], json!({ "from": 2, "through": 5 }));
}

#[tokio::test]
async fn a_log_under_twenty_posts_at_once_has_no_gap_and_no_double() {
    let stage = Stage::start().await;
    let (customer, agent, thread) = (stage.customer(), stage.agent(), stage.thread().await);
    let posts = (0..20).map(|i| {
        let (author, thread) = (if i % 2 == 0 { &customer } else { &agent }, &thread);
        async move { author.says(thread, &format!("Message {i}")).await }
    });
    for answer in join_all(posts).await {
        assert!([200, 202].contains(&answer.status), "{} {}", answer.status, answer.body);
    }
    let log = customer.log(&thread).await;
    let seqs: Vec<_> = log.iter().map(|message| message["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs, (1..=log.len() as u64).collect::<Vec<_>>());
    let said = log.iter().filter(|message| message["text"].as_str().unwrap().starts_with("Message")).count();
    let claims = log.iter().filter(|message| message["event"]["type"] == "claimed").count();
    assert_eq!((said, claims), (20, 1));
}

#[tokio::test]
async fn a_thread_taken_over_mid_answer_keeps_no_bot_message() {
    let stage = Stage::start().await;
    let (customer, agent, thread) = (stage.customer(), stage.agent(), stage.thread().await);
    let mut socket = customer.listens(&thread).await;
    let hold = stage.hold();
    let (answer, ()) = join!(customer.says(&thread, "Hello"), async {
        hold.begun().await;
        agent.claims(&thread).await.expect(200);
        assert_eq!(socket.hears_of("message.discarded").await["reason"], "the line changed hands");
        hold.release();
    });
    let answer = answer.expect(202);
    assert_eq!((&answer.body["reply"], &answer.body["thread"]["status"]), (&json!(null), &json!("agent")));
    assert_eq!(customer.transcript(&thread).await, ["customer: Hello", "[claimed]"]);
    // A discarded answer is deleted at OpenAI too.
    assert_eq!(stage.standin().counts().responses, 0);
}

#[tokio::test]
async fn after_a_discarded_answer_the_conversation_is_built_anew() {
    let stage = Stage::start().await;
    let (customer, agent, thread) = (stage.customer(), stage.agent(), stage.thread().await);
    let hold = stage.hold();
    join!(customer.says(&thread, "Hello"), async {
        hold.begun().await;
        agent.claims(&thread).await.expect(200);
        hold.release();
    });
    stage.releases_unheard(&thread).await;
    let answer = customer.says(&thread, "Anybody?").await.expect(200);
    assert_eq!(answer.body["reply"]["answers"], json!({ "from": 1, "through": 4 }));
    let (before, after) = (&stage.asked()[0]["conversation"], &stage.asked()[1]["conversation"]);
    assert_ne!(before, after);
    assert_eq!(stage.inputs()[1].len(), 4);
    assert_eq!(stage.standin().counts().conversations, 1);
}

#[tokio::test]
async fn a_caller_who_leaves_does_not_end_the_answer() {
    let stage = Stage::start().await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    let mut socket = customer.listens(&thread).await;
    let hold = stage.hold();
    let caller = tokio::spawn({
        let (customer, thread) = (customer.clone(), thread.clone());
        async move { customer.says(&thread, "Hello").await.status }
    });
    hold.begun().await;
    caller.abort();
    assert!(caller.await.unwrap_err().is_cancelled());
    hold.release();
    assert_eq!(socket.hears_of("message.created").await["message"]["role"], "customer");
    assert_eq!(socket.hears_of("message.created").await["message"]["role"], "bot");
}

#[tokio::test]
async fn a_run_whose_lease_ran_out_is_taken_over_and_can_say_nothing_more() {
    let turned = Turned::default();
    let stage = Stage::with(local::Options { clock: turned.clock(), ..brisk() }).await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    let hold = stage.hold();
    let (stalled, second) = join!(customer.says(&thread, "First"), async {
        hold.begun().await;
        turned.by(Duration::from_secs(31));
        let second = customer.says(&thread, "Second").await.expect(200);
        hold.release();
        second
    });
    assert_eq!(second.body["reply"]["answers"], json!({ "from": 1, "through": 2 }));
    assert_eq!(stage.inputs(), [vec!["user: First"], vec!["user: First", "user: Second"]]);
    // The other run answered the first run's message too; its caller only learns that it was left to another run.
    stalled.expect(202);
    assert_eq!(customer.log(&thread).await.len(), 3);
}
