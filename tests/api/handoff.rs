//! `POST /threads/{thread_id}/escalate`, `/claim` and `/release`: exactly one participant holds the line.

use futures::future::join_all;
use serde_json::{Value, json};

use tests::{
    persona::{Answer, Persona},
    stage::Stage,
};

async fn escalates_for(customer: &Persona, thread: &str, reason: &str) -> Answer {
    customer.post(&format!("/threads/{thread}/escalate"), json!({ "reason": reason })).await
}

async fn change(persona: &Persona, thread: &str, change: &str, body: Value) -> Answer {
    persona.post(&format!("/threads/{thread}/{change}"), body).await
}

#[tokio::test]
async fn a_customer_asks_for_a_person_and_gets_one() {
    let stage = Stage::start().await;
    let (customer, agent, thread) = (stage.customer(), stage.agent(), stage.thread().await);
    let queued = escalates_for(&customer, &thread, "My parcel is lost").await.expect(200);
    assert_eq!((&queued.body["status"], &queued.body["reason"]), (&json!("queued"), &json!("asked")));
    let held = agent.claims(&thread).await.expect(200);
    assert_eq!((&held.body["status"], &held.body["agent"]), (&json!("agent"), &json!({ "id": "ana" })));
    let back = agent.releases(&thread, "bot").await.expect(200);
    assert_eq!((&back.body["status"], &back.body["agent"]), (&json!("bot"), &json!(null)));
    let log = customer.log(&thread).await;
    let events: Vec<_> = log.iter().map(|message| (&message["author"]["id"], &message["event"])).collect();
    let escalated = json!({ "type": "escalated", "reason": "asked", "comment": "My parcel is lost" });
    assert_eq!(events[0], (&json!("cus"), &escalated));
    assert_eq!(events[1], (&json!("ana"), &json!({ "type": "claimed", "agent": { "id": "ana" } })));
    assert_eq!(events[2], (&json!("ana"), &json!({ "type": "released", "to": "bot" })));
}

#[tokio::test]
async fn a_repeat_changes_nothing_and_tells_nobody() {
    let stage = Stage::start().await;
    let (customer, agent, thread) = (stage.customer(), stage.agent(), stage.thread().await);
    let mut socket = customer.listens(&thread).await;
    let steps: [(&Persona, &str, Value); 5] = [
        (&agent, "release", json!({ "to": "bot" })),
        (&customer, "escalate", json!({})),
        (&agent, "claim", json!({})),
        (&agent, "release", json!({ "to": "queue" })),
        (&stage.admin(), "release", json!({ "to": "bot" })),
    ];
    let mut seq = 0;
    for (i, (persona, step, body)) in steps.into_iter().enumerate() {
        let first = change(persona, &thread, step, body.clone()).await.expect(200).body;
        // After an agent's release nobody holds the line, so only an admin may repeat it.
        let again = if step == "release" { stage.admin() } else { persona.clone() };
        let again = change(&again, &thread, step, body).await.expect(200).body;
        assert_eq!(again, first, "{step}");
        seq += u64::from(i > 0);
        assert_eq!(first["seq"], seq, "{step}");
    }
    let heard = socket.heard_so_far().await;
    assert_eq!(heard.len(), 8, "{heard:?}");
}

#[tokio::test]
async fn each_role_does_what_is_its_own() {
    let stage = Stage::start().await;
    let (customer, agent, thread) = (stage.customer(), stage.agent(), stage.thread().await);
    agent.escalates(&thread).await.problem(403, "forbidden");
    customer.claims(&thread).await.problem(403, "forbidden");
    customer.releases(&thread, "bot").await.problem(403, "forbidden");
    for stranger in [stage.persona("acme", "customer", "eve"), stage.persona("other", "customer", "cus")] {
        stranger.escalates(&thread).await.problem(404, "not_found");
    }
    let elsewhere = stage.persona("other", "agent", "ana");
    elsewhere.claims(&thread).await.problem(404, "not_found");
    elsewhere.releases(&thread, "bot").await.problem(404, "not_found");
    let nowhere = "thr_01JD0000000000000000000000";
    for (path, body) in [("escalate", json!({})), ("claim", json!({})), ("release", json!({ "to": "bot" }))] {
        change(&stage.admin(), nowhere, path, body.clone()).await.problem(404, "not_found");
        change(&stage.anon(), &thread, path, body).await.problem(401, "unauthenticated");
    }
    // An admin escalates on the customer's behalf.
    stage.admin().escalates(&thread).await.expect(200);
    assert_eq!(customer.transcript(&thread).await, ["[escalated]"]);
}

#[tokio::test]
async fn a_claim_that_loses_names_the_winner() {
    let stage = Stage::start().await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    customer.escalates(&thread).await.expect(200);
    let agents: Vec<_> = (0..10).map(|i| stage.persona("acme", "agent", &format!("agent-{i}"))).collect();
    let answers = join_all(agents.iter().map(|agent| agent.claims(&thread))).await;
    let winner = customer.reads(&thread).await["agent"]["id"].as_str().unwrap().to_owned();
    let (won, lost): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 200);
    assert_eq!(won.len(), 1);
    for answer in lost {
        assert_eq!(answer.body["agent"], json!({ "id": winner }));
        assert_eq!(answer.problem(409, "conflict"), format!("{winner} holds the line"));
    }
    assert_eq!(customer.transcript(&thread).await, ["[escalated]", "[claimed]"]);
}

#[tokio::test]
async fn an_admin_takes_the_line_from_an_agent() {
    let stage = Stage::start().await;
    let (agent, admin, thread) = (stage.agent(), stage.admin(), stage.thread().await);
    agent.claims(&thread).await.expect(200);
    assert_eq!(admin.claims(&thread).await.expect(200).body["agent"]["id"], "root");
    assert_eq!(agent.says(&thread, "Hello").await.problem(409, "conflict"), "root holds the line");
    agent.releases(&thread, "bot").await.problem(403, "forbidden");
}

#[tokio::test]
async fn only_the_holder_or_an_admin_gives_the_line_away() {
    let stage = Stage::start().await;
    let (agent, ben, thread) = (stage.agent(), stage.persona("acme", "agent", "ben"), stage.thread().await);
    agent.claims(&thread).await.expect(200);
    ben.releases(&thread, "queue").await.problem(403, "forbidden");
    let queued = stage.admin().releases(&thread, "queue").await.expect(200);
    assert_eq!((&queued.body["status"], &queued.body["reason"]), (&json!("queued"), &json!("released")));
    ben.claims(&thread).await.expect(200);
}

#[tokio::test]
async fn what_a_thread_is_past_is_a_conflict() {
    let stage = Stage::start().await;
    let (customer, agent, thread) = (stage.customer(), stage.agent(), stage.thread().await);
    agent.releases(&thread, "queue").await.problem(409, "conflict");
    agent.claims(&thread).await.expect(200);
    assert_eq!(customer.escalates(&thread).await.problem(409, "conflict"), "ana holds the line");
    agent.ends(&thread).await.expect(200);
    customer.escalates(&thread).await.problem(409, "conflict");
    agent.claims(&thread).await.problem(409, "conflict");
    stage.admin().claims(&thread).await.problem(409, "conflict");
    assert_eq!(agent.releases(&thread, "bot").await.problem(409, "conflict"), "the thread has ended");
    assert_eq!(customer.transcript(&thread).await, ["[claimed]", "[ended]"]);
}

#[tokio::test]
async fn what_is_wrong_with_a_change_is_said_of_its_field() {
    let stage = Stage::start().await;
    let thread = stage.thread().await;
    let wrong = [
        ("escalate", json!({ "reason": "x".repeat(501) }), "reason"),
        ("escalate", json!({ "reason": 7 }), "reason"),
        ("escalate", json!({ "urgent": true }), "urgent"),
        ("claim", json!({ "agent": "ben" }), "agent"),
        ("release", json!({}), "to"),
        ("release", json!({ "to": "customer" }), "to"),
        ("release", json!({ "to": "bot", "note": " " }), "note"),
        ("release", json!({ "to": "bot", "note": "x".repeat(32_001) }), "note"),
        ("release", json!({ "to": "bot", "why": "lunch" }), "why"),
    ];
    for (path, body, field) in wrong {
        let answer = change(&stage.admin(), &thread, path, body).await;
        assert_eq!(answer.body["field"], field, "{path}: {:?}", answer.body);
        answer.problem(400, "invalid");
    }
    let broken = stage.admin().request(reqwest::Method::POST, &format!("/threads/{thread}/claim")).body("{");
    Answer::of(broken).await.problem(400, "invalid");
    assert_eq!(stage.customer().log(&thread).await.len(), 0);
    escalates_for(&stage.customer(), &thread, &"é".repeat(500)).await.expect(200);
}

#[tokio::test]
async fn a_release_leaves_a_note_for_the_next_agent() {
    let stage = Stage::start().await;
    let (customer, agent, thread) = (stage.customer(), stage.agent(), stage.thread().await);
    let (mut hers, mut his) = (customer.listens(&thread).await, agent.listens(&thread).await);
    agent.claims(&thread).await.expect(200);
    let body = json!({ "to": "queue", "note": "Wants a refund" });
    change(&agent, &thread, "release", body).await.expect(200);
    let page = agent.get(&format!("/threads/{thread}/messages")).await.expect(200).body;
    assert_eq!(page["notes"][0]["text"], "Wants a refund");
    assert_eq!((&page["notes"][0]["after"], &page["notes"][0]["author"]["id"]), (&json!(2), &json!("ana")));
    assert_eq!(his.hears_of("note.created").await["note"], page["notes"][0]);
    assert!(hers.heard_so_far().await.iter().all(|event| event["type"] != "note.created"));
    assert_eq!(customer.transcript(&thread).await, ["[claimed]", "[released]"]);
}

#[tokio::test]
async fn every_change_is_heard_by_listeners_and_the_inbox() {
    let stage = Stage::start().await;
    let (customer, agent, thread) = (stage.customer(), stage.agent(), stage.thread().await);
    let mut socket = customer.listens(&thread).await;
    let mut inbox = agent.connects().await;
    inbox.says(json!({ "action": "subscribe", "inbox": true })).await;
    inbox.hears_of("subscribed").await;
    customer.escalates(&thread).await.expect(200);
    agent.claims(&thread).await.expect(200);
    agent.releases(&thread, "queue").await.expect(200);
    agent.says(&thread, "Me again.").await.expect(202);
    agent.releases(&thread, "bot").await.expect(200);
    customer.ends(&thread).await.expect(200);
    let words = ["queued", "agent", "queued", "agent", "bot", "ended"];
    for word in words {
        assert_eq!(socket.hears_of("thread.updated").await["thread"]["status"], word);
    }
    let heard = inbox.heard_so_far().await;
    let told: Vec<_> = heard.iter().map(|event| event["thread"]["status"].as_str().unwrap()).collect();
    assert_eq!(told, words);
}

#[tokio::test]
async fn a_customer_whose_agent_leaves_keeps_their_place_until_a_person_has_answered() {
    let stage = Stage::start().await;
    let (customer, agent) = (stage.customer(), stage.agent());
    let (first, second) = (stage.thread().await, stage.thread().await);
    for thread in [&first, &second] {
        customer.escalates(thread).await.expect(200);
    }
    let since = customer.reads(&first).await["status_since"].clone();
    assert_eq!(customer.reads(&first).await["waiting_since"], since);
    let queue = async || {
        let queued = agent.get("/threads?status=queued").await.expect(200).body;
        queued["data"].as_array().unwrap().iter().map(|thread| thread["id"].clone()).collect::<Vec<_>>()
    };
    agent.claims(&first).await.expect(200);
    assert_eq!(customer.reads(&first).await["waiting_since"], since, "nobody has answered");
    agent.releases(&first, "queue").await.expect(200);
    let released = customer.reads(&first).await;
    assert_eq!(released["waiting_since"], since);
    assert_ne!(released["status_since"], since);
    assert_eq!(queue().await, [&first[..], &second]);

    // An answer ends the wait; the next one begins when the thread is queued again.
    agent.says(&first, "Ana here.").await.expect(202);
    assert_eq!(customer.reads(&first).await.get("waiting_since"), None);
    agent.releases(&first, "queue").await.expect(200);
    assert_eq!(queue().await, [&second[..], &first]);
    agent.claims(&first).await.expect(200);
    agent.releases(&first, "bot").await.expect(200);
    assert_eq!(customer.reads(&first).await.get("waiting_since"), None);
}
