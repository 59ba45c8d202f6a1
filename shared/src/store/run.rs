//! A run's lease.

use aws_sdk_dynamodb::{error::ProvideErrorMetadata, types::AttributeValue::S};

use super::{Store, key, refused, row};
use crate::{
    Error,
    domain::{At, RunId, Thread},
};

impl Store {
    /// Holds the line a while longer. `false`: the run is lost. Does not raise the version, so that it is in nobody's
    /// way: those who write over a run compare its lease instead.
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
        match renewed {
            Ok(_) => Ok(true),
            Err(error) if error.code() == Some("ConditionalCheckFailedException") => Ok(false),
            Err(error) => Err(refused(error)),
        }
    }

    /// Whether the line is still the run's: the cheapest consistent read.
    pub async fn run_is_held(&self, thread: &Thread, run: &RunId) -> Result<bool, Error> {
        let read = self
            .dynamo
            .get_item()
            .table_name(&self.table)
            .set_key(Some(key::thread(&thread.tenant, &thread.id).attributes()))
            .consistent_read(true)
            .projection_expression("#run.#id, #epoch")
            .expression_attribute_names("#run", "run")
            .expression_attribute_names("#id", "id")
            .expression_attribute_names("#epoch", "epoch")
            .send()
            .await
            .map_err(refused)?;
        let item = read.item.unwrap_or_default();
        let held = item.get("run").and_then(|held| held.as_m().ok()?.get("id")?.as_s().ok());
        Ok(held.is_some_and(|held| *held == run.to_string()) && item.get("epoch") == Some(&row::number(thread.epoch)))
    }
}
