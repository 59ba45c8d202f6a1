//! Model checks: asking the server about the models that chatbots name.

use crate::{
    App,
    domain::chatbot::ModelStatus,
    openai::{Failure, ModelCheck},
};

impl App {
    /// Asks the server about a model, for at most 8 s.
    pub async fn model_status(&self, model: &str) -> Result<ModelStatus, Failure> {
        Ok(match self.briefly(self.openai.model_check(model)).await? {
            ModelCheck::Known { shutdown_date } => ModelStatus { shutdown_date, ..ModelStatus::default() },
            ModelCheck::Unknown => ModelStatus::missing(),
            ModelCheck::Undetermined => ModelStatus::undetermined(),
        })
    }
}
