//! Cursors: a forged one is refused, or leads to another place in the caller's own list.

use std::cell::Cell;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use reqwest::Url;
use serde_json::{Value, json};
use tests::stage::Stage;

use super::{mutator::Mutator, run};

/// A longer line of a request is refused by API Gateway, and by the client of the tests.
const MAX_QUERY_BYTES: usize = 8_000;

fn forged(mutator: &mut Mutator, cursor: &str) -> String {
    let json =
        BASE64_URL_SAFE_NO_PAD.decode(cursor).ok().and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
    match json {
        Some(mut json) if mutator.below(3) > 0 => {
            mutator.json(&mut json);
            BASE64_URL_SAFE_NO_PAD.encode(json.to_string())
        }
        _ => mutator.text(cursor),
    }
}

#[tokio::test]
async fn a_forged_cursor_is_refused_or_stays_within_the_callers_list() {
    let stage = Stage::start().await;
    let chatbot = stage.chatbot().await;
    let rival = stage.persona("rival", "admin", "root");
    let theirs = rival.post("/chatbots", json!({ "name": "Robin", "model": "gpt-5-mini" })).await.expect(201).id();
    let cleo = stage.persona("acme", "customer", "cleo");
    for _ in 0..3 {
        stage.thread_of(&stage.customer(), &chatbot).await;
        stage.thread_of(&cleo, &chatbot).await;
        stage.thread_of(&stage.persona("rival", "customer", "cus"), &theirs).await;
        stage.chatbot().await;
    }
    let lists = [
        (stage.customer(), "/threads?limit=1", Some("cus")),
        (stage.agent(), "/threads?limit=1", None),
        (stage.agent(), "/threads?limit=1&status=bot", None),
        (stage.agent(), "/chatbots?limit=1", None),
    ];
    let mut known = Vec::new();
    for (caller, list, only) in &lists {
        let page = caller.get(list).await.expect(200).body;
        known.push((caller, *list, *only, page["next_cursor"].as_str().expect("another page").to_owned()));
    }
    let served = Cell::new(0);
    run("cursors", 1_000, async |seed| {
        let mut mutator = Mutator::seeded(seed);
        // A list may also get another list's cursor.
        let (caller, list, only, _) = mutator.pick(&known);
        let (_, _, _, cursor) = mutator.pick(&known);
        let cursor = forged(&mut mutator, cursor);
        let query = Url::parse_with_params("http://localhost", [("cursor", &cursor)]).unwrap();
        let query = query.query().unwrap();
        if query.len() > MAX_QUERY_BYTES {
            return;
        }
        let answer = caller.get(&format!("{list}&{query}")).await;
        assert!([200, 400].contains(&answer.status), "{list} {cursor:?}: {}", answer.body);
        if answer.status == 200 {
            served.set(served.get() + 1);
        }
        for found in answer.body["data"].as_array().into_iter().flatten() {
            let is_own = only.is_none_or(|customer| found["customer_id"] == customer);
            assert!(is_own && found["chatbot_id"] != *theirs && found["id"] != *theirs, "{cursor:?}: {found}");
        }
    })
    .await;
    assert!(served.get() > 0, "some cursors are still of use");
}
