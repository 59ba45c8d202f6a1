//! The table behind the API, read directly.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use aws_sdk_dynamodb::{Client, types::AttributeValue};
use local::{
    DynamoWire, Options, TABLE,
    dynamo::{self, InProcess},
};
use shared::{
    domain::{Thread, ThreadId},
    store::key,
};

use crate::stage::Stage;

/// A client of the table.
pub struct Table(Client);

impl Table {
    /// A stage with these options, and its table.
    pub async fn of(mut options: Options) -> (Stage, Self) {
        let table = Arc::new(OnceLock::new());
        let seen = Arc::clone(&table);
        options.dynamo = DynamoWire::new(move |inner: InProcess| {
            seen.get_or_init(|| dynamo::client_over(inner.clone()));
            inner
        });
        let stage = Stage::with(options).await;
        (stage, Self(table.get().unwrap().clone()))
    }

    /// The conversations of a thread of `acme` that are still to be deleted at OpenAI.
    pub async fn removals(&self, thread: &str) -> Vec<String> {
        self.sort_keys(thread, key::CLEANUP).await
    }

    /// The ids of the webhook deliveries that a thread of `acme` still has to make.
    pub async fn notices(&self, thread: &str) -> Vec<String> {
        self.sort_keys(thread, key::DELIVERY).await
    }

    /// The ids of the notices that are still to be published to the topic for a thread of `acme`.
    pub async fn topic_notices(&self, thread: &str) -> Vec<String> {
        self.sort_keys(thread, key::NOTICE).await
    }

    /// The sockets that are subscribed to a thread of `acme`.
    pub async fn subscriptions(&self, thread: &str) -> Vec<String> {
        self.sort_keys(thread, key::SUBSCRIPTION).await
    }

    /// Returns once no socket is subscribed to a thread of `acme` any more.
    pub async fn until_nobody_listens(&self, thread: &str) {
        let left = async {
            while !self.subscriptions(thread).await.is_empty() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), left).await.expect("a socket is still subscribed");
    }

    /// The sort keys with `prefix` in a thread's partition, without the prefix.
    async fn sort_keys(&self, thread: &str, prefix: &str) -> Vec<String> {
        let found = self
            .0
            .query()
            .table_name(TABLE)
            .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
            .expression_attribute_values(":pk", AttributeValue::S(key::thread_partition("acme", &id(thread))))
            .expression_attribute_values(":prefix", AttributeValue::S(prefix.into()));
        let found = found.send().await.unwrap();
        let rest = |sk: &AttributeValue| sk.as_s().unwrap()[prefix.len()..].to_owned();
        found.items().iter().map(|item| rest(&item["sk"])).collect()
    }
}

impl Stage {
    /// A thread of `acme` as the table stores it.
    pub async fn stored(&self, thread: &str) -> Thread {
        self.board.app().store.thread_get_bare("acme", &id(thread)).await.unwrap().unwrap()
    }
}

pub fn id(thread: &str) -> ThreadId {
    thread.parse().unwrap()
}
