//! Read markers: the position up to which a person has read a thread. They only move forward.

use std::{collections::HashMap, time::Duration};

use super::{
    Store, key,
    outcome::condition_met,
    row::{self, text},
};
use crate::{
    Error,
    domain::{At, ThreadId},
};

/// Lifetime of a read marker since it last moved, enforced by the table's TTL: half a year.
const READ_MARKER_LIFETIME: Duration = Duration::from_hours(180 * 24);

impl Store {
    /// Moves a person's read marker forward to `seq`. Returns `false` if it is already there or further.
    pub async fn read_marker_put(
        &self,
        tenant: &str,
        id: &ThreadId,
        subject: &str,
        seq: u64,
        now: At,
    ) -> Result<bool, Error> {
        let moved = self
            .dynamo
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key::read_marker(tenant, id, subject).attributes()))
            .update_expression("SET #seq = :seq, #expires = :expires")
            .condition_expression("attribute_not_exists(#seq) OR #seq < :seq")
            .expression_attribute_names("#seq", "seq")
            .expression_attribute_names("#expires", "expires_at")
            .expression_attribute_values(":seq", row::number(seq))
            .expression_attribute_values(":expires", row::number((now + READ_MARKER_LIFETIME).seconds()))
            .send()
            .await;
        condition_met(moved)
    }

    /// A person's read markers in these threads, without those that do not exist. The read is eventually consistent: a
    /// marker that is a moment old will do.
    pub async fn read_markers_get(
        &self,
        tenant: &str,
        ids: impl Iterator<Item = &ThreadId>,
        subject: &str,
    ) -> Result<HashMap<ThreadId, u64>, Error> {
        let ids: HashMap<_, _> = ids.map(|id| (key::read_marker(tenant, id, subject).pk, id.clone())).collect();
        let keys = ids.values().map(|id| key::read_marker(tenant, id, subject)).collect();
        let markers = self.get_all(keys, false).await?;
        let marker = |item: &row::Item| {
            let seq = item.get("seq")?.as_n().ok()?.parse().ok()?;
            Some((ids.get(text(item, "pk"))?.clone(), seq))
        };
        Ok(markers.iter().filter_map(marker).collect())
    }
}
