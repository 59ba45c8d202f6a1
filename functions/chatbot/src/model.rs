//! Checking a model's name.

use shared::{App, Error, openai::ModelCheck};

/// Refuses a model that OpenAI says it does not have. Where it says nothing, the first run will tell.
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
