//! Telling a chatbot's webhook that the line has changed hands, at least once and in no order: who takes a notice goes
//! by the `seq` of its message.

use std::time::Duration;

use tokio::time::timeout;

use crate::{
    App, Error,
    domain::{At, Details, Webhook, thread::Changed},
    store::{Notice, key::Key},
};

/// How long "at once" may take: whoever changed the owner waits for it, since a function that has answered is frozen.
const AT_ONCE: Duration = Duration::from_secs(3);

/// When the sweep may come to it: after those who try it at once.
const GRACE: Duration = Duration::from_secs(10);

/// After a first failure, twice as long after each, and never longer than an hour.
const FIRST_WAIT: Duration = Duration::from_mins(1);
const LONGEST_WAIT: Duration = Duration::from_hours(1);

/// After so long nobody needs to hear of it any more.
const GIVEN_UP_AFTER: Duration = Duration::from_hours(24);

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
        if !matches!(told, Ok(Ok(()))) {
            tracing::info!(thread.id = %notice.thread_id, "a notice has to wait");
        }
    }

    /// Tells a notice that the index says is due. Of two who try at once one does; what has been told is left alone.
    pub async fn notice_due(&self, key: Key) -> Result<(), Error> {
        let now = self.now();
        let Some(notice) = self.store.notice_get(key).await?.filter(|notice| notice.due <= now) else { return Ok(()) };
        if notice.at + GIVEN_UP_AFTER <= now {
            tracing::error!(
                thread.id = %notice.thread_id, chatbot.id = %notice.chatbot_id, notice.id = %notice.id,
                tries = notice.tries, "a webhook could not be told for a day, and never will be"
            );
            return self.store.notice_delete(&notice).await;
        }
        if !self.store.notice_take(&notice, next_try(notice.tries, now)).await? {
            return Ok(());
        }
        self.tell_webhook(&notice).await
    }

    /// Posts the notice and forgets it. One whose webhook is gone is told nobody.
    async fn tell_webhook(&self, notice: &Notice) -> Result<(), Error> {
        if let Some(webhook) = self.webhook_of(notice).await? {
            let posted = self.webhooks.post(&webhook, notice.id.as_str(), self.now(), notice.body.clone()).await;
            if let Err(undelivered) = posted {
                let (thread, chatbot) = (&notice.thread_id, &notice.chatbot_id);
                tracing::warn!(thread.id = %thread, chatbot.id = %chatbot, %undelivered, "a webhook was not told");
                return Ok(());
            }
        }
        self.store.notice_delete(notice).await
    }

    async fn webhook_of(&self, notice: &Notice) -> Result<Option<Webhook>, Error> {
        let chatbot = self.store.chatbot_get(&notice.tenant, &notice.chatbot_id).await?;
        Ok(chatbot.and_then(|chatbot| chatbot.webhook))
    }
}

fn next_try(tries: u32, now: At) -> At {
    now + FIRST_WAIT.saturating_mul(1 << tries.min(10)).min(LONGEST_WAIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_wait_is_twice_the_last_and_none_is_longer_than_an_hour() {
        let minutes = |tries| next_try(tries, At::from_millis(0)).seconds() / 60;
        assert_eq!([0, 1, 2, 5, 6, 40].map(minutes), [1, 2, 4, 32, 60, 60]);
    }
}
