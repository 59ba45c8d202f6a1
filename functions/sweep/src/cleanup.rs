//! What could not be removed at OpenAI when its time came.

use shared::{App, Error, store::key::Key};

/// Tries a removal once more. One that fails for a day is given up, and said so.
pub(crate) async fn remove(app: &App, key: &Key) -> Result<(), Error> {
    let now = app.now();
    let Some(cleanup) = app.store.cleanup_get(key).await?.filter(|cleanup| cleanup.schedule.due <= now) else {
        return Ok(());
    };
    let Some(taken) = app.store.cleanup_take(&cleanup, now).await? else { return Ok(()) };
    if !app.remove(&cleanup).await && taken.schedule.is_hopeless(now) {
        tracing::error!(what = ?cleanup.what, "given up: this stays at OpenAI until somebody deletes it there");
        app.store.cleanup_delete(&cleanup).await?;
    }
    Ok(())
}
