//! `GET /usage`: each turn is counted once, by chatbot and day.

use std::{slice, time::Duration};

use serde_json::{Value, json};
use shared::domain::budget::BudgetSettings;

use super::{Stopped, stage_with};
use tests::{persona::Persona, stage::Stage};

const REPORTED: Duration = Duration::from_mins(10);

async fn stage() -> (Stage, Stopped) {
    stage_with(BudgetSettings::OFF).await
}

/// The rows of all days, as `chatbot turns hand_overs`.
async fn rows(admin: &Persona) -> Vec<Value> {
    let page = admin.get("/usage").await.expect(200).body;
    assert!(page["next_cursor"].is_null());
    page["data"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_turn_is_in_the_usage_after_ten_minutes_with_the_tokens_of_its_message() {
    let (stage, stopped) = stage().await;
    let (customer, chatbot) = (stage.customer(), stage.chatbot().await);
    let thread = stage.thread_of(&customer, &chatbot).await;
    for _ in 0..3 {
        customer.says(&thread, "What is new?").await.expect(200);
    }
    stage.sweeps().await;
    assert_eq!(rows(&stage.agent()).await, Vec::<Value>::new());
    stopped.advance(REPORTED);
    for _ in 0..2 {
        stage.sweeps().await;
    }
    let tokens = &stage.agent().reads(&thread).await["usage"];
    let day = stopped.now().date();
    let expected = json!({ "day": day, "chatbot_id": chatbot, "turns": 3, "tokens": tokens, "hand_overs": 0 });
    assert_eq!(rows(&stage.agent()).await, [expected]);
    stage.customer().get("/usage").await.problem(403, "forbidden");
}

#[tokio::test]
async fn many_turns_a_hand_over_another_chatbot_and_the_deletion_are_counted_once_each() {
    let (stage, stopped) = stage().await;
    let (customer, chatbots) = (stage.customer(), [stage.chatbot().await, stage.chatbot().await]);
    let thread = stage.thread_of(&customer, &chatbots[0]).await;
    for _ in 0..23 {
        customer.says(&thread, "What is new?").await.expect(200);
    }
    let change = json!({ "text": "And you?", "chatbot_id": chatbots[1] });
    customer.post(&format!("/threads/{thread}/chat"), change).await.expect(200);
    customer.escalates(&thread).await.expect(200);
    customer.escalates(&thread).await.expect(200);
    let gone = stage.thread_of(&customer, &chatbots[0]).await;
    customer.says(&gone, "Hello").await.expect(200);
    stage.admin().delete(&format!("/threads/{gone}")).await.expect(204);
    stopped.advance(REPORTED);
    // The first reports the long wait.
    stage.sweeps().await;
    stage.sweeps().await;

    let mut counts: Vec<_> = rows(&stage.admin()).await;
    counts.sort_by_key(|row| row["turns"].as_u64());
    let counts: Vec<_> = counts.iter().map(|row| (&row["chatbot_id"], &row["turns"], &row["hand_overs"])).collect();
    let expected = [(json!(chatbots[1]), json!(1), json!(1)), (json!(chatbots[0]), json!(24), json!(0))];
    assert_eq!(counts, expected.iter().map(|(bot, turns, overs)| (bot, turns, overs)).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_turn_counts_on_its_own_day_and_the_days_are_listed_from_the_first_to_the_last() {
    let (stage, stopped) = stage().await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    customer.says(&thread, "Hello").await.expect(200);
    let first = stopped.now().date();
    stopped.advance(Duration::from_hours(24));
    let second = stopped.now().date();
    // A token of the machine's clock has expired by now.
    let claims = json!({
        "iss": "switchboard", "aud": "switchboard", "exp": 4_102_444_800_u64, "sub": "cus", "tenant": "acme",
        "role": "customer",
    });
    let later = stage.bearing(Some(stage.board.tokens().sign(&claims)));
    later.says(&thread, "Hello again").await.expect(200);
    stopped.advance(REPORTED);
    stage.sweeps().await;
    let claims = json!({
        "iss": "switchboard", "aud": "switchboard", "exp": 4_102_444_800_u64, "sub": "root", "tenant": "acme",
        "role": "admin",
    });
    let admin = stage.bearing(Some(stage.board.tokens().sign(&claims)));
    let days = async |query: &str| {
        let page = admin.get(&format!("/usage{query}")).await.expect(200).body;
        page["data"].as_array().unwrap().iter().map(|row| row["day"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(days("").await, [first.clone(), second.clone()]);
    assert_eq!(days(&format!("?from={second}&to={second}")).await, slice::from_ref(&second));
    assert_eq!(days(&format!("?to={first}")).await, slice::from_ref(&first));
    for (query, field) in [
        ("from=2026-02-30", "from"),
        ("from=yesterday", "from"),
        ("from=2026-02-02&to=2026-02-01", "from"),
        ("cursor=2020-01-01", "cursor"),
        ("day=2026-02-01", "day"),
    ] {
        let refused = admin.get(&format!("/usage?{query}")).await;
        assert_eq!(refused.body["field"], field, "{query}");
        refused.problem(400, "invalid");
    }
}
