//! `PATCH /chatbots/{chatbot_id}`: update a chatbot, in the table and at OpenAI.

use serde::Deserialize;
use shared::{
    App, ConflictWith, Error,
    domain::{
        Act, Chatbot, ChatbotId, Identity, Webhook,
        chatbot::{self, Document, Memory, Tool},
    },
    http::Patch,
    retry_on_conflict,
    store::ChatbotWrite,
};
use tokio::sync::OnceCell;

use crate::{get::read, model::check_model};

/// The body of the request. An absent field stays. `temperature` and `max_output_tokens` of `null` mean the model's
/// own, a `webhook` of `null` removes it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Update {
    /// The version that the caller has read; a conflict where it is no longer the current one.
    version: Option<u64>,
    name: Option<String>,
    model: Option<String>,
    instructions: Option<String>,
    greeting: Option<String>,
    #[serde(default)]
    temperature: Patch<f64>,
    #[serde(default)]
    max_output_tokens: Patch<u32>,
    tools: Option<Vec<Tool>>,
    documents: Option<Vec<Document>>,
    memory: Option<Memory>,
    public: Option<bool>,
    origins: Option<Vec<String>>,
    #[serde(default)]
    webhook: Patch<Webhook>,
}

pub(crate) async fn update(
    app: &App,
    identity: &Identity,
    id: &ChatbotId,
    mut update: Update,
) -> Result<chatbot::View, Error> {
    identity.may(Act::ChatbotWrite)?;
    Document::validate(update.documents.as_deref().unwrap_or_default())?;
    if let Patch::Value(given) = &mut update.webhook {
        *given = app.webhooks.validated(given)?;
    }
    // The new model is checked at most once, however many conflicts there are.
    let model_check = OnceCell::new();
    let updating = retry_on_conflict(|| async {
        let before = read(app, identity, id).await?;
        if update.version.is_some_and(|read| read != before.version) {
            return Err(Error::conflict_with(ConflictWith::Version(before.version)));
        }
        let mut after = update.over(&before);
        after.config.validate()?;
        let old = app.store.documents_get(&before).await?;
        let new = update.documents.as_deref().filter(|new| *new != old);
        if after == before && new.is_none() {
            return Ok(Some(before.view(Some(&old))));
        }
        if after.config.model != before.config.model {
            model_check.get_or_try_init(|| check_model(app, &after.config.model)).await?;
        }
        after.version += 1;
        after.updated_at = app.now();
        write(app, &before, after, &old, new).await
    });
    updating.await
}

/// Writes the change over the version that was read, with new documents where they changed. `None` on a conflict:
/// nothing was written.
async fn write(
    app: &App,
    before: &Chatbot,
    mut after: Chatbot,
    old: &[Document],
    new: Option<&[Document]>,
) -> Result<Option<chatbot::View>, Error> {
    let mut cleanup = None;
    if let Some(new) = new {
        cleanup = app.knowledge_cleanup(before);
        after.documents_set = app.ulid().to_string();
        after.document_names = new.iter().map(|document| document.name.clone()).collect();
        after.knowledge = None;
        if !new.is_empty() && app.memory_of(&after) == Memory::Conversation {
            after.knowledge = app.knowledge_create(&after, new).await.ok();
        }
    }
    let write = ChatbotWrite { chatbot: &after, before, cleanup: cleanup.clone() };
    if !app.store.chatbot_update(&write, new).await? {
        if let (Some(_), Some(uploaded)) = (new, after.knowledge) {
            // Another change was first, so nothing refers to this upload.
            let _ = app.delete_remote(&uploaded.into()).await;
        }
        return Ok(None);
    }
    if let Some(cleanup) = cleanup {
        app.clean_up(&cleanup).await;
    }
    Ok(Some(after.view(Some(new.unwrap_or(old)))))
}

impl Update {
    fn over(&self, before: &Chatbot) -> Chatbot {
        let mut after = before.clone();
        let it = &mut after.config;
        it.name = self.name.clone().unwrap_or_else(|| it.name.clone());
        it.model = self.model.clone().unwrap_or_else(|| it.model.clone());
        it.instructions = self.instructions.clone().unwrap_or_else(|| it.instructions.clone());
        it.greeting = self.greeting.clone().unwrap_or_else(|| it.greeting.clone());
        it.temperature = self.temperature.over(it.temperature);
        it.max_output_tokens = self.max_output_tokens.over(it.max_output_tokens);
        it.tools = self.tools.clone().unwrap_or_else(|| it.tools.clone());
        it.memory = self.memory.unwrap_or(it.memory);
        it.public = self.public.unwrap_or(it.public);
        it.origins = self.origins.clone().unwrap_or_else(|| it.origins.clone());
        after.webhook = self.webhook.over(after.webhook);
        after
    }
}
