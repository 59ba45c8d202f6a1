//! `PATCH /threads/{thread_id}`: update a thread's title, metadata and chatbot, in the table and at OpenAI.

use std::collections::BTreeMap;

use serde::Deserialize;
use shared::{
    App, Error,
    domain::{Act, ChatbotId, Identity, Status, Thread, ThreadId, ThreadMetadata, thread},
    http::Patch,
    retry_on_conflict,
    sockets::Event,
    store::{Commit, Committed},
};

/// The body of the request. An absent field stays; a title of `null` removes it; a metadata value of `null` removes its
/// key.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "ThreadUpdate"))]
pub(crate) struct Update {
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(length(max = 200)))]
    title: Patch<String>,
    metadata: Option<BTreeMap<String, Option<String>>>,
    chatbot_id: Option<ChatbotId>,
}

pub(crate) async fn update(
    app: &App,
    identity: &Identity,
    id: &ThreadId,
    update: Update,
) -> Result<thread::View, Error> {
    identity.may(Act::ThreadUpdate)?;
    if !identity.is_staff() {
        ThreadMetadata::check_self_given(update.metadata.iter().flatten().map(|(key, _)| key))?;
    }
    if let Some(chatbot) = &update.chatbot_id {
        identity.may_have(chatbot)?;
    }
    if let Some(chatbot) = &update.chatbot_id {
        let chatbot = app.store.chatbot_get(&identity.tenant, chatbot).await?;
        chatbot.ok_or_else(|| Error::invalid("chatbot_id", "there is no such chatbot"))?.admits(identity)?;
    }
    let updating = retry_on_conflict(|| async {
        let (before, old) = app.thread(identity, id).await?;
        if matches!(before.status, Status::Ended { .. }) {
            return Err(Error::conflict("the thread has ended"));
        }
        let metadata = update.over(&old);
        metadata.validate()?;
        let mut after = before.clone();
        after.chatbot_id = update.chatbot_id.clone().unwrap_or(after.chatbot_id);
        if metadata == old && after == before {
            return Ok(Some(before.view(&old)));
        }
        after.updated_at = app.now();
        after.openai.metadata_dirty |= metadata != old && after.openai.conversation_id.is_some();
        let committed = app.store.thread_update(&before, after, metadata.clone()).await?;
        let Committed::Done(thread) = committed else { return Ok(None) };
        let view = thread.view(&metadata);
        let updated = [Event::thread(view.clone())];
        tokio::join!(app.broadcast(&thread, &updated), mirror(app, &thread, &metadata));
        Ok(Some(view))
    });
    updating.await
}

impl Update {
    fn over(&self, old: &ThreadMetadata) -> ThreadMetadata {
        let mut new = old.clone();
        new.title = self.title.over(new.title);
        for (key, value) in self.metadata.iter().flatten() {
            match value {
                Some(value) => _ = new.metadata.insert(key.clone(), value.clone()),
                None => _ = new.metadata.remove(key),
            }
        }
        new
    }
}

/// Sends the change to OpenAI. Where that fails, or the thread has changed again, the next run sends it.
async fn mirror(app: &App, thread: &Thread, metadata: &ThreadMetadata) {
    let Some(conversation) = thread.openai.conversation_id.as_ref().filter(|_| thread.openai.metadata_dirty) else {
        return;
    };
    let pairs = metadata.mirrored(&thread.id);
    if let Err(failure) = app.briefly(app.openai.conversation_update(conversation, &pairs)).await {
        tracing::warn!(thread.id = %thread.id, %failure, "updating metadata at OpenAI failed; the next run will retry");
        return;
    }
    let mut mirrored = thread.clone();
    mirrored.openai.metadata_dirty = false;
    if let Err(error) = app.store.thread_commit(thread, Commit::new(mirrored)).await {
        tracing::warn!(thread.id = %thread.id, %error, "metadata was updated at OpenAI and will be sent again");
    }
}
