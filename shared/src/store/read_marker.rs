//! How far people have read: a mark for each of them and each thread, which only moves forward.

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

/// A mark that was not moved for so long goes, by the table's TTL: half a year.
const READ_MARKER_LIFETIME: Duration = Duration::from_hours(180 * 24);

impl Store {
    /// Moves somebody's mark forward to `seq`. `false`: it is there already, or further.
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
            .set_key(Some(key::mark(tenant, id, subject).attributes()))
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

    /// How far somebody has read these threads; without those of which they have read nothing. A mark that is a moment old
    /// will do.
    pub async fn read_markers_get(
        &self,
        tenant: &str,
        ids: impl Iterator<Item = &ThreadId>,
        subject: &str,
    ) -> Result<HashMap<ThreadId, u64>, Error> {
        let ids: HashMap<_, _> = ids.map(|id| (key::mark(tenant, id, subject).pk, id.clone())).collect();
        let keys = ids.values().map(|id| key::mark(tenant, id, subject)).collect();
        let marks = self.get_all(keys, false).await?;
        let mark = |item: &row::Item| {
            let seq = item.get("seq")?.as_n().ok()?.parse().ok()?;
            Some((ids.get(text(item, "pk"))?.clone(), seq))
        };
        Ok(marks.iter().filter_map(mark).collect())
    }
}
