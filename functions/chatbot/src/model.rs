//! Asking OpenAI whether it has a chatbot's models.

use shared::{
    App, Error,
    domain::{
        At, Chatbot,
        chatbot::{ChatbotConfig, MODEL_CHECK_RETRY, ModelStatus},
    },
    openai::Failure,
};
use tokio::{sync::OnceCell, try_join};

/// The outcome of the check of a model that is not refused.
type Checked = Result<ModelStatus, Failure>;

/// The model checks of one request: each model is checked at most once, however many conflicts the request meets.
#[derive(Default)]
pub(crate) struct ModelChecks {
    model: OnceCell<Checked>,
    fallback: OnceCell<Checked>,
}

impl ModelChecks {
    /// Checks the models that `before` did not have, and sets their status. A model that the server does not have is an
    /// error of its field. If the check is inconclusive or fails, the model is accepted: its status says so, and after
    /// a failure the sweep checks it again in an hour.
    pub(crate) async fn run(
        &self,
        app: &App,
        before: Option<&ChatbotConfig>,
        chatbot: &mut Chatbot,
        now: At,
    ) -> Result<(), Error> {
        let config = &chatbot.config;
        let model = Some(&config.model).filter(|model| before.is_none_or(|before| before.model != **model));
        let is_new = |fallback: &&String| before.is_none_or(|before| before.fallback_model.as_ref() != Some(fallback));
        let fallback = config.fallback_model.as_ref().filter(is_new);
        let (model, fallback) = try_join!(
            check(app, &self.model, "model", model),
            check(app, &self.fallback, "fallback_model", fallback),
        )?;
        for (status, checked) in [(&mut chatbot.model_status, model), (&mut chatbot.fallback_status, fallback)] {
            let Some(checked) = checked else { continue };
            if checked.is_err() {
                let soon = now + MODEL_CHECK_RETRY;
                chatbot.model_check_due = Some(chatbot.model_check_due.map_or(soon, |due| due.min(soon)));
            }
            *status = checked.unwrap_or_else(|_| ModelStatus::undetermined());
        }
        Ok(())
    }
}

/// Checks a model, if there is one to check.
async fn check(
    app: &App,
    once: &OnceCell<Checked>,
    field: &str,
    model: Option<&String>,
) -> Result<Option<Checked>, Error> {
    let Some(model) = model else { return Ok(None) };
    let checked = once.get_or_try_init(async || {
        let checked = app.model_status(model).await;
        match &checked {
            Ok(status) if status.is_missing => {
                return Err(Error::invalid(field, "is not available at OpenAI with this API key"));
            }
            Ok(_) => {}
            Err(failure) => {
                tracing::warn!(%failure, model, "checking the model at OpenAI failed; continuing without the check");
            }
        }
        Ok(checked)
    });
    checked.await.cloned().map(Some)
}
