//! The counters of budgets, as they are in the table.

use std::collections::HashMap;

use aws_sdk_dynamodb::{Client, types::AttributeValue};
use local::TABLE;

/// The turns and tokens that are counted in the account whose partition is `pk`, on all days.
pub async fn counters(table: &Client, pk: &str) -> (i64, i64) {
    let days = table.query().table_name(TABLE).key_condition_expression("pk = :pk AND begins_with(sk, :budget)");
    let days = days.expression_attribute_values(":pk", AttributeValue::S(pk.to_owned()));
    let days = days.expression_attribute_values(":budget", AttributeValue::S("BUDGET#".to_owned()));
    let days = days.send().await.expect("the table answers").items.unwrap_or_default();
    let count = |name: &str| {
        let count = |day: &HashMap<String, AttributeValue>| day.get(name)?.as_n().ok()?.parse::<i64>().ok();
        days.iter().filter_map(count).sum()
    };
    (count("turns"), count("tokens"))
}
