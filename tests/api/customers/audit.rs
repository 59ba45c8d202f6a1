//! `GET /audit`: what agents and admins did.

use local::Options;
use reqwest::Method;
use serde_json::{Value, json};
use shared::{domain::Timeouts, store::cursor};

use super::life::{Customer, MINUTE, stage};
use tests::{
    persona::{Persona, opened},
    stage::Stage,
    streams::silence,
    wire::{Fault, Trouble},
};

/// The whole trail, newest first, as lines of `actor act`, with the names of changed fields.
async fn trail(admin: &Persona, query: &str) -> Vec<String> {
    let line = |entry: &Value| {
        let [actor, act] = [&entry["actor"]["id"], &entry["act"]].map(|it| it.as_str().unwrap().to_owned());
        let fields = entry["fields"].as_array().into_iter().flatten().map(|it| format!(" {}", it.as_str().unwrap()));
        format!("{actor} {act}{}", fields.collect::<String>())
    };
    entries(admin, query).await.iter().map(line).collect()
}

async fn entries(admin: &Persona, query: &str) -> Vec<Value> {
    let (mut entries, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = admin.get(&format!("/audit?{query}{cursor}")).await.expect(200).body;
        entries.extend(page["data"].as_array().unwrap().clone());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return entries,
        }
    }
}

#[tokio::test]
async fn the_trail_has_what_staff_did_and_nothing_that_was_said() {
    let (stage, _, _) = stage().await;
    let (ana, root) = (stage.agent(), stage.admin());
    let chatbot = stage.chatbot().await;
    root.patch(&format!("/chatbots/{chatbot}"), json!({ "instructions": "Be kind.", "temperature": 0.5 }))
        .await
        .expect(200);
    let mut cleo = Customer::of(&stage, "marchetti");
    let thread = cleo.creates(&chatbot).await;
    cleo.says(&thread).await;
    cleo.persona.reads(&thread).await;
    // Many reads by one person are one entry.
    for _ in 0..3 {
        ana.reads(&thread).await;
        ana.log(&thread).await;
    }
    ana.listens(&thread).await;
    ana.claims(&thread).await.expect(200);
    ana.says(&thread, "Hello").await.expect(202);
    ana.releases(&thread, "queue").await.expect(200);
    ana.says(&thread, "It is me again").await.expect(202);
    ana.ends(&thread).await.expect(200);
    root.delete(&format!("/threads/{thread}")).await.expect(204);
    let other = cleo.creates(&chatbot).await;
    root.escalates(&other).await.expect(200);
    assert_eq!(opened(root.request(Method::GET, &format!("{}/export", cleo.path()))).await.status(), 200);
    let receipt = root.delete(&cleo.path()).await.expect(202).body;
    root.delete(&format!("/chatbots/{chatbot}")).await.expect(204);

    let mut trail = trail(&root, "").await;
    trail.reverse();
    assert_eq!(
        trail,
        [
            "root chatbot.created",
            "root chatbot.updated instructions temperature",
            "ana thread.read",
            "ana thread.claimed",
            "ana thread.released",
            "ana thread.claimed",
            "ana thread.ended",
            "root thread.deleted",
            "root thread.escalated",
            "root customer.exported",
            "root thread.read",
            "root customer.erased",
            "root chatbot.deleted",
        ]
    );
    let entries = entries(&root, "limit=1").await;
    assert_eq!(entries.len(), trail.len());
    assert_eq!((&entries[1]["erasure_id"], &entries[2]["thread_id"]), (&receipt["id"], &json!(other)));
    let text = json!(entries).to_string();
    assert!(!text.contains("marchetti") && !text.contains("Be kind") && !text.contains("Hello"), "{text}");
}

/// A ping replays without a subscription, and a stream that goes on begins with the past.
#[tokio::test]
async fn what_a_ping_or_a_stream_tells_is_read() {
    let (stage, _, _) = stage().await;
    let (ana, bo, root) = (stage.agent(), stage.persona("acme", "agent", "bo"), stage.admin());
    let (customer, thread) = (stage.customer(), stage.thread().await);
    customer.says(&thread, "Hello").await.expect(200);
    let mut theirs = customer.connects().await;
    theirs.says(json!({ "action": "ping", "threads": { thread.clone(): 0 } })).await;
    theirs.hears_of("message.created").await;
    silence(customer.resumes(&thread, "?after=0").await).await;

    let mut socket = ana.connects().await;
    // Who lacks nothing is told nothing.
    socket.says(json!({ "action": "ping", "threads": { thread.clone(): 2 } })).await;
    socket.heard_so_far().await;
    let of_thread = format!("thread_id={thread}");
    assert_eq!(trail(&root, &of_thread).await, [""; 0]);
    socket.says(json!({ "action": "ping", "threads": { thread.clone(): 0 } })).await;
    socket.hears_of("message.created").await;
    assert_eq!(trail(&root, &of_thread).await, ["ana thread.read"]);
    silence(bo.resumes(&thread, "?after=0").await).await;
    assert_eq!(trail(&root, &of_thread).await, ["bo thread.read", "ana thread.read"]);
}

#[tokio::test]
async fn a_thread_that_is_not_there_is_not_read() {
    let (stage, _, wire) = stage().await;
    let thread = stage.thread().await;
    let gus = stage.persona("globex", "admin", "gus");
    let mut socket = gus.connects().await;
    // An entry beside the read would be written first.
    let slow_read = || wire.fault(Fault::on("Query", Trouble::Refused("ThrottlingException")));
    for path in ["threads/{}", "threads/{}/messages", "chat/{}/stream"] {
        slow_read();
        gus.get(&format!("/{}", path.replace("{}", &thread))).await.problem(404, "not_found");
    }
    for frame in [
        json!({ "action": "subscribe", "thread_id": thread, "after": 0 }),
        json!({ "action": "ping", "threads": { thread: 0 } }),
    ] {
        slow_read();
        socket.says(frame).await;
        socket.hears_of("error").await;
    }
    assert_eq!(wire.faults_left(), 0);
    assert_eq!(trail(&gus, "").await, [""; 0]);
}

#[tokio::test]
async fn a_forged_cursor_of_the_trail_is_refused() {
    let (stage, _, _) = stage().await;
    let (ana, root) = (stage.agent(), stage.admin());
    for _ in 0..2 {
        ana.reads(&stage.thread().await).await;
    }
    let day = entries(&root, "").await[0]["at"].as_str().unwrap()[..10].to_owned();
    let at = format!("{day}T10:00:00.000Z");
    for before in [String::new(), "x".repeat(2_000), at.clone(), format!("{at}#"), format!("{at}#aud_1")] {
        let forged = cursor::encode(&json!({ "day": day, "before": before })).unwrap();
        let refused = root.get(&format!("/audit?cursor={forged}")).await.invalid();
        assert_eq!(refused, "cursor: is not a valid cursor for this list");
    }
    assert_eq!(entries(&root, "limit=1").await, entries(&root, "").await);
}

#[tokio::test]
async fn the_trail_is_read_by_day_actor_and_thread() {
    let (stage, turned, _) = stage().await;
    let (ana, root) = (stage.agent(), stage.admin());
    let (one, two) = (stage.thread().await, stage.thread().await);
    ana.reads(&one).await;
    root.reads(&two).await;
    let first_day = entries(&root, "").await[0]["at"].as_str().unwrap()[..10].to_owned();
    // Within ten minutes, another read is the same; later it is not.
    turned.by(MINUTE * 9);
    ana.reads(&one).await;
    turned.by(MINUTE * 60 * 24 * 20);
    ana.reads(&one).await;
    let reads = |lines: Vec<String>| lines.into_iter().filter(|line| line.ends_with("thread.read")).collect::<Vec<_>>();
    let last_day = entries(&root, "").await[0]["at"].as_str().unwrap()[..10].to_owned();
    assert_eq!(reads(trail(&root, &format!("from={last_day}")).await), ["ana thread.read"]);
    let of_all = format!("from={first_day}");
    assert_eq!(reads(trail(&root, &of_all).await), ["ana thread.read", "root thread.read", "ana thread.read"]);
    assert_eq!(reads(trail(&root, &format!("{of_all}&actor=ana")).await).len(), 2);
    assert_eq!(trail(&root, &format!("{of_all}&thread_id={two}")).await, ["root thread.read"]);
    assert_eq!(reads(trail(&root, &format!("{of_all}&to={first_day}")).await).len(), 2);
    assert_eq!(root.get("/audit?from=monday").await.invalid(), "from: must be a day of UTC, as 2026-11-30");
    assert_eq!(root.get("/audit?cursor=odd").await.invalid(), "cursor: is not a valid cursor for this list");
    for persona in [ana, stage.customer()] {
        persona.get("/audit").await.problem(403, "forbidden");
    }
    assert_eq!(trail(&stage.persona("globex", "admin", "gus"), &of_all).await, [""; 0]);
}

#[tokio::test]
async fn a_deployment_may_keep_no_trail() {
    let timeouts = Timeouts { audit: None, ..Timeouts::default() };
    let stage = Stage::with(Options { timeouts, ..Options::default() }).await;
    let thread = stage.thread().await;
    stage.agent().claims(&thread).await.expect(200);
    stage.agent().reads(&thread).await;
    assert_eq!(trail(&stage.admin(), "").await, [""; 0]);
}
