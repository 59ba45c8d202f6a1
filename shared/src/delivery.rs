//! Posting changes of owner to a chatbot's webhook, at least once and in no order: the receiver goes by the `seq` of
//! the message.

use std::time::Duration;

use crate::{
    App, Error,
    domain::{ThreadMetadata, Webhook, thread::Changed},
    store::WebhookDelivery,
};

/// The delay before the sweep may retry a delivery: the attempt at once has timed out by then.
const FIRST_SWEEP_DELAY: Duration = Duration::from_secs(10);

impl App {
    /// The delivery of a change, where the chatbot has a webhook; to be written with the change.
    pub async fn delivery(
        &self,
        changed: &Changed,
        metadata: &ThreadMetadata,
    ) -> Result<Option<WebhookDelivery>, Error> {
        let Some(delivery) = self.delivery_to_any_webhook(changed, metadata) else { return Ok(None) };
        let webhook = self.webhook_of(&delivery).await?;
        Ok(webhook.map(|_| delivery))
    }

    /// The same for a caller that knows of the webhook. `None` for a change back to the bot.
    pub fn delivery_to_any_webhook(&self, changed: &Changed, metadata: &ThreadMetadata) -> Option<WebhookDelivery> {
        WebhookDelivery::of(changed, metadata, self.now() + FIRST_SWEEP_DELAY)
    }

    /// Posts a delivery and deletes it from the outbox. `false`: the webhook failed and the delivery stays due. Where
    /// the chatbot has no webhook any more, the delivery is dropped.
    pub async fn deliver_webhook(&self, delivery: &WebhookDelivery) -> Result<bool, Error> {
        if let Some(webhook) = self.webhook_of(delivery).await? {
            let posted = self.webhooks.post(&webhook, delivery.id.as_str(), self.now(), delivery.body.clone()).await;
            if let Err(error) = posted {
                let (thread, chatbot) = (&delivery.thread_id, &delivery.chatbot_id);
                tracing::warn!(thread.id = %thread, chatbot.id = %chatbot, %error, "a webhook delivery failed");
                return Ok(false);
            }
        }
        self.store.outbox_delete(&delivery.clone().into()).await?;
        Ok(true)
    }

    async fn webhook_of(&self, delivery: &WebhookDelivery) -> Result<Option<Webhook>, Error> {
        let chatbot = self.store.chatbot_get(&delivery.tenant, &delivery.chatbot_id).await?;
        Ok(chatbot.and_then(|chatbot| chatbot.webhook))
    }
}
