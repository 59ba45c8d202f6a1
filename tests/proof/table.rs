//! Faults of the table: conflicts, throttles, unprocessed items and lost responses cause no 500.

use local::Options;
use serde_json::json;

use tests::{
    lists::items,
    stage::Stage,
    wire::{Fault, Trouble, Wire},
};

const TRANSACTION: &str = "TransactWriteItems";

async fn stage() -> (Stage, Wire) {
    let wire = Wire::default();
    (Stage::with(Options { dynamo: wire.transport(), ..Options::default() }).await, wire)
}

#[tokio::test]
async fn a_transaction_that_meets_another_one_is_sent_again() {
    let (stage, wire) = stage().await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    for conflicts in [1, 3] {
        wire.fault(Fault::on(TRANSACTION, Trouble::Conflict).times(conflicts));
        let calls = wire.calls(TRANSACTION);
        let said = customer.says(&thread, "Hello").await.expect(200);
        assert_eq!(said.body["reply"]["role"], "bot");
        // The message, its reply, and the attempts that met a conflict.
        assert_eq!(wire.calls(TRANSACTION) - calls, 2 + conflicts as usize);
    }
    assert_eq!(customer.log(&thread).await.len(), 4);
}

#[tokio::test]
async fn conflicts_without_end_are_busy_and_write_nothing() {
    let (stage, wire) = stage().await;
    let (customer, chatbot, thread) = (stage.customer(), stage.chatbot().await, stage.thread().await);
    wire.fault(Fault::on(TRANSACTION, Trouble::Conflict).for_ever());
    let create = json!({ "chatbot_id": chatbot });
    customer.post("/threads", create.clone()).await.problem(503, "busy");
    customer.patch(&format!("/threads/{thread}"), json!({ "title": "A parcel" })).await.problem(503, "busy");
    stage.admin().delete(&format!("/threads/{thread}")).await.problem(503, "busy");
    customer.says(&thread, "Hello").await.problem(503, "busy");
    customer.posts(&format!("/threads/{thread}/end")).await.problem(503, "busy");
    stage.admin().patch(&format!("/chatbots/{chatbot}"), json!({ "name": "Wren" })).await.problem(503, "busy");
    wire.clear_faults();
    let read = customer.get(&format!("/threads/{thread}")).await.expect(200).body;
    assert_eq!((&read["title"], &read["seq"], &read["status"]), (&json!(null), &json!(0), &json!("bot")));
    // The conversation of the thread that could not be created is deleted again.
    assert_eq!(stage.standin().counts().conversations, 1);
    assert_eq!(stage.admin().get(&format!("/chatbots/{chatbot}")).await.expect(200).body["name"], "Robin");
}

#[tokio::test]
async fn a_throttled_call_is_made_again() {
    let (stage, wire) = stage().await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    for error in ["ThrottlingException", "ProvisionedThroughputExceededException", "InternalServerError"] {
        for operation in ["Query", "GetItem", TRANSACTION] {
            wire.fault(Fault::on(operation, Trouble::Refused(error)).times(2));
        }
        customer.says(&thread, "Hello").await.expect(200);
        assert_eq!(wire.faults_left(), 0, "{error}");
    }
    assert_eq!(customer.log(&thread).await.len(), 6);
}

#[tokio::test]
async fn a_throttle_without_end_is_busy() {
    let (stage, wire) = stage().await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    for (operation, path) in [
        ("Query", format!("/threads/{thread}")),
        ("Query", format!("/threads/{thread}/messages")),
        ("BatchGetItem", "/threads".to_owned()),
    ] {
        for error in ["ThrottlingException", "RequestLimitExceeded", "InternalServerError"] {
            wire.fault(Fault::on(operation, Trouble::Refused(error)).for_ever());
            customer.get(&path).await.problem(503, "busy");
            wire.clear_faults();
        }
    }
}

#[tokio::test]
async fn what_a_batch_of_reads_leaves_over_is_read_again() {
    let (stage, wire) = stage().await;
    let (customer, chatbot) = (stage.customer(), stage.chatbot().await);
    for _ in 0..4 {
        stage.thread_of(&customer, &chatbot).await;
    }
    wire.fault(Fault::on("BatchGetItem", Trouble::Leftover { done: 3 }));
    wire.fault(Fault::on("BatchGetItem", Trouble::Leftover { done: 0 }));
    let page = customer.get("/threads").await.expect(200).body;
    assert_eq!(items(&[page], "data").len(), 4);
    // Three for the threads, one for their read markers.
    assert_eq!((wire.calls("BatchGetItem"), wire.faults_left()), (4, 0));
}

#[tokio::test]
async fn what_a_batch_of_writes_leaves_over_is_written_again() {
    let (stage, wire) = stage().await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    for _ in 0..3 {
        customer.says(&thread, "Hello").await.expect(200);
    }
    wire.fault(Fault::on("BatchWriteItem", Trouble::Leftover { done: 2 }).times(3));
    stage.admin().delete(&format!("/threads/{thread}")).await.expect(204);
    assert_eq!(wire.faults_left(), 0);
    assert_eq!(wire.partition(&format!("acme#THREAD#{thread}")).await, [""; 0]);
}

#[tokio::test]
async fn leftovers_without_end_are_busy() {
    let (stage, wire) = stage().await;
    stage.thread().await;
    wire.fault(Fault::on("BatchGetItem", Trouble::Leftover { done: 0 }).for_ever());
    stage.customer().get("/threads").await.problem(503, "busy");
}

#[tokio::test]
async fn a_write_whose_answer_got_lost_is_written_once() {
    let (stage, wire) = stage().await;
    let (customer, chatbot) = (stage.customer(), stage.chatbot().await);
    wire.fault(Fault::on(TRANSACTION, Trouble::AnswerLost).times(2));
    let thread = stage.thread_of(&customer, &chatbot).await;
    assert_eq!(wire.faults_left(), 0);
    // The SDK makes up for two lost responses; at the third it gives up, and we send the transaction again.
    for lost in [2, 4] {
        wire.fault(Fault::on(TRANSACTION, Trouble::AnswerLost).times(lost));
        customer.says(&thread, "Hello").await.expect(200);
        assert_eq!(wire.faults_left(), 0);
    }
    assert_eq!(customer.log(&thread).await.len(), 4);
    let page = customer.get("/threads").await.expect(200).body;
    assert_eq!((items(&[page], "data").len(), stage.standin().counts().conversations), (1, 1));
}

#[tokio::test]
async fn a_message_is_accepted_even_where_its_answer_cannot_be_written() {
    let (stage, wire) = stage().await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    let hold = stage.standin().hold("POST", "/v1/responses", 0);
    let (answer, ()) = tokio::join!(customer.says(&thread, "Hello"), async {
        hold.begun().await;
        wire.fault(Fault::on(TRANSACTION, Trouble::Conflict).for_ever());
        hold.release();
    });
    assert_eq!(answer.expect(202).body["reply"], json!(null));
    wire.clear_faults();
    assert_eq!(customer.transcript(&thread).await, ["customer: Hello"]);
}

#[tokio::test]
async fn a_write_that_lands_and_is_never_answered_is_found_in_the_log() {
    let (stage, wire) = stage().await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    wire.fault(Fault::on(TRANSACTION, Trouble::AnswerLost).for_ever());
    assert_eq!(customer.says(&thread, "Hello").await.expect(200).body["reply"]["seq"], 2);
    wire.clear_faults();
    assert_eq!(customer.log(&thread).await.len(), 2);
}

#[tokio::test]
async fn a_reply_that_lands_and_is_refused_when_sent_again_is_known_for_our_own() {
    let (stage, wire) = stage().await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    let hold = stage.standin().hold("POST", "/v1/responses", 0);
    let (answer, ()) = tokio::join!(customer.says(&thread, "Hello"), async {
        hold.begun().await;
        wire.fault(Fault::on(TRANSACTION, Trouble::AnswerLost));
        wire.fault(Fault::on(TRANSACTION, Trouble::TokenForgotten));
        hold.release();
    });
    assert_eq!(answer.expect(200).body["reply"]["seq"], 2);
    assert_eq!((customer.log(&thread).await.len(), wire.faults_left()), (2, 0));
}
