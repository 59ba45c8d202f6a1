//! Outbox items that did not succeed at once: deleting at OpenAI, posting to a webhook, publishing to the topic.

use shared::{
    App, Error,
    store::{OutboxItem, key::Key},
};

/// Attempts an item once more. After a day of failures it is given up, with an error in the log, unless an erasure
/// requires it.
pub(crate) async fn retry(app: &App, key: &Key) -> Result<(), Error> {
    let now = app.now();
    let Some(item) = app.store.outbox_get(key).await?.filter(|item| item.schedule().due <= now) else {
        return Ok(());
    };
    let Some(taken) = app.store.outbox_take(&item, now).await? else { return Ok(()) };
    let is_over = !app.attempt(&item).await? && !item.is_required() && taken.schedule().is_expired(now);
    if is_over && app.store.outbox_give_up(&taken).await? {
        log_given_up(&item);
    }
    Ok(())
}

fn log_given_up(item: &OutboxItem) {
    match item {
        OutboxItem::Cleanup(cleanup) => {
            tracing::error!(object = ?cleanup.object, "deleting at OpenAI failed for a day; delete the object by hand");
        }
        OutboxItem::Delivery(delivery) => {
            let (thread, chatbot) = (&delivery.thread_id, &delivery.chatbot_id);
            tracing::error!(thread.id = %thread, chatbot.id = %chatbot, "a webhook failed for a day; delivery dropped");
        }
        OutboxItem::Notice(notice) => {
            tracing::error!(thread.id = %notice.thread_id, "publishing to the topic failed for a day; notice dropped");
        }
    }
}
