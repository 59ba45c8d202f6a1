//! A chatbot that is due: the daily check of its models.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use shared::{
    App, Error,
    domain::{
        At, Chatbot, ChatbotId,
        chatbot::{MODEL_CHECK_INTERVAL, MODEL_CHECK_RETRY, ModelInUse, ModelStatus, Shutdown},
    },
};
use tokio::sync::OnceCell;

/// The models that one sweep has asked for: each is asked for once, however many chatbots have it.
#[derive(Default)]
pub(crate) struct ModelChecks(Mutex<HashMap<String, Arc<OnceCell<Option<ModelStatus>>>>>);

impl ModelChecks {
    /// The status of a model, or `None` if the server could not be asked.
    async fn status(&self, app: &App, model: &str) -> Option<ModelStatus> {
        let once = self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(model.to_owned()).or_default().clone();
        let status = once.get_or_init(async || {
            let checked = app.model_status(model).await;
            checked.inspect_err(|failure| tracing::warn!(%failure, model, "checking a model failed; will retry")).ok()
        });
        status.await.clone()
    }
}

/// Checks the models of a chatbot, and logs those that end or are missing. It is due again in a day, or in an hour if
/// the server could not be asked.
pub(crate) async fn check(app: &App, checks: &ModelChecks, tenant: &str, id: &ChatbotId) -> Result<(), Error> {
    let now = app.now();
    let is_due = |chatbot: &Chatbot| chatbot.model_check_due.is_some_and(|due| due <= now);
    let Some(chatbot) = app.store.chatbot_get(tenant, id).await?.filter(is_due) else { return Ok(()) };
    let mut checked = chatbot.clone();
    let mut next = now + MODEL_CHECK_INTERVAL;
    for (model, status) in chatbot.models().zip([&mut checked.model_status, &mut checked.fallback_status]) {
        match checks.status(app, model.name).await {
            Some(answer) => *status = model.status.updated(answer),
            None => next = now + MODEL_CHECK_RETRY,
        }
    }
    checked.model_check_due = Some(next);
    // Where another sweep was first, it logs. Where an admin was, the chatbot is still due.
    if app.store.chatbot_model_checked(&chatbot, &checked).await? {
        for model in checked.models() {
            log(&checked, model, now);
        }
    }
    Ok(())
}

fn log(chatbot: &Chatbot, model: ModelInUse<'_>, now: At) {
    let ModelInUse { field, name, status } = model;
    let (tenant, id, date) = (&chatbot.tenant, &chatbot.id, status.shutdown_date.as_deref());
    if status.is_missing {
        tracing::error!(
            tenant, chatbot.id = %id, model = name, field, date,
            "the server does not have a chatbot's model; set another one"
        );
        return;
    }
    match status.shutdown(now) {
        Some(Shutdown::Near) => tracing::warn!(
            tenant, chatbot.id = %id, model = name, field, date,
            "a chatbot's model shuts down soon; set another one before that day"
        ),
        Some(Shutdown::Past) => tracing::error!(
            tenant, chatbot.id = %id, model = name, field, date,
            "a chatbot's model has reached its shutdown date; set another one"
        ),
        None => {}
    }
}
