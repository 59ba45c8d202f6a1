//! The second try: a response that failed after it had begun is asked for once more, in the same run.

use local::{
    Options,
    standin::{ErrorResponse as Refusal, Failure},
};
use serde_json::{Value, json};
use shared::domain::chatbot::Memory;

use tests::{openai::brisk, stage::Stage};

const CUT: Failure = Failure::Cut { after: 3, landed: false, clean: false };

fn failed(after: usize) -> Failure {
    Failure::Failed { after, code: "server_error".into() }
}

fn types(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["type"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn the_words_of_the_first_try_are_withdrawn_before_the_second() {
    let stage = Stage::with(brisk()).await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    stage.next_response(CUT);
    let events = customer.streams(&thread, json!({ "text": "Hello" })).await.rest().await;
    let heard: Vec<Value> = events.into_iter().map(|event| event.data).collect();
    let at = heard.iter().position(|event| event["type"] == "message.discarded").unwrap();
    assert_eq!(types(&heard[..at]), ["message.created", "message.delta", "message.delta", "message.delta"]);
    assert_eq!(heard[at]["reason"], "the model is asked again");
    assert_eq!(heard[at]["run_id"], heard[at - 1]["run_id"]);
    assert_eq!((&heard[at + 1]["index"], &heard[at + 1]["run_id"]), (&json!(0), &heard[at]["run_id"]));
    let rest: String = heard[at + 1..].iter().filter_map(|event| event["text"].as_str()).collect();
    let log = customer.log(&thread).await;
    assert_eq!((log.len(), log[1]["text"].as_str()), (2, Some(rest.as_str())));
}

#[tokio::test]
async fn nothing_is_withdrawn_where_no_word_was_shown() {
    let stage = Stage::with(brisk()).await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    let mut socket = customer.listens(&thread).await;
    stage.next_response(failed(0));
    customer.says(&thread, "Hello").await.expect(200);
    let heard = socket.heard_so_far().await;
    assert!(!types(&heard).contains(&"message.discarded"), "{heard:?}");
}

#[tokio::test]
async fn the_second_try_has_a_conversation_of_its_own_and_nothing_is_left_of_the_first() {
    let stage = Stage::with(brisk()).await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    for landed in [true, false] {
        stage.next_response(Failure::Cut { after: 3, landed, clean: false });
        customer.says(&thread, "Hello").await.expect(200);
        let asked = stage.asked();
        let [.., first, second] = &asked[..] else { panic!("{asked:?}") };
        assert_ne!(first["conversation"], second["conversation"], "landed: {landed}");
    }
    let told = ["user: Hello", &format!("assistant: {}", customer.log(&thread).await[1]["text"].as_str().unwrap())];
    assert_eq!(stage.inputs()[3][..2], told);
    let counts = stage.standin().counts();
    // The first answer went with its conversation, which the second turn replaced.
    assert_eq!((counts.conversations, counts.responses, counts.orphaned_items), (1, 1, 0));
}

#[tokio::test]
async fn an_agent_who_claims_between_the_tries_has_the_line_alone() {
    let stage = Stage::with(brisk()).await;
    let (customer, agent, thread) = (stage.customer(), stage.agent(), stage.thread().await);
    // The first try fails after three words; the second waits for its conversation while the agent claims.
    let hold = stage.standin().stall("POST", "/v1/conversations");
    stage.next_response(CUT);
    let mut events = customer.streams(&thread, json!({ "text": "Hello" })).await;
    while events.next().await.unwrap().kind != "message.discarded" {}
    agent.says(&thread, "Ana here.").await.expect(202);
    hold.release();
    let rest = events.rest().await;
    assert!(rest.iter().all(|event| event.kind != "message.delta"), "{rest:?}");
    assert_eq!(stage.asked().len(), 1);
    let said = customer.transcript(&thread).await;
    assert!(said.iter().all(|line| !line.starts_with("bot")), "{said:?}");
    assert_eq!(stage.standin().counts().conversations, 1);
}

#[tokio::test]
async fn a_run_that_lost_the_line_asks_no_second_time() {
    // With local memory the second try saves no conversation, which would be refused.
    let stage = Stage::with(Options { memory: Memory::Local, ..brisk() }).await;
    let (customer, agent, thread) = (stage.customer(), stage.agent(), stage.thread().await);
    let hold = stage.hold_after(3);
    let mut events = customer.streams(&thread, json!({ "text": "Hello" })).await;
    hold.begun().await;
    agent.claims(&thread).await.expect(200);
    hold.cut();
    while events.next().await.is_some() {}
    assert_eq!(stage.asked().len(), 1);
}

#[tokio::test]
async fn a_call_that_was_answered_is_not_made_again() {
    let stage = Stage::with(brisk()).await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    stage.next_response(Failure::Call { name: "unheard_of".into(), arguments: "{}".into() });
    stage.next_response(CUT);
    customer.says(&thread, "Hello").await.expect(200);
    let rebuilt = ["user: Hello", "[function_call]", "[function_call_output]"];
    assert_eq!(stage.inputs(), [&rebuilt[..1], &rebuilt[2..], &rebuilt[..]]);
}

#[tokio::test]
async fn a_refusal_for_good_is_asked_once_and_an_error_names_its_code() {
    let stage = Stage::with(brisk()).await;
    for code in ["project_spend_limit_exceeded", "credit_balance_exhausted", "invalid_prompt"] {
        let thread = stage.thread().await;
        stage.standin().forget_requests();
        stage.next_response(Refusal::status(429).code(code));
        let answer = stage.customer().says(&thread, "Hello").await.expect(202);
        assert_eq!(answer.body["thread"]["reason"], "failure", "{code}");
        assert_eq!(stage.asked().len(), 1, "{code}");
    }
}
