//! Budgets: turns, tokens, messages, threads and escalations, each counted before it happens.

mod counters;
mod turns;
mod usage;

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering::SeqCst},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use local::Options;
use serde_json::Value;
use shared::{
    Clock,
    domain::{
        At,
        budget::{Budget, BudgetSettings, Limits},
    },
};

use tests::{openai::brisk, persona::Answer, stage::Stage};

/// Seconds of a day.
const DAY: u64 = 24 * 60 * 60;

/// A clock that stands still at noon, until a test moves it: the hour of a run must not decide
/// whether a story ends on the next day.
#[derive(Clone)]
struct Stopped(Arc<AtomicI64>);

impl Stopped {
    /// The noon that comes next.
    fn at_noon() -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let noon = (now + DAY / 2) / DAY * DAY + DAY / 2;
        Self(Arc::new(AtomicI64::new(i64::try_from(noon).unwrap())))
    }

    fn advance(&self, by: Duration) {
        self.0.fetch_add(i64::try_from(by.as_secs()).unwrap(), SeqCst);
    }

    fn now(&self) -> At {
        At::from_seconds(self.0.load(SeqCst))
    }

    fn clock(&self) -> Clock {
        let stopped = self.clone();
        Clock::new(move || stopped.now())
    }
}

/// No limits but those of customers.
fn for_customers(limits: &[(Budget, u64)]) -> BudgetSettings {
    BudgetSettings { customer: limits_of(limits), ..BudgetSettings::OFF }
}

fn limits_of(limits: &[(Budget, u64)]) -> Limits {
    limits.iter().fold(Limits::default(), |all, (budget, limit)| all.with(*budget, *limit))
}

async fn stage_with(budgets: BudgetSettings) -> (Stage, Stopped) {
    let stopped = Stopped::at_noon();
    (Stage::with(Options { budgets, clock: stopped.clock(), ..brisk() }).await, stopped)
}

/// The budget that a 429 names.
fn exceeded(answer: Answer) -> String {
    let name = answer.body["exceeded"].as_str().unwrap_or_default().to_owned();
    let after: u64 = answer.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=86_400).contains(&after), "{after}");
    answer.problem(429, "over_budget");
    name
}

fn reason(thread: &Value) -> &str {
    thread["reason"].as_str().unwrap_or_default()
}
