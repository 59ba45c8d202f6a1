//! Checking that a model exists at OpenAI.

use shared::{App, Error, openai::ModelCheck};

/// Refuses a model that OpenAI reports as unknown. If the check is inconclusive or fails, the model is accepted, and
/// the first run shows it.
pub(crate) async fn check_model(app: &App, model: &str) -> Result<(), Error> {
    match app.briefly(app.openai.model_check(model)).await {
        Ok(ModelCheck::Unknown) => Err(Error::invalid("model", "is not available at OpenAI with this API key")),
        Ok(_) => Ok(()),
        Err(failure) => {
            tracing::warn!(%failure, "checking the model at OpenAI failed; continuing without the check");
            Ok(())
        }
    }
}
