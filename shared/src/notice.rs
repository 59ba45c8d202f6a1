//! Telling a chatbot's webhook that the line has changed hands, at least once and in no order: who takes a notice goes
//! by the `seq` of its message.

use std::time::Duration;

use tokio::time::timeout;

use crate::{
    App, Error,
    domain::{Details, Webhook, thread::Changed},
    store::Notice,
};

/// How long "at once" may take: whoever changed the owner waits for it, since a function that has answered is frozen.
const AT_ONCE: Duration = Duration::from_secs(3);

/// When the sweep may come to it: after those who try it at once.
const GRACE: Duration = Duration::from_secs(10);

impl App {
    /// What the chatbot's webhook, if it has one, is owed of a change; to be written with it.
    pub async fn notice(&self, changed: &Changed, details: &Details) -> Result<Option<Notice>, Error> {
        let Some(notice) = self.notice_if(changed, details) else { return Ok(None) };
        let webhook = self.webhook_of(&notice).await?;
        Ok(webhook.map(|_| notice))
    }

    /// The same where somebody else knows that there is a webhook. `None`: the bot speaks again.
    pub fn notice_if(&self, changed: &Changed, details: &Details) -> Option<Notice> {
        Notice::of(changed, details, self.now() + GRACE)
    }

    /// Tells a notice that has just been written. Where that fails it stays due.
    pub async fn notify(&self, notice: Option<&Notice>) {
        let Some(notice) = notice else { return };
        let told = timeout(AT_ONCE, self.tell_webhook(notice)).await;
        if !matches!(told, Ok(Ok(true))) {
            tracing::info!(thread.id = %notice.thread_id, "a notice has to wait");
        }
    }

    /// Posts the notice and forgets it, or says `false`. One whose webhook is gone is told nobody, and that is that.
    pub async fn tell_webhook(&self, notice: &Notice) -> Result<bool, Error> {
        if let Some(webhook) = self.webhook_of(notice).await? {
            let posted = self.webhooks.post(&webhook, notice.id.as_str(), self.now(), notice.body.clone()).await;
            if let Err(undelivered) = posted {
                let (thread, chatbot) = (&notice.thread_id, &notice.chatbot_id);
                tracing::warn!(thread.id = %thread, chatbot.id = %chatbot, %undelivered, "a webhook was not told");
                return Ok(false);
            }
        }
        self.store.notice_delete(notice).await?;
        Ok(true)
    }

    async fn webhook_of(&self, notice: &Notice) -> Result<Option<Webhook>, Error> {
        let chatbot = self.store.chatbot_get(&notice.tenant, &notice.chatbot_id).await?;
        Ok(chatbot.and_then(|chatbot| chatbot.webhook))
    }
}
