//! Due work: the sparse `due` index finds it, and a consistent read decides on it, because the index lags.

use aws_sdk_dynamodb::types::AttributeValue::S;

use super::{
    Store,
    key::{self, Key},
    outcome::condition_met,
    read::{Query, SortKey},
    row::{self, Item, text},
};
use crate::{
    Error,
    domain::{At, Thread, ThreadId, Timeouts},
};

/// A page of one shard of the index, by due time.
pub struct DuePage {
    pub items: Vec<DueItem>,
    /// The cursor of the next page.
    pub next: Option<DueCursor>,
}

/// An item that the index lists as due.
pub struct DueItem {
    pub key: Key,
    /// The time since which the index has listed it.
    pub since: At,
}

pub struct DueCursor(Item);

/// A thread that the index lists as due, as it is in the table.
pub enum DueThread {
    Thread(Box<Thread>),
    /// It was deleted, and its log may still exist.
    Tombstone,
    /// It is gone or no longer due: the index lagged.
    Settled,
}

impl Store {
    /// At most `limit` items of `shard` that are due at `now`. Some of them may be done already.
    pub async fn due_page(
        &self,
        shard: &str,
        now: At,
        from: Option<DueCursor>,
        limit: usize,
    ) -> Result<DuePage, Error> {
        let query = Query {
            index: Some("due"),
            partition: shard.to_owned(),
            sort: Some(SortKey::AtMost(now.to_string())),
            limit: Some(limit),
            start: from.map(|cursor| cursor.0),
            ..Query::default()
        };
        let page = self.query(query).await?;
        let due = |item: &Item| DueItem {
            key: Key { pk: text(item, "pk").into(), sk: text(item, "sk").into() },
            since: text(item, "due_sk").parse().unwrap_or(now),
        };
        Ok(DuePage { items: page.items.iter().map(due).collect(), next: page.next.map(DueCursor) })
    }

    pub async fn due_thread_get(&self, tenant: &str, id: &ThreadId, now: At) -> Result<DueThread, Error> {
        let due = |item: &Item| item.contains_key("due_sk") && *text(item, "due_sk") <= *now.to_string();
        match self.get(key::thread(tenant, id)).await?.filter(due) {
            None => Ok(DueThread::Settled),
            Some(item) if row::is_tombstone(&item) => Ok(DueThread::Tombstone),
            Some(item) => Ok(DueThread::Thread(Box::new(row::read(item)?))),
        }
    }

    /// Postpones a tombstone: the sweep looks at it again after `due`.
    pub async fn tombstone_postpone(&self, tenant: &str, id: &ThreadId, due: At) -> Result<(), Error> {
        let postponed = self
            .dynamo
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key::thread(tenant, id).attributes()))
            .update_expression("SET #at = :at")
            .condition_expression("attribute_exists(#tombstone)")
            .expression_attribute_names("#at", "due_sk")
            .expression_attribute_names("#tombstone", "tombstone")
            .expression_attribute_values(":at", S(due.to_string()))
            .send()
            .await;
        // A tombstone that was purged meanwhile needs no other look.
        condition_met(postponed).map(|_| ())
    }

    /// The timeouts that due times are computed with.
    pub fn timeouts(&self) -> &Timeouts {
        &self.timeouts
    }
}
