//! Erasures that meet other requests, a failing OpenAI, or the death of their function.

use local::Options;
use serde_json::json;
use shared::{
    domain::{Erasure, ErasureId, budget::BudgetSettings},
    store::OutboxItem,
};
use tokio::{join, select, time::Instant};

use super::life::{Customer, MINUTE, settled, stage};
use tests::{clock::Turned, openai::brisk, stage::Stage};

#[tokio::test]
async fn a_creation_and_a_turn_that_were_under_way_leave_nothing() {
    let (stage, turned, _) = stage().await;
    let chatbot = stage.chatbot().await;
    let mut cleo = Customer::of(&stage, "marchetti");
    let answered = cleo.creates(&chatbot).await;
    let persona = cleo.persona.clone();
    let creating = stage.standin().stall("POST", "/v1/conversations");
    let body = json!({ "chatbot_id": chatbot, "title": "marchetti", "metadata": { "who": "marchetti" } });
    let create = persona.posts_under("marchetti", "/threads", body);
    let erase = async {
        creating.begun().await;
        let answering = stage.hold_after(2);
        let turn = persona.says(&answered, "I am Marchetti");
        let erase = async {
            answering.begun().await;
            let receipt = stage.admin().delete(&cleo.path()).await.expect(202).body;
            creating.release();
            answering.release();
            receipt
        };
        join!(turn, erase).1
    };
    let (created, receipt) = join!(create, erase);
    // It was accepted, though its customer has been erased meanwhile.
    created.expect(201);
    assert!(!stage.traces_of(cleo.word).await.is_empty());
    let receipt = settled(&stage, &turned, &receipt).await;
    assert_eq!((&receipt["status"], &receipt["counts"]["threads"]), (&json!("done"), &json!(2)));
    assert_eq!(stage.traces_of(cleo.word).await, [""; 0]);
    assert_eq!(stage.standin().counts().responses, 0);
}

/// What was allowed before the erasure is written after it: a read marker, and a subscription.
#[tokio::test]
async fn late_writes_into_a_thread_leave_nothing() {
    let (stage, turned, _) = stage().await;
    let chatbot = stage.chatbot().await;
    let mut cleo = Customer::of(&stage, "marchetti");
    let thread = cleo.creates(&chatbot).await;
    let receipt = stage.admin().delete(&cleo.path()).await.expect(202).body;
    let store = &stage.board.app().store;
    let now = stage.board.app().now();
    store.read_marker_put("acme", &thread.parse().unwrap(), &cleo.id, 1, now).await.unwrap();
    assert_eq!(settled(&stage, &turned, &receipt).await["status"], "done");
    assert_eq!(stage.traces_of(cleo.word).await, [""; 0]);
}

#[tokio::test]
async fn an_erasure_waits_for_openai_however_long_it_takes() {
    let (stage, turned, _) = stage().await;
    let chatbot = stage.chatbot().await;
    let mut cleo = Customer::of(&stage, "marchetti");
    let thread = cleo.creates(&chatbot).await;
    cleo.says(&thread).await;
    stage.openai_goes_down();
    let receipt = stage.admin().delete(&cleo.path()).await.expect(202).body;
    for _ in 0..30 {
        turned.by(MINUTE * 60);
        stage.sweeps().await;
    }
    let path = format!("/erasures/{}", receipt["id"].as_str().unwrap());
    assert_eq!(stage.admin().get(&path).await.expect(200).body["status"], "pending");
    stage.openai_comes_back();
    turned.by(MINUTE * 60);
    stage.sweeps().await;
    assert_eq!(settled(&stage, &turned, &receipt).await["status"], "done");
    assert_eq!(stage.traces_of(cleo.word).await, [""; 0]);
}

/// A thread that ended before has a cleanup of its own, which would be given up.
#[tokio::test]
async fn an_erasure_waits_for_what_had_failed_before_it() {
    let (stage, turned, _) = stage().await;
    let chatbot = stage.chatbot().await;
    let mut cleo = Customer::of(&stage, "marchetti");
    let thread = cleo.creates(&chatbot).await;
    cleo.says(&thread).await;
    stage.openai_goes_down();
    cleo.persona.ends(&thread).await.expect(200);
    let hours = async |hours: u32| {
        for _ in 0..hours {
            turned.by(MINUTE * 60);
            stage.sweeps().await;
        }
    };
    hours(20).await;
    let receipt = stage.admin().delete(&cleo.path()).await.expect(202).body;
    hours(10).await;
    let path = format!("/erasures/{}", receipt["id"].as_str().unwrap());
    assert_eq!(stage.admin().get(&path).await.expect(200).body["status"], "pending");
    stage.openai_comes_back();
    hours(2).await;
    assert_eq!(settled(&stage, &turned, &receipt).await["status"], "done");
    assert_eq!(stage.traces_of(cleo.word).await, [""; 0]);
}

/// The sweep has read it as one that may be given up, and the erasure comes before or during its last attempt.
#[tokio::test]
async fn an_erasure_is_not_overlooked_by_an_attempt_under_way() {
    let (stage, turned, _) = stage().await;
    let chatbot = stage.chatbot().await;
    let mut cleo = Customer::of(&stage, "marchetti");
    let thread = cleo.creates(&chatbot).await;
    cleo.says(&thread).await;
    stage.openai_goes_down();
    cleo.persona.ends(&thread).await.expect(200);
    turned.by(MINUTE * 60);
    let (app, thread) = (stage.board.app(), thread.parse().unwrap());
    let store = &app.store;
    let read: OutboxItem = store.cleanups_of_thread("acme", &thread).await.unwrap()[0].clone().into();
    let taken = store.outbox_take(&read, app.now()).await.unwrap().unwrap();
    stage.admin().delete(&cleo.path()).await.expect(202);
    assert!(!store.outbox_give_up(&taken).await.unwrap());
    let required = store.cleanups_of_thread("acme", &thread).await.unwrap();
    assert!(required.len() == 1 && required[0].is_required);
    let mut outdated = required[0].clone();
    outdated.is_required = false;
    assert_eq!(store.outbox_take(&outdated.into(), app.now()).await.unwrap(), None);
    assert!(store.outbox_take(&required[0].clone().into(), app.now()).await.unwrap().is_some());
}

/// The counters of a customer who has come back are theirs until nothing else is left.
#[tokio::test]
async fn an_erasure_that_waits_leaves_the_counters_of_the_customer() {
    let turned = Turned::default();
    let budgets = BudgetSettings::default();
    let stage = Stage::with(Options { clock: turned.clock(), budgets, ..brisk() }).await;
    let chatbot = stage.chatbot().await;
    let mut cleo = Customer::of(&stage, "marchetti");
    let thread = cleo.creates(&chatbot).await;
    cleo.says(&thread).await;
    let counts = async || {
        let items = stage.items().await.into_iter();
        let counters = items.filter(|((pk, sk), _)| pk.contains("marchetti") && sk.starts_with("BUDGET#"));
        counters.map(|(_, counts)| (counts["turns"].clone(), counts["minute_messages"].clone())).collect::<Vec<_>>()
    };
    let before = counts().await;
    assert_eq!(before.len(), 1);
    stage.openai_goes_down();
    let receipt = stage.admin().delete(&cleo.path()).await.expect(202).body;
    settled(&stage, &turned, &receipt).await;
    assert_eq!(counts().await, before);
    stage.openai_comes_back();
    turned.by(MINUTE * 60);
    stage.sweeps().await;
    assert_eq!(settled(&stage, &turned, &receipt).await["status"], "done");
    assert_eq!(counts().await, []);
}

/// Each look dies a call later than the one before, now before that call has its effect, now after. What it has left is
/// done by the next, and each thread counts once.
#[tokio::test]
async fn an_erasure_that_dies_at_any_call_is_resumed() {
    let (stage, turned, wire) = stage().await;
    let chatbot = stage.chatbot().await;
    let mut cleo = Customer::of(&stage, "marchetti");
    cleo.lives(&stage, &chatbot).await;
    let app = stage.board.app();
    let erasure = Erasure::new(ErasureId::new(app.ulid()), app.now());
    let receipt = app.store.erasure_begin("acme", &cleo.id, erasure, app.now(), None).await.unwrap();
    let mut calls = 0;
    for is_settled in [false, true] {
        loop {
            calls += 1;
            wire.dies_at(calls, calls % 2 == 0);
            let until = Instant::now() + MINUTE;
            let lived = select! {
                looked = app.erase("acme", &cleo.id, until) => { looked.unwrap(); true }
                () = wire.has_died() => false,
            };
            wire.lives_on();
            if lived {
                break;
            }
        }
        if !is_settled {
            turned.by(MINUTE * 2);
            calls = 0;
        }
    }
    let receipt = app.store.erasure_get("acme", &receipt.id).await.unwrap().unwrap();
    assert!(receipt.done_at.is_some());
    let counts = receipt.counts;
    assert_eq!((counts.threads, counts.messages, counts.notes), (5, cleo.messages, cleo.notes));
    nothing_is_left(&stage, &cleo).await;
}

async fn nothing_is_left(stage: &Stage, customer: &Customer) {
    assert_eq!(stage.traces_of(customer.word).await, [""; 0]);
}
