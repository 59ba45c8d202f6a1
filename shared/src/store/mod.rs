//! The table: one DynamoDB table for everything, reached through the real SDK in the cloud and on the laptop.
//!
//! A change of a thread is a [`commit`]: one transaction over the thread as it was read. What is legal is the domain's
//! business; the table only decides who came first.

mod audit;
mod budget;
mod chatbot;
mod cleanup;
mod client;
pub mod commit;
mod connection;
pub mod cursor;
mod delivery;
mod due;
mod erasure;
mod idempotency;
pub mod key;
mod log;
mod log_entry;
mod notice;
mod outbox;
mod outcome;
mod rate_limit;
mod read;
mod read_marker;
mod row;
mod run;
mod survey;
mod thread;
mod usage;
mod write;

use aws_sdk_dynamodb::Client;

pub use chatbot::ChatbotWrite;
pub use cleanup::{Cleanup, RemoteObject};
pub use client::ClientRow;
pub use commit::{Commit, Committed, RunCommitted};
pub use connection::{Connection, MAX_SUBSCRIPTIONS, Subscriber};
pub use delivery::WebhookDelivery;
pub use due::{DuePage, DueThread};
pub use erasure::PendingErasure;
pub use idempotency::{Created, Creation, Idempotency};
pub use log::{LastMessages, LogPage, LogPlace};
pub use log_entry::LogEntry;
pub use notice::TopicNotice;
pub use outbox::OutboxItem;
pub use thread::{CustomerThread, ThreadPage};
pub use usage::DailyUsage;

use crate::domain::Timeouts;

#[derive(Clone)]
pub struct Store {
    dynamo: Client,
    table: String,
    timeouts: Timeouts,
}

impl Store {
    pub fn new(dynamo: Client, table: String) -> Self {
        Self { dynamo, table, timeouts: Timeouts::default() }
    }

    /// Sets the timeouts that the due times of threads are computed with.
    #[must_use]
    pub fn with(self, timeouts: Timeouts) -> Self {
        Self { timeouts, ..self }
    }

    /// Opens the connection to the table ahead of its first use, if it can be opened: a read of nothing.
    pub async fn connect(&self) {
        let _ = self.get(key::nowhere()).await;
    }
}
