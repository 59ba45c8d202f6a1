//! Forged cursors: a cursor from elsewhere reads nothing but the caller's own part of the list.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use tests::{
    lists::{field, sorted},
    persona::Persona,
    stage::Stage,
};

const WRONG: &str = "cursor: is not a valid cursor for this list";

fn forged(place: &Value) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(place.to_string())
}

async fn cursor(persona: &Persona, path: &str) -> String {
    persona.get(path).await.expect(200).body["next_cursor"].as_str().unwrap().to_owned()
}

/// Creates three threads of `cus` in this tenant; returns their ids.
async fn three(stage: &Stage, tenant: &str) -> Vec<String> {
    let body = json!({ "name": "Wren", "model": "gpt-5-mini" });
    let chatbot = stage.persona(tenant, "admin", "root").post("/chatbots", body).await.expect(201).id();
    let mut threads = Vec::new();
    for _ in 0..3 {
        threads.push(stage.thread_of(&stage.persona(tenant, "customer", "cus"), &chatbot).await);
    }
    threads
}

#[tokio::test]
async fn a_cursor_of_another_tenant_shows_nothing_of_it() {
    let stage = Stage::start().await;
    let own = three(&stage, "acme").await;
    three(&stage, "umbrella").await;
    for role in ["customer", "agent"] {
        let theirs = cursor(&stage.persona("umbrella", role, "cus"), "/threads?limit=1").await;
        let page = stage.persona("acme", role, "cus").get(&format!("/threads?cursor={theirs}")).await.expect(200);
        let pages = [page.body];
        assert!(field(&pages, "id").iter().all(|id| own.iter().any(|it| it == id)), "{role}: {pages:?}");
    }
}

#[tokio::test]
async fn a_cursor_of_another_list_is_refused() {
    let stage = Stage::start().await;
    let (thread, _) = (three(&stage, "acme").await.remove(0), stage.chatbot().await);
    let (customer, agent) = (stage.customer(), stage.agent());
    customer.posts(&format!("/threads/{thread}/escalate")).await.expect(200);
    agent.posts(&format!("/threads/{thread}/claim")).await.expect(200);
    let messages = format!("/threads/{thread}/messages");
    let of_customer = cursor(&customer, "/threads?limit=1").await;
    let of_tenant = cursor(&agent, "/threads?limit=1").await;
    let of_bots = cursor(&agent, "/threads?limit=1&status=bot").await;
    let of_messages = cursor(&customer, &format!("{messages}?limit=1")).await;
    let of_chatbots = cursor(&agent, "/chatbots?limit=1").await;
    for (path, cursors) in [
        ("/threads?limit=1", [&of_customer, &of_messages, &of_chatbots]),
        ("/threads?status=queued", [&of_tenant, &of_bots, &of_chatbots]),
        ("/threads?customer_id=cus", [&of_tenant, &of_bots, &of_messages]),
        (&format!("{messages}?limit=1"), [&of_customer, &of_bots, &of_chatbots]),
        ("/chatbots?limit=1", [&of_customer, &of_tenant, &of_messages]),
    ] {
        for cursor in cursors {
            assert_eq!(agent.get(&format!("{path}&cursor={cursor}")).await.invalid(), WRONG, "{path} {cursor}");
        }
    }
}

#[tokio::test]
async fn garbage_in_a_cursor_is_refused() {
    let stage = Stage::start().await;
    let thread = three(&stage, "acme").await.remove(0);
    let time = "2026-01-01T00:00:00.000Z";
    let places = [
        json!(null),
        json!({ "id": thread }),
        json!({ "id": "thr_1", "sk": format!("{time}#{thread}") }),
        json!({ "id": thread, "sk": "" }),
        json!({ "id": thread, "sk": "x".repeat(2000) }),
        json!({ "id": thread, "sk": format!("{time}#{thread}"), "pk": "umbrella#THREAD" }),
        json!({ "id": thread, "sk": format!("{time}#{thread}"), "part": "umbrella#STATUS#bot" }),
        json!({ "id": thread, "sk": "x".repeat(2000), "part": "bot" }),
    ];
    for persona in [stage.customer(), stage.agent()] {
        for cursor in places.iter().map(forged).chain(["%00".into(), "e30".into()]) {
            assert_eq!(persona.get(&format!("/threads?cursor={cursor}")).await.invalid(), WRONG, "{cursor}");
        }
    }
}

#[tokio::test]
async fn a_place_made_up_within_a_list_shows_what_comes_after_it() {
    let stage = Stage::start().await;
    let threads = three(&stage, "acme").await;
    let future = "2100-01-01T00:00:00.000Z";
    let place = forged(&json!({ "id": threads[0], "sk": format!("{future}#{}", threads[0]) }));
    let page = stage.customer().get(&format!("/threads?cursor={place}")).await.expect(200).body;
    assert_eq!(sorted(&field(&[page], "id")), sorted(&threads));
}
