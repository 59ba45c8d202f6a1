//! Waits that time out: back to the bot, or back to the queue.

use serde_json::json;
use shared::domain::Timeouts;
use tokio::join;

use super::{DAY, MINUTE, stage, stage_with};

fn ten_minutes() -> Timeouts {
    Timeouts { queue: Some(MINUTE * 10), ..Timeouts::default() }
}

#[tokio::test]
async fn a_customer_who_waited_too_long_is_the_bots_again() {
    let (stage, turned) = stage_with(ten_minutes()).await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    customer.escalates(&thread).await.expect(200);
    customer.says(&thread, "Anybody?").await.expect(202);
    let mut socket = customer.listens(&thread).await;
    turned.by(MINUTE * 9);
    stage.sweeps().await;
    assert_eq!(customer.reads(&thread).await["status"], "queued");
    turned.by(MINUTE);
    let epoch = stage.stored(&thread).await.epoch;
    join!(stage.sweeps(), stage.sweeps(), stage.sweeps());

    assert_eq!(socket.hears_of("thread.updated").await["thread"]["status"], "bot");
    assert_eq!(socket.hears_of("message.created").await["message"]["role"], "bot");
    let log = customer.log(&thread).await;
    assert_eq!(log.len(), 4, "{log:?}");
    assert_eq!(log[2]["event"], json!({ "type": "timed_out", "to": "bot" }));
    assert_eq!((&log[2]["role"], &log[2]["author"]["id"]), (&json!("system"), &json!("switchboard")));
    assert_eq!(stage.stored(&thread).await.epoch, epoch + 1);
    let told = "developer: No human agent came in time. You answer again from here on.";
    assert_eq!(stage.inputs()[0].last().unwrap(), told);
}

#[tokio::test]
async fn unless_it_is_asked_for_a_customer_stays_in_the_queue() {
    let (stage, turned) = stage().await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    customer.escalates(&thread).await.expect(200);
    turned.by(DAY * 29);
    stage.sweeps().await;
    assert_eq!(customer.transcript(&thread).await, ["[escalated]"]);
}

#[tokio::test]
async fn a_wait_that_a_failure_caused_does_not_end_with_the_bot() {
    let (stage, turned) = stage_with(ten_minutes()).await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    stage.openai_goes_down();
    customer.says(&thread, "Hello").await.expect(202);
    stage.openai_comes_back();
    turned.by(MINUTE * 60);
    stage.sweeps().await;
    assert_eq!(customer.reads(&thread).await["reason"], "failure");
    assert_eq!(customer.transcript(&thread).await, ["customer: Hello", "[escalated]"]);
}

#[tokio::test]
async fn an_agent_who_leaves_a_customer_without_an_answer_loses_the_line() {
    let (stage, turned) = stage().await;
    let (customer, agent, thread) = (stage.customer(), stage.agent(), stage.thread().await);
    agent.claims(&thread).await.expect(200);
    customer.says(&thread, "Anybody?").await.expect(202);
    turned.by(MINUTE * 10);
    // One more message does not give them more time.
    customer.says(&thread, "Hello?").await.expect(202);
    turned.by(MINUTE * 4);
    stage.sweeps().await;
    assert_eq!(customer.reads(&thread).await["status"], "agent");
    turned.by(MINUTE);
    join!(stage.sweeps(), stage.sweeps());
    let read = customer.reads(&thread).await;
    assert_eq!((&read["status"], &read["reason"]), (&json!("queued"), &json!("absent")));
    let log = customer.log(&thread).await;
    assert_eq!((log.len(), &log[3]["event"]), (4, &json!({ "type": "timed_out", "to": "queue" })));
    // The next agent to speak claims it, even if it is the same one.
    agent.says(&thread, "Sorry!").await.expect(202);
    assert_eq!(customer.reads(&thread).await["agent"]["id"], "ana");
}

#[tokio::test]
async fn an_agent_who_has_answered_keeps_the_line() {
    let (stage, turned) = stage().await;
    let (customer, agent, thread) = (stage.customer(), stage.agent(), stage.thread().await);
    agent.claims(&thread).await.expect(200);
    for _ in 0..2 {
        customer.says(&thread, "And now?").await.expect(202);
        turned.by(MINUTE * 14);
        agent.says(&thread, "One moment.").await.expect(202);
        stage.sweeps().await;
    }
    turned.by(MINUTE * 60);
    stage.sweeps().await;
    assert_eq!(customer.reads(&thread).await["status"], "agent");
}

#[tokio::test]
async fn an_agent_who_comes_late_has_all_of_the_time() {
    let (stage, turned) = stage().await;
    let (customer, agent, thread) = (stage.customer(), stage.agent(), stage.thread().await);
    customer.escalates(&thread).await.expect(200);
    customer.says(&thread, "Anybody?").await.expect(202);
    turned.by(MINUTE * 60);
    agent.claims(&thread).await.expect(200);
    turned.by(MINUTE * 14);
    stage.sweeps().await;
    assert_eq!(customer.reads(&thread).await["status"], "agent");
    turned.by(MINUTE);
    stage.sweeps().await;
    assert_eq!(customer.reads(&thread).await["status"], "queued");
}
