//! The check that a server has a model.

use reqwest::Method;

use super::{
    client::OpenAi,
    failure::Failure,
    transport::{ObjectId, RequestKind},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModelCheck {
    Known,
    Unknown,
    /// The server has no route for single models, so the check has no result.
    Undetermined,
}

impl OpenAi {
    /// Checks that the server has a model. [`ModelCheck::Unknown`] requires a 404 with OpenAI's error body: a bare 404
    /// is a missing route.
    pub async fn model_check(&self, model: &str) -> Result<ModelCheck, Failure> {
        match self
            .fetch::<ObjectId>(RequestKind::Idempotent, || self.request(Method::GET, &["models", model], &[]))
            .await
        {
            Ok(_) => Ok(ModelCheck::Known),
            Err(Failure::ModelMissing) => Ok(ModelCheck::Unknown),
            Err(failure) if failure.is_not_found() => Ok(ModelCheck::Unknown),
            Err(Failure::Refused { status: 404 | 405, .. } | Failure::Interrupted { .. }) => {
                Ok(ModelCheck::Undetermined)
            }
            Err(failure) => Err(failure),
        }
    }
}
