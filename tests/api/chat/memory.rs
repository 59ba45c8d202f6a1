//! Chatbots with `local` memory: the recent log is sent each time, and OpenAI stores nothing.

use std::sync::Arc;

use local::{DynamoWire, Options, standin::Failure};
use serde_json::{Value, json};
use shared::domain::chatbot::Memory;

use tests::{
    long_log::fill,
    meter::{Meter, Metered},
    stage::Stage,
};

#[tokio::test]
async fn each_request_carries_the_log_and_nothing_is_stored() {
    let stage = Stage::with(Options { memory: Memory::Local, ..Options::default() }).await;
    let (customer, agent, thread) = (stage.customer(), stage.agent(), stage.thread().await);
    stage.next_response(Failure::Say { text: "Fine.".into() });
    customer.says(&thread, "One.").await.expect(200);
    agent.says(&thread, "Ana here.").await.expect(202);
    agent.releases(&thread, "bot").await.expect(200);
    let answer = customer.says(&thread, "Two.").await.expect(200);
    assert!(answer.reply().ends_with("Earlier messages I can see: 4."), "{}", answer.reply());
    let told = [
        "user: One.",
        "assistant: Fine.",
        "user: ⟦A human agent took over. The assistant messages that follow are theirs.⟧",
        "assistant: Ana here.",
        "user: ⟦The human agent left. You answer again from here on.⟧\n\nTwo.",
    ];
    assert_eq!(stage.inputs()[1], told);
    for asked in stage.asked() {
        assert_eq!((&asked["store"], &asked["conversation"]), (&json!(false), &json!(null)));
    }
    let counts = stage.standin().counts();
    assert_eq!((counts.conversations, counts.responses, counts.items), (0, 0, 0));
}

#[tokio::test]
async fn a_call_is_replayed_with_its_output() {
    let stage = Stage::with(Options { memory: Memory::Local, ..Options::default() }).await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    stage.next_response(Failure::Call { name: "unheard_of".into(), arguments: "{}".into() });
    customer.says(&thread, "Hello").await.expect(200);
    assert_eq!(stage.inputs()[1], ["user: Hello", "[function_call]", "[function_call_output]"]);
}

#[tokio::test]
async fn a_failed_run_leaves_nothing_to_build_anew() {
    let stage = Stage::with(Options { memory: Memory::Local, ..Options::default() }).await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    stage.responses(Failure::Cut { after: 2, landed: false, clean: false }, 2);
    customer.says(&thread, "One.").await.expect(202);
    stage.releases_unheard(&thread).await;
    customer.says(&thread, "Two.").await.expect(200);
    let told = ["user: One.\n\n\
            ⟦The customer was put in the queue for a human agent.⟧\n\n\
            ⟦The human agent left. You answer again from here on.⟧\n\nTwo."];
    assert_eq!(stage.inputs()[2], told);
    assert_eq!(stage.standin().counts().conversations, 0);
}

#[tokio::test]
async fn a_chatbot_may_ask_for_it_alone() {
    let stage = Stage::start().await;
    let chatbot = stage.chatbot_with(json!({ "memory": "local" })).await;
    let customer = stage.customer();
    let thread = customer.post("/threads", json!({ "chatbot_id": chatbot })).await.expect(201).id();
    customer.says(&thread, "One.").await.expect(200);
    customer.says(&thread, "Two.").await.expect(200);
    assert_eq!(stage.inputs()[1].len(), 3);
    assert_eq!(stage.standin().counts().conversations, 0);
}

#[tokio::test]
async fn a_long_log_goes_along_as_far_as_it_fits() {
    let stage = Stage::with(Options { memory: Memory::Local, ..Options::default() }).await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    for text in ["a", "b", "c"] {
        customer.says(&thread, &text.repeat(20_000)).await.expect(200);
    }
    let last = stage.inputs().pop().unwrap();
    assert!(last.len() < 5, "{}", last.len());
    assert!(last.last().unwrap().starts_with("user: ccc"));
}

#[tokio::test]
async fn what_was_said_without_the_conversation_reaches_it_when_it_is_used_again() {
    let stage = Stage::start().await;
    let chatbot = stage.chatbot().await;
    let customer = stage.customer();
    let thread = customer.post("/threads", json!({ "chatbot_id": chatbot })).await.expect(201).id();
    let path = format!("/chatbots/{chatbot}");
    for (memory, text) in [("conversation", "One."), ("local", "Two."), ("conversation", "Three.")] {
        stage.admin().patch(&path, json!({ "memory": memory })).await.expect(200);
        stage.next_response(Failure::Say { text: format!("{text} indeed.") });
        customer.says(&thread, text).await.expect(200);
    }
    let told = ["user: One.", "assistant: One. indeed.", "user: Two.", "assistant: Two. indeed.", "user: Three."];
    assert_eq!(stage.inputs()[2], told);
}

#[tokio::test]
async fn a_turn_reads_and_sends_the_same_however_long_the_log_is() {
    let meter = Arc::new(Meter::default());
    let metered = Arc::clone(&meter);
    let dynamo = DynamoWire::new(move |inner| Metered::new(inner, metered));
    let stage = Stage::with(Options { memory: Memory::Local, dynamo, ..Options::default() }).await;
    let customer = stage.customer();
    let mut turns = Vec::new();
    for messages in [96, 960] {
        let thread = stage.thread().await;
        fill(stage.board.app(), &thread.parse().unwrap(), messages).await;
        meter.reset(true);
        customer.says(&thread, "What is new?").await.expect(200);
        let sent = stage.inputs().pop().unwrap().len();
        turns.push((sent, meter.round_trips(), (meter.read() * 10.0).round()));
    }
    assert_eq!(turns[0].0, 33);
    assert_eq!(turns[0], turns[1]);
}

#[tokio::test]
async fn the_front_of_a_request_stays_as_it_was_over_many_turns_and_a_hand_over() {
    let stage = Stage::with(Options { memory: Memory::Local, ..Options::default() }).await;
    let (customer, agent, thread) = (stage.customer(), stage.agent(), stage.thread().await);
    fill(stage.board.app(), &thread.parse().unwrap(), 64).await;
    for turn in 0..6 {
        customer.says(&thread, "What is new?").await.expect(200);
        if turn == 4 {
            agent.says(&thread, "Ana here.").await.expect(202);
            agent.releases(&thread, "bot").await.expect(200);
        }
    }
    let asked = stage.asked();
    let (inputs, front) =
        (stage.inputs(), |request: &Value| [&request["instructions"], &request["tools"]].map(Value::clone));
    assert!(asked.iter().all(|request| front(request) == front(&asked[0])));
    for pair in inputs.windows(2) {
        assert_eq!(pair[1][..pair[0].len()], pair[0]);
    }
}
