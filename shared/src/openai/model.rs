//! Whether a server has a model.

use reqwest::Method;

use super::{Failure, OpenAi, conversation::Created, transport::Resend};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModelCheck {
    Known,
    Unknown,
    /// The server does not list models one by one, so nothing can be said.
    NotSaid,
}

impl OpenAi {
    /// Only a server that answers in OpenAI's words can say that a model is unknown: a bare 404 is
    /// a missing route.
    pub async fn model_check(&self, model: &str) -> Result<ModelCheck, Failure> {
        match self.fetch::<Created>(Resend::Freely, || self.request(Method::GET, &["models", model], &[])).await {
            Ok(_) => Ok(ModelCheck::Known),
            Err(failure) if failure.is_not_found() => Ok(ModelCheck::Unknown),
            Err(Failure::Refused { status: 404 | 405, .. } | Failure::Interrupted { .. }) => Ok(ModelCheck::NotSaid),
            Err(failure) => Err(failure),
        }
    }
}
