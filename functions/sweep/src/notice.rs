//! What a webhook could not be told when the line changed hands.

use shared::{App, Error, store::key::Key};

/// Tells a notice once more. One that fails for a day is given up, and said so.
pub(crate) async fn tell(app: &App, key: &Key) -> Result<(), Error> {
    let now = app.now();
    let Some(notice) = app.store.notice_get(key).await?.filter(|notice| notice.tries.due <= now) else {
        return Ok(());
    };
    let Some(taken) = app.store.notice_take(&notice, now).await? else { return Ok(()) };
    if !app.tell_webhook(&notice).await? && taken.tries.is_hopeless(now) {
        let (thread, chatbot) = (&notice.thread_id, &notice.chatbot_id);
        tracing::error!(thread.id = %thread, chatbot.id = %chatbot, "given up: its webhook will never hear of this");
        app.store.notice_delete(&notice).await?;
    }
    Ok(())
}
