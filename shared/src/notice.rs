//! Publishing to the deployment's topic that a thread waits for a person: at least once and in no order, as for
//! webhooks.

use crate::{App, Error, store::TopicNotice};

impl App {
    /// Publishes a notice and deletes it from the outbox. `false`: that failed and the notice stays due, for a day at
    /// most. So it is where this function knows no topic: while a deployment adds one, another function may know it.
    pub(crate) async fn publish_notice(&self, notice: &TopicNotice) -> Result<bool, Error> {
        let Some(topic) = &self.queued_topic else { return Ok(false) };
        if let Err(error) = topic.publish(notice).await {
            tracing::warn!(thread.id = %notice.thread_id, %error, "publishing to the topic failed");
            return Ok(false);
        }
        self.store.outbox_delete(&notice.clone().into()).await?;
        Ok(true)
    }
}
