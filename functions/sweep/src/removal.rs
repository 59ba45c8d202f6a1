//! What could not be removed at OpenAI when its time came.

use shared::{App, Error, store::key::Key};

/// Tries a removal once more. One that fails for a day is given up, and said so.
pub(crate) async fn remove(app: &App, key: &Key) -> Result<(), Error> {
    let now = app.now();
    let Some(removal) = app.store.removal_get(key).await?.filter(|removal| removal.tries.due <= now) else {
        return Ok(());
    };
    let Some(taken) = app.store.removal_take(&removal, now).await? else { return Ok(()) };
    if !app.remove(&removal).await && taken.tries.is_hopeless(now) {
        tracing::error!(what = ?removal.what, "given up: this stays at OpenAI until somebody deletes it there");
        app.store.removal_delete(&removal).await?;
    }
    Ok(())
}
