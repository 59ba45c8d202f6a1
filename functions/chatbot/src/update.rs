//! `PATCH /chatbots/{chatbot_id}`: update a chatbot, in the table and at OpenAI.

use serde::Deserialize;
use shared::{
    App, ConflictWith, Error,
    domain::{
        Act, Chatbot, ChatbotId, Identity, Webhook,
        audit::{AuditEntry, AuditedAct},
        budget::ChatbotLimits,
        chatbot::{self, Audience, Document, Memory, Tool},
    },
    http::Patch,
    retry_on_conflict,
    store::ChatbotWrite,
};

use crate::{get::read, model::ModelChecks};

/// The body of the request. An absent field stays. A `null` removes a fallback model and a webhook; for the model's
/// parameters it means the model's own.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "ChatbotUpdate"))]
pub(crate) struct Update {
    /// The version that the caller has read; a conflict where it is no longer the current one.
    version: Option<u64>,
    /// Shown to customers as the author of its messages.
    #[cfg_attr(feature = "schema", schemars(length(max = 100), regex(pattern = r"\S")))]
    name: Option<String>,
    /// OpenAI's name of the model, or another server's.
    #[cfg_attr(feature = "schema", schemars(length(max = 200), regex(pattern = r"\S")))]
    model: Option<String>,
    /// Sent to the model before each conversation.
    #[cfg_attr(feature = "schema", schemars(length(max = 32_000)))]
    instructions: Option<String>,
    /// The first message of each new thread. None is sent if it is empty.
    #[cfg_attr(feature = "schema", schemars(length(max = 4_000)))]
    greeting: Option<String>,
    /// The sampling temperature. Null: the model's own.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(range(min = 0, max = 2)))]
    temperature: Patch<f64>,
    /// The limit of a reply. Null: the model's own.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(range(min = 16, max = u32::MAX)))]
    max_output_tokens: Patch<u32>,
    /// The effort of a reasoning model, in the model's words (`low`, say). Null: the model's own.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(regex(pattern = "^[a-z]{1,20}$")))]
    reasoning_effort: Patch<String>,
    /// The length of the answers, in the model's words (`low`, say). Null: the model's own.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(regex(pattern = "^[a-z]{1,20}$")))]
    verbosity: Patch<String>,
    /// The model that answers once the server no longer has `model`.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(length(max = 200), regex(pattern = r"\S")))]
    fallback_model: Patch<String>,
    /// Functions that the webhook runs for the model. Their names differ.
    #[cfg_attr(feature = "schema", schemars(length(max = 32)))]
    tools: Option<Vec<Tool>>,
    /// Texts that the model searches. Their names differ.
    #[cfg_attr(feature = "schema", schemars(length(max = 100)))]
    documents: Option<Vec<Document>>,
    /// The place of the model's memory of a thread.
    memory: Option<Memory>,
    /// `public`: anybody may chat, without an account; `customers`: customers who are logged in; `staff`: agents and
    /// admins, who try it as visitors.
    audience: Option<Audience>,
    /// True stands for the audience `public`, and false for one that is not.
    public: Option<bool>,
    /// The origins of the pages on which visitors may chat, like `https://shop.example`. Empty: all.
    #[cfg_attr(
        feature = "schema",
        schemars(length(max = 20), inner(length(max = 300), regex(pattern = "^https?://[^/]+$")))
    )]
    origins: Option<Vec<String>>,
    /// Its own limits, in place of all that it has. One that is absent is the deployment's; 0 is no limit.
    limits: Option<ChatbotLimits>,
    /// The server that runs the functions and is told of changes of owner.
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
    let model_checks = ModelChecks::default();
    let updating = retry_on_conflict(|| async {
        let before = read(app, identity, id).await?;
        if update.version.is_some_and(|read| read != before.version) {
            return Err(Error::conflict_with(ConflictWith::Version(before.version)));
        }
        let mut after = update.over(&before)?;
        after.config.validate()?;
        let old = app.store.documents_get(&before).await?;
        let new = update.documents.as_deref().filter(|new| *new != old);
        let now = app.now();
        if after == before && new.is_none() {
            return Ok(Some(before.view(Some(&old), now)));
        }
        after.version += 1;
        after.updated_at = now;
        // Another model or other settings: its requests may contain everything again.
        after.refused_parameters.clear();
        // One that was stored before there were model checks is due for its first.
        after.model_check_due.get_or_insert(now);
        model_checks.run(app, Some(&before.config), &mut after, now).await?;
        write(app, identity, &before, after, &old, new).await
    });
    updating.await
}

/// Writes the change over the version that was read, with new documents where they changed. `None` on a conflict:
/// nothing was written.
async fn write(
    app: &App,
    identity: &Identity,
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
    let audit = app.audit_entry(identity, AuditedAct::ChatbotUpdated);
    let audit =
        audit.map(|entry| AuditEntry { fields: changed_fields(before, &after), ..entry.about_chatbot(&after.id) });
    let write = ChatbotWrite { chatbot: &after, before, cleanup: cleanup.clone(), audit };
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
    Ok(Some(after.view(Some(new.unwrap_or(old)), app.now())))
}

/// The names of the fields that differ, for the audit trail.
fn changed_fields(before: &Chatbot, after: &Chatbot) -> Vec<String> {
    let [old, new] = [before, after].map(|chatbot| serde_json::to_value(&chatbot.config).unwrap_or_default());
    let settings = new.as_object().into_iter().flatten();
    let mut changed: Vec<_> =
        settings.filter(|(name, value)| old.get(name) != Some(value)).map(|(name, _)| name.clone()).collect();
    changed.extend((before.documents_set != after.documents_set).then(|| "documents".to_owned()));
    changed.extend((before.webhook != after.webhook).then(|| "webhook".to_owned()));
    changed
}

impl Update {
    fn over(&self, before: &Chatbot) -> Result<Chatbot, Error> {
        let mut after = before.clone();
        let it = &mut after.config;
        it.name = self.name.clone().unwrap_or_else(|| it.name.clone());
        it.model = self.model.clone().unwrap_or_else(|| it.model.clone());
        it.instructions = self.instructions.clone().unwrap_or_else(|| it.instructions.clone());
        it.greeting = self.greeting.clone().unwrap_or_else(|| it.greeting.clone());
        it.temperature = self.temperature.over(it.temperature);
        it.max_output_tokens = self.max_output_tokens.over(it.max_output_tokens);
        it.reasoning_effort = self.reasoning_effort.over(it.reasoning_effort.take());
        it.verbosity = self.verbosity.over(it.verbosity.take());
        it.fallback_model = self.fallback_model.over(it.fallback_model.take());
        it.tools = self.tools.clone().unwrap_or_else(|| it.tools.clone());
        it.memory = self.memory.unwrap_or(it.memory);
        it.audience = Audience::requested(self.audience, self.public, it.audience)?;
        it.origins = self.origins.clone().unwrap_or_else(|| it.origins.clone());
        it.limits = self.limits.unwrap_or(it.limits);
        let is_open_to_others = (it.audience, &it.origins) != (before.config.audience, &before.config.origins);
        after.access_version += u64::from(is_open_to_others);
        after.webhook = self.webhook.over(after.webhook);
        Ok(after)
    }
}
