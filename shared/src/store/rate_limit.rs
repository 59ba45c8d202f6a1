//! The rate limit of visitors' tokens. Requests are counted with conditional writes, separately for each address, so
//! that no address can lock out another.

use super::{Store, key, outcome::condition_met, row};
use crate::{Error, domain::At};

/// Length of a window: ten minutes.
const WINDOW_SECONDS: i64 = 10 * 60;

impl Store {
    /// Counts a request for a token, of which an address gets `max` in ten minutes. Over the limit,
    /// [`Error::OverBudget`] says the seconds until the next window.
    pub async fn visitor_token_count(&self, tenant: &str, address: &str, max: u64, now: At) -> Result<(), Error> {
        let window = now.seconds() - now.seconds().rem_euclid(WINDOW_SECONDS);
        let ends = window + WINDOW_SECONDS;
        let counted = self
            .dynamo
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key::visitor_tokens(tenant, address, window).attributes()))
            .update_expression("ADD #count :one SET #expires = :expires")
            .condition_expression("attribute_not_exists(#count) OR #count < :max")
            .expression_attribute_names("#count", "count")
            .expression_attribute_names("#expires", "expires_at")
            .expression_attribute_values(":one", row::number(1))
            .expression_attribute_values(":max", row::number(max))
            .expression_attribute_values(":expires", row::number(ends))
            .send()
            .await;
        if condition_met(counted)? {
            return Ok(());
        }
        let retry_after = u64::try_from(ends - now.seconds()).unwrap_or(1);
        Err(Error::OverBudget { exceeded: "address.visitor_tokens".into(), limit: max, retry_after })
    }
}
