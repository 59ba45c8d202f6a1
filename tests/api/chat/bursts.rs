//! Bursts: five quick messages do not cost five answers.

use std::collections::HashMap;

use futures::{StreamExt, stream::FuturesUnordered};
use serde_json::json;

use tests::stage::Stage;

const MESSAGES: usize = 5;

#[tokio::test]
async fn a_hundred_threads_of_five_messages_at_once_cost_two_responses_each() {
    let stage = Stage::start().await;
    let chatbot = stage.chatbot().await;
    for _ in 0..5 {
        bursts(&stage, &chatbot, 20).await;
    }
    let mut asked: HashMap<String, usize> = HashMap::new();
    for request in stage.asked() {
        *asked.entry(request["conversation"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    assert_eq!(asked.len(), 100);
    assert!(asked.values().all(|responses| *responses <= 2), "{asked:?}");
}

/// Runs a burst in this many threads at once. The first answer of each is held until all messages are accepted.
async fn bursts(stage: &Stage, chatbot: &str, threads: usize) {
    let customer = stage.customer();
    let holds: Vec<_> = (0..threads).map(|_| stage.hold()).collect();
    let mut ids = Vec::new();
    for _ in 0..threads {
        ids.push(stage.thread_of(&customer, chatbot).await);
    }
    let said = ids.iter().flat_map(|thread| (0..MESSAGES).map(move |number| (thread, format!("Message {number}"))));
    let mut said: FuturesUnordered<_> = said
        .map(|(thread, text)| {
            let customer = customer.clone();
            async move { customer.says(thread, &text).await.status }
        })
        .collect();
    for _ in 0..threads * (MESSAGES - 1) {
        assert_eq!(said.next().await, Some(202));
    }
    for hold in &holds {
        hold.release();
    }
    while let Some(status) = said.next().await {
        assert_eq!(status, 200);
    }
    for thread in &ids {
        let log = customer.log(thread).await;
        assert_eq!(log.len(), MESSAGES + 2);
        assert_eq!(log.last().unwrap()["answers"], json!({ "from": 2, "through": MESSAGES }));
    }
}
