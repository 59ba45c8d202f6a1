//! Metrics in CloudWatch's [embedded format][spec]: lines of JSON on stdout, from which CloudWatch makes metrics
//! without a call.
//!
//! [spec]: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format.html

use std::{sync::Arc, time::Duration};

use serde_json::{Map, Value, json};

use crate::domain::{At, Reason, Usage};

/// Something that happened, with its numbers. Nothing here names a tenant, a thread or a person: each value of a
/// dimension is a metric of its own, and is billed as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// The bot replied. `Turns`, `TurnTime`, `TimeToFirstWord` and the tokens, which are absent where the server did
    /// not count them.
    Reply {
        /// From the start of the turn to the model's first word.
        first_word: Duration,
        /// From the start of the turn to the saved reply.
        took: Duration,
        usage: Option<Usage>,
    },
    /// A thread went into the queue. `HandOvers`, in all and by `Reason`.
    HandOver { reason: Reason },
    /// A person took a thread from the queue. `Waits`: the time that the customer had waited there.
    Claim { waited: Duration },
    /// A customer has waited in the queue for long, and still waits. `LongWaits`.
    LongWait,
    /// An answer that had begun, or been asked for, was not kept: the line changed hands. `DiscardedAnswers`.
    Discarded,
    /// A caller was refused because a limit is used up. `OverBudget`.
    OverBudget,
    /// A sweep ended. `OldestDueWork`: the time for which the oldest work had been due; `DueWork` and `FailedWork`
    /// where there was any, because CloudWatch bills a metric by the hours in which it is written.
    Sweep { due: usize, failed: usize, oldest: Duration },
}

/// Writes metrics; without a namespace it writes none.
#[derive(Clone, Default)]
pub struct Metrics(Option<Arc<Target>>);

struct Target {
    namespace: String,
    write: Box<dyn Fn(&str) + Send + Sync>,
}

impl Metrics {
    /// Metrics of this namespace, each a line that `write` is given.
    pub fn new(namespace: String, write: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(Target { namespace, write: Box::new(write) })))
    }

    /// Metrics on stdout, which Lambda passes on to CloudWatch as it is.
    pub fn on_stdout(namespace: String) -> Self {
        Self::new(namespace, |line| println!("{line}"))
    }

    /// Records what happened at `at`.
    pub fn record(&self, at: At, metric: Metric) {
        let Some(target) = &self.0 else { return };
        (target.write)(&metric.line(&target.namespace, at).to_string());
    }
}

/// A name, a unit of CloudWatch's, and a value.
type Number = (&'static str, &'static str, u64);

impl Metric {
    fn line(&self, namespace: &str, at: At) -> Value {
        let (dimension, numbers) = (self.dimension(), self.numbers());
        let mut sets = vec![json!([])];
        sets.extend(dimension.map(|(name, _)| json!([name])));
        let metrics: Vec<_> = numbers.iter().map(|(name, unit, _)| json!({ "Name": name, "Unit": unit })).collect();
        let directive = json!({ "Namespace": namespace, "Dimensions": sets, "Metrics": metrics });
        let mut line = Map::new();
        line.insert("_aws".into(), json!({ "Timestamp": at.millis(), "CloudWatchMetrics": [directive] }));
        line.extend(dimension.map(|(name, value)| (name.to_owned(), json!(value))));
        line.extend(numbers.into_iter().map(|(name, _, value)| (name.to_owned(), json!(value))));
        line.into()
    }

    fn dimension(&self) -> Option<(&'static str, Reason)> {
        match self {
            Self::HandOver { reason } => Some(("Reason", *reason)),
            _ => None,
        }
    }

    fn numbers(&self) -> Vec<Number> {
        let count = |name| vec![(name, "Count", 1)];
        match self {
            Self::Reply { first_word, took, usage } => {
                let mut numbers = count("Turns");
                numbers.push(("TimeToFirstWord", "Milliseconds", millis(*first_word)));
                numbers.push(("TurnTime", "Milliseconds", millis(*took)));
                numbers.extend(usage.iter().flat_map(tokens));
                numbers
            }
            Self::HandOver { .. } => count("HandOvers"),
            Self::Claim { waited } => vec![("Waits", "Milliseconds", millis(*waited))],
            Self::LongWait => count("LongWaits"),
            Self::Discarded => count("DiscardedAnswers"),
            Self::OverBudget => count("OverBudget"),
            Self::Sweep { due, failed, oldest } => {
                let counts = [("DueWork", "Count", count_of(*due)), ("FailedWork", "Count", count_of(*failed))];
                let mut numbers = vec![("OldestDueWork", "Seconds", oldest.as_secs())];
                numbers.extend(counts.into_iter().filter(|(.., count)| *count > 0));
                numbers
            }
        }
    }
}

fn tokens(usage: &Usage) -> [Number; 4] {
    [
        ("InputTokens", "Count", usage.input),
        ("CachedTokens", "Count", usage.cached),
        ("OutputTokens", "Count", usage.output),
        ("ReasoningTokens", "Count", usage.reasoning),
    ]
}

fn millis(duration: Duration) -> u64 {
    duration.as_millis().try_into().unwrap_or(u64::MAX)
}

fn count_of(items: usize) -> u64 {
    items.try_into().unwrap_or(u64::MAX)
}
