//! Reading items: one, many by their keys, or those of a partition.
//!
//! Reads of one item and queries of the table are consistent: a write that rests on an older read would be refused.
//! Batches are consistent where the caller asks for it; queries of an index lag behind the table.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{AttributeValue::S, KeysAndAttributes};

use super::{
    Store,
    key::Key,
    outcome::{backoff, into_error, wait},
    row::{Item, text},
};
use crate::Error;

/// A query of one partition, of the table or of an index: ascending by sort key and without a page limit by default.
#[derive(Default)]
pub(super) struct Query {
    /// The index; the table itself where it is absent.
    pub(super) index: Option<&'static str>,
    pub(super) partition: String,
    pub(super) sort: Option<SortKey>,
    pub(super) newest_first: bool,
    /// The most items that one page reads.
    pub(super) limit: Option<usize>,
    /// The key that the page before ended with.
    pub(super) start: Option<Item>,
    /// The attributes to read; all of them where the list is empty.
    pub(super) attributes: &'static [&'static str],
}

/// The condition on a query's sort key.
#[derive(Clone)]
pub(super) enum SortKey {
    BeginsWith(String),
    /// Both ends included.
    Between(String, String),
    AtMost(String),
}

/// A page of a query, and the key to start the next page from.
pub(super) struct QueryPage {
    pub(super) items: Vec<Item>,
    pub(super) next: Option<Item>,
}

impl Store {
    pub(super) async fn get(&self, key: Key) -> Result<Option<Item>, Error> {
        let get = self.dynamo.get_item().table_name(&self.table).set_key(Some(key.attributes())).consistent_read(true);
        // In a box, like each call that a turn makes: the SDK's future has 16 kB, which would move with all around it.
        Ok(Box::pin(get.send()).await.map_err(into_error)?.item)
    }

    /// One page of a query.
    pub(super) async fn query(&self, query: Query) -> Result<QueryPage, Error> {
        let (partition_name, sort_name) = match query.index {
            Some(index) => (format!("{index}_pk"), format!("{index}_sk")),
            None => ("pk".to_owned(), "sk".to_owned()),
        };
        let mut request = self
            .dynamo
            .query()
            .table_name(&self.table)
            .set_index_name(query.index.map(str::to_owned))
            .consistent_read(query.index.is_none())
            .expression_attribute_names("#pk", partition_name)
            .expression_attribute_values(":pk", S(query.partition))
            .scan_index_forward(!query.newest_first)
            .set_limit(query.limit.map(|limit| i32::try_from(limit).unwrap_or(i32::MAX)))
            .set_exclusive_start_key(query.start);
        if query.sort.is_some() {
            request = request.expression_attribute_names("#sk", sort_name);
        }
        for name in query.attributes {
            request = request.expression_attribute_names(format!("#{name}"), *name);
        }
        if !query.attributes.is_empty() {
            request = request.projection_expression(format!("#{}", query.attributes.join(", #")));
        }
        let (condition, values) = match query.sort {
            None => ("#pk = :pk", [None, None]),
            Some(SortKey::BeginsWith(prefix)) => {
                ("#pk = :pk AND begins_with(#sk, :prefix)", [Some((":prefix", prefix)), None])
            }
            Some(SortKey::Between(from, to)) => {
                ("#pk = :pk AND #sk BETWEEN :from AND :to", [Some((":from", from)), Some((":to", to))])
            }
            Some(SortKey::AtMost(to)) => ("#pk = :pk AND #sk <= :to", [Some((":to", to)), None]),
        };
        for (name, value) in values.into_iter().flatten() {
            request = request.expression_attribute_values(name, S(value));
        }
        let page = Box::pin(request.key_condition_expression(condition).send()).await.map_err(into_error)?;
        Ok(QueryPage { items: page.items.unwrap_or_default(), next: page.last_evaluated_key })
    }

    /// All items of a query, however many pages they fill.
    pub(super) async fn query_all(&self, partition: String, sort: Option<SortKey>) -> Result<Vec<Item>, Error> {
        let (mut items, mut start) = (Vec::new(), None);
        loop {
            let sort = sort.clone();
            let page = self.query(Query { partition: partition.clone(), sort, start, ..Query::default() }).await?;
            items.extend(page.items);
            start = page.next;
            if start.is_none() {
                return Ok(items);
            }
        }
    }

    /// The items of a partition whose sort keys begin with `prefix`, in their order.
    pub(super) async fn get_beginning(&self, partition: &str, prefix: &str) -> Result<Vec<Item>, Error> {
        self.query_all(partition.to_owned(), Some(SortKey::BeginsWith(prefix.to_owned()))).await
    }

    /// Every key of a partition.
    pub(super) async fn partition_keys(&self, partition: &str) -> Result<Vec<Key>, Error> {
        let (mut keys, mut start) = (Vec::new(), None);
        loop {
            let query = Query { partition: partition.to_owned(), attributes: &["pk", "sk"], start, ..Query::default() };
            let page = self.query(query).await?;
            keys.extend(page.items.iter().map(|item| Key { pk: partition.into(), sk: text(item, "sk").into() }));
            start = page.next;
            if start.is_none() {
                return Ok(keys);
            }
        }
    }

    /// Reads the items at `keys`, in no particular order, in batches of 100; keys that DynamoDB leaves unprocessed are
    /// asked again.
    pub(super) async fn get_all(&self, keys: Vec<Key>, consistent: bool) -> Result<Vec<Item>, Error> {
        let keys: Vec<Item> = keys.into_iter().map(Key::attributes).collect();
        let mut items = Vec::with_capacity(keys.len());
        for batch in keys.chunks(100) {
            let wanted = KeysAndAttributes::builder()
                .set_keys(Some(batch.to_vec()))
                .consistent_read(consistent)
                .build()
                .map_err(Error::internal)?;
            let mut left = HashMap::from([(self.table.clone(), wanted)]);
            let mut backoff = backoff();
            loop {
                let got =
                    self.dynamo.batch_get_item().set_request_items(Some(left)).send().await.map_err(into_error)?;
                items.extend(got.responses.unwrap_or_default().into_values().flatten());
                left = got.unprocessed_keys.unwrap_or_default();
                if left.is_empty() {
                    break;
                }
                wait(&mut backoff).await?;
            }
        }
        Ok(items)
    }
}
