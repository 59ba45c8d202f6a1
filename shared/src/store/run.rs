//! Runs: renewing a lease, and reading whether it still holds.

use aws_sdk_dynamodb::types::AttributeValue::S;

use super::{Store, Subscriber, key, outcome::condition_met, read::SortKey, row};
use crate::{
    Error,
    domain::{At, RunId, Thread},
};

impl Store {
    /// Renews a run's lease. `false` where the run has lost the line. Does not raise the version, so that it conflicts
    /// with no other write: those that replace a run compare its lease instead.
    pub async fn run_renew(&self, thread: &Thread, run: &RunId, until: At) -> Result<bool, Error> {
        let renewed = self
            .dynamo
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key::thread(&thread.tenant, &thread.id).attributes()))
            .update_expression("SET #run.#lease = :until")
            .condition_expression("#run.#id = :run AND #epoch = :epoch")
            .expression_attribute_names("#run", "run")
            .expression_attribute_names("#lease", "lease_until")
            .expression_attribute_names("#id", "id")
            .expression_attribute_names("#epoch", "epoch")
            .expression_attribute_values(":until", S(until.to_string()))
            .expression_attribute_values(":run", S(run.to_string()))
            .expression_attribute_values(":epoch", row::number(thread.epoch))
            .send()
            .await;
        condition_met(renewed)
    }

    /// The sockets that listen to a run's thread; `None` where the run has lost the line. One consistent read: the
    /// thread's item follows its subscriptions in their partition.
    pub async fn run_look(&self, thread: &Thread, run: &RunId) -> Result<Option<Vec<Subscriber>>, Error> {
        let partition = key::thread_partition(&thread.tenant, &thread.id);
        let range = SortKey::Between(key::SUBSCRIPTION.into(), key::THREAD.into());
        let mut items = self.query_all(partition, Some(range)).await?;
        let is_held = items.pop().is_some_and(|item| {
            let held = item.get("run").and_then(|held| held.as_m().ok()?.get("id")?.as_s().ok());
            held.is_some_and(|held| *held == run.to_string()) && item.get("epoch") == Some(&row::number(thread.epoch))
        });
        let subscribers = items.into_iter().map(row::read).collect::<Result<_, _>>()?;
        Ok(is_held.then_some(subscribers))
    }
}
