//! `POST /threads/{thread_id}/end`: ends a thread, and deletes its conversation at OpenAI.

use local::standin::{ErrorResponse as Refusal, Fault};
use serde_json::json;
use tokio::join;

use tests::{openai::brisk, stage::Stage, table::Table};

#[tokio::test]
async fn an_ended_thread_is_gone_at_openai_and_readable_here() {
    let (stage, table) = Table::of(brisk()).await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    for text in ["One.", "Two."] {
        customer.says(&thread, text).await.expect(200);
    }
    let counts = stage.standin().counts();
    assert_eq!((counts.conversations, counts.items, counts.responses), (1, 4, 2));

    let ended = customer.ends(&thread).await.expect(200);
    assert_eq!(ended.body["status"], "ended");
    assert_eq!(ended.body["ended_by"], json!({ "id": "cus" }));
    let counts = stage.standin().counts();
    assert_eq!((counts.conversations, counts.items, counts.responses), (0, 0, 0));
    assert_eq!(table.removals(&thread).await, [""; 0]);
    assert_eq!(customer.log(&thread).await.len(), 5);
    let mut read = customer.reads(&thread).await;
    assert_eq!(read.as_object_mut().unwrap().remove("unread"), Some(json!(2)));
    assert_eq!(read, ended.body);
    customer.says(&thread, "Three.").await.problem(409, "conflict");
}

#[tokio::test]
async fn a_repeat_of_the_end_changes_nothing() {
    let stage = Stage::start().await;
    let (customer, agent, thread) = (stage.customer(), stage.agent(), stage.thread().await);
    let ended = customer.ends(&thread).await.expect(200);
    let mut socket = customer.listens(&thread).await;
    for persona in [&customer, &agent] {
        assert_eq!(persona.ends(&thread).await.expect(200).body, ended.body);
    }
    assert_eq!(socket.heard_so_far().await, [json!(null); 0]);
    assert_eq!(customer.transcript(&thread).await, ["[ended]"]);
}

#[tokio::test]
async fn customer_agent_and_admin_may_end_and_nobody_else() {
    let stage = Stage::start().await;
    for persona in [stage.customer(), stage.agent(), stage.admin()] {
        let thread = stage.thread().await;
        for stranger in [stage.persona("acme", "customer", "eve"), stage.persona("other", "agent", "ana")] {
            stranger.ends(&thread).await.problem(404, "not_found");
        }
        stage.anon().ends(&thread).await.problem(401, "unauthenticated");
        assert_eq!(persona.ends(&thread).await.expect(200).body["status"], "ended");
    }
    stage.agent().ends("thr_01JD0000000000000000000000").await.problem(404, "not_found");
}

#[tokio::test]
async fn an_end_asks_for_nothing() {
    let stage = Stage::start().await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    let path = format!("/threads/{thread}/end");
    let answer = customer.post(&path, json!({ "because": "bored" })).await;
    assert_eq!(answer.problem(400, "invalid"), "because: is not a known field");
    customer.post(&path, json!({})).await.expect(200);
}

#[tokio::test]
async fn listeners_and_inbox_hear_of_the_end() {
    let stage = Stage::start().await;
    let (customer, agent, thread) = (stage.customer(), stage.agent(), stage.thread().await);
    let mut socket = customer.listens(&thread).await;
    let mut inbox = agent.connects().await;
    inbox.says(json!({ "action": "subscribe", "inbox": true })).await;
    inbox.hears_of("subscribed").await;
    customer.ends(&thread).await.expect(200);
    assert_eq!(socket.hears().await["message"]["event"], json!({ "type": "ended" }));
    for listener in [&mut socket, &mut inbox] {
        assert_eq!(listener.hears().await["thread"]["status"], "ended");
    }
}

#[tokio::test]
async fn while_openai_is_down_the_end_counts_and_the_removal_stays_due() {
    let (stage, table) = Table::of(brisk()).await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    customer.says(&thread, "Hello").await.expect(200);
    let conversation = stage.stored(&thread).await.openai.conversation_id.unwrap();
    for method in ["GET", "DELETE", "POST"] {
        stage.standin().fault(Fault::on(method, "/v1/", Refusal::status(503)).times(1000));
    }
    assert_eq!(customer.ends(&thread).await.expect(200).body["status"], "ended");
    assert_eq!(stage.standin().counts().conversations, 1);
    assert_eq!(table.removals(&thread).await, [conversation]);
    customer.says(&thread, "Hello?").await.problem(409, "conflict");
}

#[tokio::test]
async fn an_end_during_a_run_leaves_nothing_said_and_nothing_at_openai() {
    let (stage, table) = Table::of(brisk()).await;
    let (customer, agent, thread) = (stage.customer(), stage.agent(), stage.thread().await);
    customer.says(&thread, "One.").await.expect(200);
    let conversation = stage.stored(&thread).await.openai.conversation_id.unwrap();
    let mut socket = customer.listens(&thread).await;
    let hold = stage.hold();
    let (answer, ()) = join!(customer.says(&thread, "Two."), async {
        hold.begun().await;
        agent.ends(&thread).await.expect(200);
        // The run may still write to the conversation, so it is deleted once more after the run's lease.
        assert_eq!(table.removals(&thread).await, [conversation]);
        hold.release();
    });
    let answer = answer.expect(202);
    assert_eq!((&answer.body["reply"], &answer.body["thread"]["status"]), (&json!(null), &json!("ended")));
    let types: Vec<_> = socket.heard_so_far().await.iter().map(|event| event["type"].clone()).collect();
    assert_eq!(types[..2], ["message.created", "message.discarded"]);
    let log = customer.transcript(&thread).await;
    assert_eq!(log[2..], ["customer: Two.", "[ended]"]);
    let counts = stage.standin().counts();
    assert_eq!((counts.conversations, counts.items, counts.responses), (0, 0, 0));
    // The run had ended when it cleaned up, so nothing is left to delete once more.
    assert_eq!(table.removals(&thread).await, [""; 0]);
}
