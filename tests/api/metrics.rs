//! The metrics that functions write for CloudWatch, one line each.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use local::Options;
use serde_json::{Value, json};
use shared::metrics::Metrics;

use tests::{clock::Turned, openai::brisk, stage::Stage};

const MINUTE: Duration = Duration::from_mins(1);

/// The lines that the functions wrote.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<String>>>);

impl Lines {
    fn metrics(&self) -> Metrics {
        let lines = Arc::clone(&self.0);
        Metrics::new("shop".to_owned(), move |line| lines.lock().unwrap().push(line.to_owned()))
    }

    /// The lines with this metric, parsed and checked against the format: each metric and each dimension that a line
    /// declares has its value in it.
    fn with(&self, metric: &str) -> Vec<Value> {
        let lines: Vec<Value> =
            self.0.lock().unwrap().iter().map(|line| serde_json::from_str(line).expect("one line of JSON")).collect();
        for line in &lines {
            assert!(line["_aws"]["Timestamp"].is_i64(), "{line}");
            let [declared] = line["_aws"]["CloudWatchMetrics"].as_array().unwrap().as_slice() else {
                panic!("{line} declares several groups");
            };
            assert_eq!(declared["Namespace"], "shop");
            for metric in declared["Metrics"].as_array().unwrap() {
                assert!(line[metric["Name"].as_str().unwrap()].is_u64(), "{line} has no {metric}");
            }
            for name in declared["Dimensions"].as_array().unwrap().iter().flat_map(|set| set.as_array().unwrap()) {
                assert!(line[name.as_str().unwrap()].is_string(), "{line} has no {name}");
            }
        }
        lines.into_iter().filter(|line| !line[metric].is_null()).collect()
    }
}

async fn stage() -> (Stage, Turned, Lines) {
    let (turned, lines) = (Turned::default(), Lines::default());
    let stage = Stage::with(Options { clock: turned.clock(), metrics: lines.metrics(), ..brisk() }).await;
    (stage, turned, lines)
}

#[tokio::test]
async fn a_reply_is_a_turn_with_its_times_and_tokens() {
    let (stage, _, lines) = stage().await;
    let thread = stage.thread().await;
    stage.customer().says(&thread, "Hello").await.expect(200);
    let turns = lines.with("Turns");
    let [turn] = turns.as_slice() else { panic!("{turns:?}") };
    let declared = &turn["_aws"]["CloudWatchMetrics"][0];
    assert_eq!(declared["Dimensions"], json!([[]]));
    assert_eq!(
        declared["Metrics"],
        json!([
            { "Name": "Turns", "Unit": "Count" },
            { "Name": "TimeToFirstWord", "Unit": "Milliseconds" },
            { "Name": "TurnTime", "Unit": "Milliseconds" },
            { "Name": "InputTokens", "Unit": "Count" },
            { "Name": "CachedTokens", "Unit": "Count" },
            { "Name": "OutputTokens", "Unit": "Count" },
            { "Name": "ReasoningTokens", "Unit": "Count" },
        ])
    );
    assert!(turn["TimeToFirstWord"].as_u64() <= turn["TurnTime"].as_u64());
    let log = stage.agent().log(&thread).await;
    assert_eq!(turn["InputTokens"], log[1]["usage"]["input"]);
    assert_eq!(turn["OutputTokens"], log[1]["usage"]["output"]);
    // Nothing says who it was.
    assert!(!turn.to_string().contains("acme") && !turn.to_string().contains(&thread));
}

#[tokio::test]
async fn a_hand_over_has_its_reason_and_a_claim_its_wait() {
    let (stage, turned, lines) = stage().await;
    let (customer, agent) = (stage.customer(), stage.agent());
    let (asked, failed) = (stage.thread().await, stage.thread().await);
    customer.escalates(&asked).await.expect(200);
    customer.escalates(&asked).await.expect(200);
    stage.openai_goes_down();
    customer.says(&failed, "Hello").await.expect(202);
    let reasons: Vec<_> = lines.with("HandOvers").iter().map(|line| line["Reason"].clone()).collect();
    assert_eq!(reasons, ["asked", "failure"]);
    let declared = &lines.with("HandOvers")[0]["_aws"]["CloudWatchMetrics"][0];
    assert_eq!(declared["Dimensions"], json!([[], ["Reason"]]));
    turned.by(MINUTE * 3);
    agent.claims(&asked).await.expect(200);
    let waits: Vec<_> = lines.with("Waits").iter().map(|line| line["Waits"].as_u64().unwrap()).collect();
    let [waited] = waits.as_slice() else { panic!("{waits:?}") };
    assert!((180_000..240_000).contains(waited), "{waited} ms");
    // From the bot there was no wait.
    let taken = stage.thread().await;
    agent.claims(&taken).await.expect(200);
    assert_eq!(lines.with("Waits").len(), 1);
}

#[tokio::test]
async fn a_long_wait_is_reported_once_and_anew_after_another_hand_over() {
    let (stage, turned, lines) = stage().await;
    let (customer, agent, thread) = (stage.customer(), stage.agent(), stage.thread().await);
    customer.escalates(&thread).await.expect(200);
    turned.by(MINUTE * 9);
    stage.sweeps().await;
    assert_eq!(lines.with("LongWaits").len(), 0);
    turned.by(MINUTE);
    stage.sweeps().await;
    stage.sweeps().await;
    assert_eq!(lines.with("LongWaits").len(), 1);
    assert_eq!(customer.reads(&thread).await["status"], "queued");
    agent.claims(&thread).await.expect(200);
    agent.releases(&thread, "queue").await.expect(200);
    turned.by(MINUTE * 10);
    stage.sweeps().await;
    assert_eq!(lines.with("LongWaits").len(), 2);
}

#[tokio::test]
async fn an_answer_that_nobody_gets_is_counted() {
    let (stage, _, lines) = stage().await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    let hold = stage.hold_after(2);
    let (said, ()) = tokio::join!(customer.says(&thread, "Hello"), async {
        hold.begun().await;
        stage.agent().claims(&thread).await.expect(200);
        hold.release();
    });
    said.expect(202);
    assert_eq!(lines.with("DiscardedAnswers").len(), 1);
    assert_eq!(lines.with("Turns").len(), 0);
}

#[tokio::test]
async fn a_sweep_says_how_much_was_due_and_for_how_long() {
    let (stage, turned, lines) = stage().await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    customer.escalates(&thread).await.expect(200);
    stage.sweeps().await;
    let idle = &lines.with("OldestDueWork")[0];
    assert_eq!((&idle["OldestDueWork"], &idle["DueWork"]), (&json!(0), &json!(null)));
    turned.by(MINUTE * 12);
    stage.sweeps().await;
    let busy = &lines.with("OldestDueWork")[1];
    assert_eq!((&busy["DueWork"], &busy["FailedWork"]), (&json!(1), &json!(null)));
    let oldest = busy["OldestDueWork"].as_u64().unwrap();
    assert!((120..180).contains(&oldest), "{oldest} s");
}

#[tokio::test]
async fn a_run_that_has_renewed_its_lease_is_no_due_work() {
    let (stage, turned, lines) = stage().await;
    let (customer, thread, store) = (stage.customer(), stage.thread().await, &stage.board.app().store);
    let hold = stage.hold();
    let (said, ()) = tokio::join!(customer.says(&thread, "Hello"), async {
        hold.begun().await;
        let begun = stage.stored(&thread).await;
        let run = begun.run.clone().unwrap();
        // The index goes on listing the thread by the first lease.
        assert!(store.run_renew(&begun, &run.id, run.lease_until + MINUTE * 12).await.unwrap());
        turned.by(MINUTE * 11);
        stage.sweeps().await;
        hold.release();
    });
    said.expect(200);
    let sweeps = lines.with("OldestDueWork");
    let [sweep] = sweeps.as_slice() else { panic!("{sweeps:?}") };
    assert_eq!((&sweep["OldestDueWork"], &sweep["DueWork"]), (&json!(0), &json!(null)));
}

#[tokio::test]
async fn whoever_is_over_a_limit_is_counted() {
    let (stage, _, lines) = stage().await;
    let chatbot = stage.public_chatbot().await;
    for _ in 0..300 {
        stage.anon().visits(&chatbot).await.expect(201);
    }
    stage.anon().visits(&chatbot).await.expect(429);
    assert_eq!(lines.with("OverBudget").len(), 1);
}
