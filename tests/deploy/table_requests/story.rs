//! The story that is recorded: each verb of the API, frames of sockets, the sweep, races and lost responses.

use std::time::Duration;

use futures::future::join_all;
use local::{Options, standin::Failure};
use serde_json::{Value, json};
use shared::domain::{At, Timeouts};
use tests::{
    clock::Turned,
    openai::brisk,
    persona::Persona,
    receiver::{Receiver, Reply, SECRET},
    recording::Exchange,
    stage::Stage,
    wire::{Fault, Trouble, Wire},
};

const MINUTE: Duration = Duration::from_mins(1);
const DAY: Duration = Duration::from_hours(24);
/// The operations whose lost responses the SDK repeats.
const WRITES: [&str; 5] = ["PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems"];

/// Plays the story on an empty table; returns all requests that reached it.
pub(super) async fn played() -> Vec<Exchange> {
    let (wire, turned) = (Wire::recording(), Turned::default());
    let timeouts = Timeouts { queue: Some(MINUTE * 10), ..Timeouts::default() };
    let stage = Stage::with(Options { dynamo: wire.transport(), clock: turned.clock(), timeouts, ..brisk() }).await;
    chatbots(&stage).await;
    threads(&stage).await;
    lists(&stage).await;
    chats(&stage).await;
    handoffs(&stage).await;
    sockets(&stage).await;
    visitors(&stage).await;
    races(&stage).await;
    lost_responses(&stage, &wire).await;
    webhooks(&stage).await;
    leftovers(&stage, &wire).await;
    deletions(&stage).await;
    commands(&stage).await;
    times(&stage, &turned).await;
    wire.recorded()
}

fn documents(count: usize) -> Value {
    let text = |n| format!("Page {n}: 50 % off \"é\" 漢字");
    (0..count).map(|n| json!({ "name": format!("{n}.md"), "text": text(n) })).collect()
}

/// A persona whose token outlives each advance of the clock.
fn lasting(stage: &Stage, role: &str, sub: &str) -> Persona {
    let claims = json!({
        "iss": "switchboard", "aud": "switchboard", "exp": 4_102_444_800_u64,
        "sub": sub, "tenant": "acme", "role": role,
    });
    stage.bearing(Some(stage.board.tokens().sign(&claims)))
}

async fn chatbots(stage: &Stage) {
    let admin = stage.admin();
    let many = stage.chatbot_with(json!({ "documents": documents(30), "memory": "local" })).await;
    admin
        .patch(&format!("/chatbots/{many}"), json!({ "documents": documents(2), "temperature": 0.25 }))
        .await
        .expect(200);
    admin.patch(&format!("/chatbots/{many}"), json!({ "documents": [] })).await.expect(200);
    let body = json!({ "name": "Once", "model": "gpt-5-mini" });
    let first = admin.posts_under("key", "/chatbots", body.clone()).await.expect(201).id();
    assert_eq!(admin.posts_under("key", "/chatbots", body).await.expect(201).id(), first);
    let other = json!({ "name": "Twice", "model": "gpt-5-mini" });
    admin.posts_under("key", "/chatbots", other).await.problem(422, "idempotency_mismatch");
    stage.chatbot_with(json!({ "tools": [{ "name": "look", "parameters": {} }], "max_output_tokens": 500 })).await;
    admin.pages("/chatbots?limit=1").await;
    admin.get("/chatbots/bot_00000000000000000000000000").await.problem(404, "not_found");
    admin.delete(&format!("/chatbots/{many}")).await.expect(204);
    admin.delete(&format!("/chatbots/{many}")).await.problem(404, "not_found");
}

async fn threads(stage: &Stage) {
    let (customer, chatbot) = (stage.customer(), stage.chatbot().await);
    let create = json!({ "chatbot_id": chatbot, "title": "A parcel", "metadata": { "order": "17", "page": "/é" } });
    let thread = customer.posts_under("key", "/threads", create.clone()).await.expect(201).id();
    assert_eq!(customer.posts_under("key", "/threads", create).await.expect(201).id(), thread);
    let path = format!("/threads/{thread}");
    customer.patch(&path, json!({ "title": "Another", "metadata": {} })).await.expect(200);
    customer.patch(&path, json!({ "title": null, "chatbot_id": stage.chatbot().await })).await.expect(200);
    stage.agent().post("/threads", json!({ "chatbot_id": chatbot, "customer_id": "eve" })).await.expect(201);
    customer.get("/threads/thr_00000000000000000000000000").await.problem(404, "not_found");
    for _ in 0..3 {
        customer.says(&thread, "Are you there?").await.expect(200);
    }
    for query in ["limit=2", "limit=2&after=0", "limit=3&after=4", "limit=2&before=5", "limit=100"] {
        customer.get(&format!("{path}/messages?{query}")).await.expect(200);
    }
}

async fn lists(stage: &Stage) {
    let (chatbot, agent) = (stage.chatbot().await, stage.agent());
    for n in 0..12 {
        let customer = stage.persona("acme", "customer", &format!("cus{}", n % 2));
        let thread = stage.thread_of(&customer, &chatbot).await;
        match n % 4 {
            0 => _ = customer.escalates(&thread).await.expect(200),
            1 => _ = agent.claims(&thread).await.expect(200),
            2 => _ = customer.ends(&thread).await.expect(200),
            _ => {}
        }
    }
    agent.pages("/threads?limit=2").await;
    agent.pages("/threads?limit=5&with=last_message").await;
    agent.pages("/threads?limit=1&customer_id=cus1").await;
    for status in ["bot", "queued", "agent", "ended"] {
        agent.pages(&format!("/threads?limit=1&status={status}")).await;
        agent.pages(&format!("/threads?limit=2&status={status}&customer_id=cus0")).await;
    }
    stage.persona("acme", "customer", "cus0").pages("/threads?limit=2&with=last_message").await;
}

async fn chats(stage: &Stage) {
    let (customer, thread) = (stage.customer(), stage.thread().await);
    let first = customer.says_as(&thread, "one", "Hello").await.expect(200).body;
    assert_eq!(customer.says_as(&thread, "one", "Hello").await.expect(200).body["message"], first["message"]);
    customer.streams(&thread, json!({ "text": "What do you sell?" })).await.rest().await;
    let ui = json!({ "id": thread, "trigger": "submit-message", "messages": [
        { "id": "two", "role": "user", "parts": [{ "type": "text", "text": "Anvils?" }] }
    ] });
    Persona::request(&customer, reqwest::Method::POST, "/chat").json(&ui).send().await.unwrap();
    stage.agent().notes(&thread, "A regular.").await.expect(200);
    stage.agent().get(&format!("/threads/{thread}/messages?limit=2")).await.expect(200);

    // A failure of the model, words of hand-over, and a customer who asks for a person.
    for text in ["Hello", "I want to speak to a person"] {
        let thread = stage.thread().await;
        if text == "Hello" {
            stage.openai_goes_down();
        }
        customer.says(&thread, text).await.expect(202);
        stage.openai_comes_back();
    }
    let thread = stage.thread().await;
    stage.next_response(Failure::Words { text: "I get a colleague.".into() });
    customer.says(&thread, "A person, please").await.expect(202);

    // A person takes over while the bot answers, and a customer writes on meanwhile.
    let (agent, thread) = (stage.agent(), stage.thread().await);
    let hold = stage.hold_after(1);
    let (said, ()) = tokio::join!(customer.says(&thread, "Tell me more"), async {
        hold.begun().await;
        agent.claims(&thread).await.expect(200);
        hold.release();
    });
    said.expect(202);
    let thread = stage.thread().await;
    let hold = stage.hold_after(1);
    let (said, ()) = tokio::join!(customer.says(&thread, "Tell me more"), async {
        hold.begun().await;
        customer.says(&thread, "And soon").await.expect(202);
        hold.release();
    });
    said.expect(200);
}

async fn handoffs(stage: &Stage) {
    let (customer, agent, admin, thread) = (stage.customer(), stage.agent(), stage.admin(), stage.thread().await);
    customer.post(&format!("/threads/{thread}/escalate"), json!({ "reason": "Lost" })).await.expect(200);
    customer.escalates(&thread).await.expect(200);
    agent.claims(&thread).await.expect(200);
    stage.persona("acme", "agent", "bea").claims(&thread).await.problem(409, "conflict");
    customer.says(&thread, "Are you there?").await.expect(202);
    agent.says(&thread, "Ana here.").await.expect(202);
    agent.releases(&thread, "queue").await.expect(200);
    customer.says(&thread, "Who now?").await.expect(202);
    admin.releases(&thread, "bot").await.expect(200);
    stage.board.invocations().finished().await;
    agent.says(&thread, "I stay.").await.expect(202);
    customer.ends(&thread).await.expect(200);
    customer.ends(&thread).await.expect(200);
    customer.says(&thread, "Hello?").await.problem(409, "conflict");
}

async fn sockets(stage: &Stage) {
    let (customer, agent, thread) = (stage.customer(), stage.agent(), stage.thread().await);
    customer.says(&thread, "Hello").await.expect(200);
    let (mut hers, mut anas) = (customer.listens(&thread).await, agent.connects().await);
    for frame in [
        json!({ "action": "subscribe", "inbox": true }),
        json!({ "action": "subscribe", "thread_id": thread, "after": 0 }),
        json!({ "action": "typing", "thread_id": thread, "on": true }),
        json!({ "action": "read", "thread_id": thread, "seq": 1 }),
        json!({ "action": "read", "thread_id": thread, "seq": 2 }),
        // A marker moves only forward.
        json!({ "action": "read", "thread_id": thread, "seq": 1 }),
        json!({ "action": "ping", "threads": { thread.as_str(): 1 } }),
    ] {
        anas.says(frame).await;
        anas.heard_so_far().await;
    }
    agent.claims(&thread).await.expect(200);
    agent.says(&thread, "Ana here.").await.expect(202);
    agent.get("/threads?limit=5").await.expect(200);
    anas.says(json!({ "action": "unsubscribe", "inbox": true })).await;
    anas.heard_so_far().await;
    hers.heard_so_far().await;
    anas.0.close(None).await.unwrap();
    hers.hears_of("presence").await;
    hers.says(json!({ "action": "unsubscribe", "thread_id": thread })).await;
    hers.heard_so_far().await;
}

async fn visitors(stage: &Stage) {
    let chatbot = stage.public_chatbot().await;
    for _ in 0..300 {
        stage.anon().visits(&chatbot).await.expect(201);
    }
    stage.anon().visits(&chatbot).await.expect(429);
}

/// Requests at once: all but one lose their conditions.
async fn races(stage: &Stage) {
    let (customer, chatbot) = (stage.customer(), stage.chatbot().await);
    for _ in 0..2 {
        let thread = stage.thread_of(&customer, &chatbot).await;
        let agents: Vec<_> = (0..4).map(|n| stage.persona("acme", "agent", &format!("ag{n}"))).collect();
        join_all(agents.iter().map(|agent| agent.claims(&thread))).await;
        join_all((0..4).map(|n| customer.says(&thread, ["Hello", "there", "it is", "me"][n]))).await;
        join_all((0..3).map(|_| customer.says_as(&thread, "same", "Once"))).await;
        let path = format!("/threads/{thread}");
        join_all((0..3).map(|n| customer.patch(&path, json!({ "title": format!("{n}") })))).await;
    }
    let create = json!({ "chatbot_id": chatbot });
    join_all((0..4).map(|_| customer.posts_under("at once", "/threads", create.clone()))).await;
    let changes = (0..3).map(|n| json!({ "name": format!("Robin {n}") }));
    let (admin, path) = (stage.admin(), format!("/chatbots/{chatbot}"));
    join_all(changes.map(|change| admin.patch(&path, change))).await;
}

/// Writes that the SDK repeats because their responses are lost, with the token of a transaction and without it.
async fn lost_responses(stage: &Stage, wire: &Wire) {
    let customer = stage.customer();
    for operation in WRITES {
        for trouble in [Trouble::AnswerLost, Trouble::TokenForgotten] {
            if matches!(trouble, Trouble::TokenForgotten) && operation != "TransactWriteItems" {
                continue;
            }
            let thread = stage.thread().await;
            // Connected before: that is a transaction too, and its repetition changes nothing.
            let mut socket = customer.connects().await;
            wire.fault(Fault::on(operation, Trouble::AnswerLost));
            wire.fault(Fault::on(operation, trouble));
            socket.says(json!({ "action": "subscribe", "thread_id": thread })).await;
            socket.heard_so_far().await;
            customer.says_as(&thread, "lost", "Hello").await;
            customer.escalates(&thread).await;
            socket.says(json!({ "action": "read", "thread_id": thread, "seq": 1 })).await;
            socket.heard_so_far().await;
            stage.admin().delete(&format!("/threads/{thread}")).await;
            wire.clear_faults();
        }
    }
}

async fn webhooks(stage: &Stage) {
    let (receiver, customer) = (Receiver::start().await, stage.customer());
    let webhook = json!({ "url": receiver.url, "secret": SECRET });
    let chatbot = stage.chatbot_with(json!({ "webhook": webhook })).await;
    let thread = stage.thread_of(&customer, &chatbot).await;
    receiver.replies([Reply::Status(500, String::new())]);
    customer.escalates(&thread).await.expect(200);
    stage.agent().claims(&thread).await.expect(200);
    customer.ends(&thread).await.expect(200);
}

/// Batches that are carried out in part.
async fn leftovers(stage: &Stage, wire: &Wire) {
    for operation in ["BatchGetItem", "BatchWriteItem"] {
        wire.fault(Fault::on(operation, Trouble::Leftover { done: 1 }).times(2));
    }
    stage.customer().get("/threads?limit=10").await.expect(200);
    stage.chatbot_with(json!({ "documents": documents(30) })).await;
    wire.clear_faults();
}

async fn deletions(stage: &Stage) {
    let (customer, thread) = (stage.customer(), stage.thread().await);
    customer.says_as(&thread, "one", "Hello").await.expect(200);
    stage.openai_goes_down();
    stage.admin().delete(&format!("/threads/{thread}")).await.expect(204);
    stage.openai_comes_back();
    stage.admin().delete(&format!("/threads/{thread}")).await.problem(404, "not_found");
}

/// The work of the sweep as time passes.
async fn times(stage: &Stage, turned: &Turned) {
    let (customer, agent) = (lasting(stage, "customer", "cus"), lasting(stage, "agent", "ana"));
    let (chatbot, [waiting, left, unheard]) = (stage.chatbot().await, [(); 3]);
    let thread = async |()| stage.thread_of(&customer, &chatbot).await;
    let (waiting, left, unheard) = (thread(waiting).await, thread(left).await, thread(unheard).await);
    customer.escalates(&waiting).await.expect(200);
    agent.claims(&left).await.expect(200);
    customer.says(&left, "Anybody?").await.expect(202);
    agent.claims(&unheard).await.expect(200);
    customer.says(&unheard, "And I?").await.expect(202);
    stage.releases_unheard(&unheard).await;
    for ahead in [MINUTE, MINUTE * 20, DAY, DAY * 30, DAY * 90] {
        turned.by(ahead);
        stage.sweeps().await;
    }
    customer.get("/threads?limit=2").await.expect(200);
}

/// `switchboard verify` and `switchboard doctor`.
async fn commands(stage: &Stage) {
    let (store, thread) = (&stage.board.app().store, stage.thread().await);
    stage.customer().says(&thread, "Hello").await.expect(200);
    let verified = store.thread_verify("acme", &thread.parse().unwrap(), At::from_millis(0)).await.unwrap();
    assert!(verified.unwrap().violation.is_none());
    assert!(!store.chatbots_of_all_tenants().await.unwrap().is_empty());
}
