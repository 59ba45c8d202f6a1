//! Posting changes of owner to a chatbot's webhook, at least once and in no order: the receiver goes by the `seq` of
//! the message.

use crate::{
    App, Error,
    domain::{ChatbotId, Webhook},
    store::WebhookDelivery,
};

impl App {
    /// Posts a delivery and deletes it from the outbox. `false`: the webhook failed and the delivery stays due. Where
    /// the chatbot has no webhook any more, the delivery is dropped.
    pub async fn deliver_webhook(&self, delivery: &WebhookDelivery) -> Result<bool, Error> {
        if let Some(webhook) = self.webhook_of(&delivery.tenant, &delivery.chatbot_id).await? {
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

    /// The webhook that a chatbot has now.
    pub(crate) async fn webhook_of(&self, tenant: &str, chatbot: &ChatbotId) -> Result<Option<Webhook>, Error> {
        let chatbot = self.store.chatbot_get(tenant, chatbot).await?;
        Ok(chatbot.and_then(|chatbot| chatbot.webhook))
    }
}
