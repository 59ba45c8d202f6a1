//! Reading items: one, or all that begin alike. Always consistently: what was decided on a stale read would be refused.

use aws_sdk_dynamodb::types::AttributeValue::S;

use super::{Store, key::Key, refused, row::Item};
use crate::Error;

impl Store {
    pub(super) async fn get(&self, key: Key) -> Result<Option<Item>, Error> {
        let get = self.dynamo.get_item().table_name(&self.table).set_key(Some(key.attributes())).consistent_read(true);
        Ok(get.send().await.map_err(refused)?.item)
    }

    /// The items of a partition whose sort keys begin with `prefix`, in their order, however many pages they fill.
    pub(super) async fn get_beginning(&self, partition: &str, prefix: &str) -> Result<Vec<Item>, Error> {
        let query = self
            .dynamo
            .query()
            .table_name(&self.table)
            .consistent_read(true)
            .key_condition_expression("#pk = :pk AND begins_with(#sk, :prefix)")
            .expression_attribute_names("#pk", "pk")
            .expression_attribute_names("#sk", "sk")
            .expression_attribute_values(":pk", S(partition.into()))
            .expression_attribute_values(":prefix", S(prefix.into()));
        let mut items = Vec::new();
        let mut start = None;
        loop {
            let page = query.clone().set_exclusive_start_key(start).send().await.map_err(refused)?;
            items.extend(page.items.unwrap_or_default());
            start = page.last_evaluated_key;
            if start.is_none() {
                return Ok(items);
            }
        }
    }
}
