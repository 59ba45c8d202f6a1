//! What is due: found through the sparse index, which lags, and decided on what a consistent read then says.

use aws_sdk_dynamodb::{error::ProvideErrorMetadata, types::AttributeValue::S};

use super::{
    Store,
    key::{self, Key},
    refused,
    row::{self, Item, text},
};
use crate::{
    Error,
    domain::{At, Thread, ThreadId, Timeouts},
};

/// A page of one shard of the index, in the order in which things became due.
pub struct DuePage {
    pub keys: Vec<Key>,
    /// Where the next page begins.
    pub next: Option<DueCursor>,
}

pub struct DueCursor(Item);

/// A thread that the index gave, as it is in the table.
pub enum DueThread {
    Thread(Box<Thread>),
    /// It was deleted, and its log may still be there.
    Tombstone,
    /// It is gone, or due no more: the index had not heard of it yet.
    Settled,
}

impl Store {
    /// At most `limit` items of `shard` that were due at `now`. What is in the index may have been done already.
    pub async fn due_page(&self, shard: &str, now: At, from: Option<DueCursor>, limit: i32) -> Result<DuePage, Error> {
        let page = self
            .dynamo
            .query()
            .table_name(&self.table)
            .index_name("due")
            .key_condition_expression("#shard = :shard AND #at <= :now")
            .expression_attribute_names("#shard", "due_pk")
            .expression_attribute_names("#at", "due_sk")
            .expression_attribute_values(":shard", S(shard.into()))
            .expression_attribute_values(":now", S(now.to_string()))
            .set_exclusive_start_key(from.map(|cursor| cursor.0))
            .limit(limit)
            .send()
            .await
            .map_err(refused)?;
        let key = |item: &Item| Key { pk: text(item, "pk").into(), sk: text(item, "sk").into() };
        let keys = page.items.unwrap_or_default().iter().map(key).collect();
        Ok(DuePage { keys, next: page.last_evaluated_key.map(DueCursor) })
    }

    pub async fn due_thread_get(&self, tenant: &str, id: &ThreadId, now: At) -> Result<DueThread, Error> {
        let due = |item: &Item| item.contains_key("due_sk") && *text(item, "due_sk") <= *now.to_string();
        match self.get(key::thread(tenant, id)).await?.filter(due) {
            None => Ok(DueThread::Settled),
            Some(item) if row::is_tombstone(&item) => Ok(DueThread::Tombstone),
            Some(item) => Ok(DueThread::Thread(Box::new(row::read(item)?))),
        }
    }

    /// Has a tombstone looked at again no earlier than `due`.
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
        match postponed {
            Ok(_) => Ok(()),
            // Emptied meanwhile.
            Err(error) if error.code() == Some("ConditionalCheckFailedException") => Ok(()),
            Err(error) => Err(refused(error)),
        }
    }

    /// What threads' duties are reckoned with.
    pub fn timeouts(&self) -> &Timeouts {
        &self.timeouts
    }
}
