//! Attempting what the outbox holds: at once after the change that wrote it, and from the sweep.

use std::time::Duration;

use futures::future::join_all;
use tokio::time::timeout;

use crate::{App, Error, store::OutboxItem};

/// Timeout of the first delivery, which runs before the response, because Lambda freezes a function that has responded.
const FIRST_DELIVERY_TIMEOUT: Duration = Duration::from_secs(3);

impl App {
    /// Attempts an item and deletes it when it has succeeded. `false`: it stays due.
    pub async fn attempt(&self, item: &OutboxItem) -> Result<bool, Error> {
        match item {
            OutboxItem::Cleanup(cleanup) => Ok(self.clean_up(cleanup).await),
            OutboxItem::Delivery(delivery) => self.deliver_webhook(delivery).await,
        }
    }

    /// Attempts what a change has just written, all of it at the same time. Items that fail stay due.
    pub async fn attempt_at_once(&self, items: &[OutboxItem]) {
        join_all(items.iter().map(|item| self.first_attempt(item))).await;
    }

    async fn first_attempt(&self, item: &OutboxItem) {
        match item {
            OutboxItem::Cleanup(cleanup) => _ = self.clean_up(cleanup).await,
            OutboxItem::Delivery(delivery) => {
                let delivered = timeout(FIRST_DELIVERY_TIMEOUT, self.deliver_webhook(delivery)).await;
                if !matches!(delivered, Ok(Ok(true))) {
                    tracing::info!(thread.id = %delivery.thread_id, "a webhook delivery was postponed; will retry");
                }
            }
        }
    }
}
