//! The outbox: the items of a change of owner, and attempting them, at once after the change and from the sweep.

use std::time::Duration;

use futures::future::join_all;
use tokio::time::timeout;

use crate::{
    App, Error,
    domain::{Status, ThreadMetadata, thread::Changed},
    store::{OutboxItem, TopicNotice, WebhookDelivery},
};

/// Timeout of telling another server at once. That is before the response, because Lambda freezes a function that has
/// responded.
const FIRST_ATTEMPT_TIMEOUT: Duration = Duration::from_secs(3);

/// The delay before the sweep may retry: the attempt at once has timed out by then.
const FIRST_SWEEP_DELAY: Duration = Duration::from_secs(10);

impl App {
    /// The items that tell others of a change, to be written with it: the chatbot's webhook, if it has one, and the
    /// topic, if there is one and the thread goes into the queue.
    pub async fn outbox_of(&self, changed: &Changed, metadata: &ThreadMetadata) -> Result<Vec<OutboxItem>, Error> {
        let thread = &changed.thread;
        let has_webhook = !matches!(thread.status, Status::Bot { .. })
            && self.webhook_of(&thread.tenant, &thread.chatbot_id).await?.is_some();
        Ok(self.outbox_where(changed, metadata, has_webhook))
    }

    /// The same for a caller that knows whether the chatbot has a webhook.
    pub fn outbox_where(&self, changed: &Changed, metadata: &ThreadMetadata, has_webhook: bool) -> Vec<OutboxItem> {
        let due = self.now() + FIRST_SWEEP_DELAY;
        let delivery = has_webhook.then(|| WebhookDelivery::of(changed, metadata, due)).flatten();
        let notice = self.queued_topic.as_ref().and_then(|_| TopicNotice::of(changed, metadata, due));
        delivery.map(OutboxItem::from).into_iter().chain(notice.map(OutboxItem::from)).collect()
    }

    /// Attempts an item and deletes it when it has succeeded. `false`: it stays due.
    pub async fn attempt(&self, item: &OutboxItem) -> Result<bool, Error> {
        match item {
            OutboxItem::Cleanup(cleanup) => Ok(self.clean_up(cleanup).await),
            OutboxItem::Delivery(delivery) => self.deliver_webhook(delivery).await,
            OutboxItem::Notice(notice) => self.publish_notice(notice).await,
        }
    }

    /// Attempts what a change has just written, all of it at the same time. Items that fail stay due.
    pub async fn attempt_at_once(&self, items: &[OutboxItem]) {
        join_all(items.iter().map(|item| self.first_attempt(item))).await;
    }

    async fn first_attempt(&self, item: &OutboxItem) {
        let (call, thread) = match item {
            OutboxItem::Cleanup(cleanup) => {
                self.clean_up(cleanup).await;
                return;
            }
            OutboxItem::Delivery(delivery) => ("a webhook delivery", &delivery.thread_id),
            OutboxItem::Notice(notice) => ("a notice to the topic", &notice.thread_id),
        };
        let attempted = timeout(FIRST_ATTEMPT_TIMEOUT, self.attempt(item)).await;
        if !matches!(attempted, Ok(Ok(true))) {
            tracing::info!(thread.id = %thread, "{call} was postponed; will retry");
        }
    }
}
