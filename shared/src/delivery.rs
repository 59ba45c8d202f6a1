//! Telling a chatbot's webhook that the line has changed hands, at least once and in no order: who takes a notice goes
//! by the `seq` of its message.

use std::time::Duration;

use tokio::time::timeout;

use crate::{
    App, Error,
    domain::{ThreadMetadata, Webhook, thread::Changed},
    store::WebhookDelivery,
};

/// How long "at once" may take: whoever changed the owner waits for it, since a function that has answered is frozen.
const FIRST_DELIVERY_TIMEOUT: Duration = Duration::from_secs(3);

/// When the sweep may come to it: after those who try it at once.
const FIRST_SWEEP_DELAY: Duration = Duration::from_secs(10);

impl App {
    /// What the chatbot's webhook, if it has one, is owed of a change; to be written with it.
    pub async fn delivery(
        &self,
        changed: &Changed,
        metadata: &ThreadMetadata,
    ) -> Result<Option<WebhookDelivery>, Error> {
        let Some(delivery) = self.delivery_if(changed, metadata) else { return Ok(None) };
        let webhook = self.webhook_of(&delivery).await?;
        Ok(webhook.map(|_| delivery))
    }

    /// The same where somebody else knows that there is a webhook. `None`: the bot speaks again.
    pub fn delivery_if(&self, changed: &Changed, metadata: &ThreadMetadata) -> Option<WebhookDelivery> {
        WebhookDelivery::of(changed, metadata, self.now() + FIRST_SWEEP_DELAY)
    }

    /// Tells a notice that has just been written. Where that fails it stays due.
    pub async fn notify(&self, delivery: Option<&WebhookDelivery>) {
        let Some(delivery) = delivery else { return };
        let told = timeout(FIRST_DELIVERY_TIMEOUT, self.deliver_webhook(delivery)).await;
        if !matches!(told, Ok(Ok(true))) {
            tracing::info!(thread.id = %delivery.thread_id, "a notice has to wait");
        }
    }

    /// Posts the notice and forgets it, or says `false`. One whose webhook is gone is told nobody, and that is that.
    pub async fn deliver_webhook(&self, delivery: &WebhookDelivery) -> Result<bool, Error> {
        if let Some(webhook) = self.webhook_of(delivery).await? {
            let posted = self.webhooks.post(&webhook, delivery.id.as_str(), self.now(), delivery.body.clone()).await;
            if let Err(error) = posted {
                let (thread, chatbot) = (&delivery.thread_id, &delivery.chatbot_id);
                tracing::warn!(thread.id = %thread, chatbot.id = %chatbot, %error, "a webhook was not told");
                return Ok(false);
            }
        }
        self.store.delivery_delete(delivery).await?;
        Ok(true)
    }

    async fn webhook_of(&self, delivery: &WebhookDelivery) -> Result<Option<Webhook>, Error> {
        let chatbot = self.store.chatbot_get(&delivery.tenant, &delivery.chatbot_id).await?;
        Ok(chatbot.and_then(|chatbot| chatbot.webhook))
    }
}
