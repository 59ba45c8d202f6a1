//! A check that each thread has at most one live run, made on the wire to the table.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex},
};

use serde_json::Value;
use shared::{domain::At, store::key};

use super::clock::SimulatedClock;
use crate::wire::lock;

/// The runs that hold threads, according to the writes that the table took.
#[derive(Clone, Debug)]
pub(super) struct Leases(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    clock: SimulatedClock,
    held: Mutex<HashMap<String, (String, At)>>,
    /// The tokens of the transactions seen so far: one that comes again is answered, and writes nothing.
    tokens: Mutex<HashSet<String>>,
    breaches: Mutex<Vec<String>>,
}

impl Leases {
    pub(super) fn new(clock: SimulatedClock) -> Self {
        Self(Arc::new(Inner { clock, held: Mutex::default(), tokens: Mutex::default(), breaches: Mutex::default() }))
    }

    /// Reads the leases in a write that succeeded.
    pub(super) fn wrote(&self, asked: &Value) {
        let token = asked["ClientRequestToken"].as_str().map(str::to_owned);
        if token.is_some_and(|token| !lock(&self.0.tokens).insert(token)) {
            return;
        }
        for item in asked["TransactItems"].as_array().into_iter().flatten() {
            let item = &item["Put"]["Item"];
            if item["sk"]["S"] == key::THREAD {
                self.holds(text(&item["pk"]), &item["run"]["M"]);
            }
        }
        // A renewal: the only update that names a run.
        if let (Some(run), Some(until)) = values(asked) {
            let mut held = lock(&self.0.held);
            if let Some(lease) = held.get_mut(text(&asked["Key"]["pk"])).filter(|(held, _)| held == run) {
                lease.1 = until;
            }
        }
    }

    fn holds(&self, thread: &str, run: &Value) {
        let now = self.0.clock.now();
        let before = lock(&self.0.held).remove(thread);
        let Some(until) = time(&run["lease_until"]) else { return };
        let run = text(&run["id"]).to_owned();
        if let Some((held, lease)) = before.filter(|(held, lease)| *held != run && *lease > now) {
            let breach = format!("{run} took {thread} from {held}, whose lease lasts until {lease}");
            lock(&self.0.breaches).push(breach);
        }
        lock(&self.0.held).insert(thread.to_owned(), (run, until));
    }

    /// The first violation: a thread that had two live runs.
    pub(super) fn breach(&self) -> Option<String> {
        lock(&self.0.breaches).first().cloned()
    }
}

fn values(asked: &Value) -> (Option<&str>, Option<At>) {
    let values = &asked["ExpressionAttributeValues"];
    (values[":run"]["S"].as_str(), time(&values[":until"]))
}

fn text(attribute: &Value) -> &str {
    attribute["S"].as_str().unwrap_or_default()
}

fn time(attribute: &Value) -> Option<At> {
    attribute["S"].as_str()?.parse().ok()
}
