//! What a webhook could not be told when the line changed hands.

use shared::{App, Error, store::key::Key};

/// Tells a notice once more. One that fails for a day is given up, and said so.
pub(crate) async fn deliver(app: &App, key: &Key) -> Result<(), Error> {
    let now = app.now();
    let Some(delivery) = app.store.delivery_get(key).await?.filter(|delivery| delivery.schedule.due <= now) else {
        return Ok(());
    };
    let Some(taken) = app.store.delivery_take(&delivery, now).await? else { return Ok(()) };
    if !app.deliver_webhook(&delivery).await? && taken.schedule.is_hopeless(now) {
        let (thread, chatbot) = (&delivery.thread_id, &delivery.chatbot_id);
        tracing::error!(thread.id = %thread, chatbot.id = %chatbot, "given up: its webhook will never hear of this");
        app.store.delivery_delete(&delivery).await?;
    }
    Ok(())
}
