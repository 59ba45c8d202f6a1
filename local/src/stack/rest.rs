//! The REST API of a stack, as an admin.

use std::time::Duration;

use super::{Stack, StackError};
use crate::{
    Error,
    demo::{ChatbotApi, DemoError},
    error::innermost,
};

/// Time enough for cold functions, and for the OpenAI server's answer within.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// The signer of an admin's token.
#[derive(Clone, Copy)]
pub(crate) enum SignedBy {
    /// Us, with the stack's secret.
    Secret,
    /// Somebody else: an option gave it.
    Other,
}

impl Stack {
    pub(crate) fn chatbot_api(&self, token: String) -> Result<ChatbotApi, Error> {
        let http = reqwest::Client::builder().build().map_err(Error::http)?;
        let url = self.output("RestUrl")?.trim_end_matches('/').to_owned();
        Ok(ChatbotApi { http, url, token, timeout: REQUEST_TIMEOUT })
    }
}

/// The error of a request to a stack's REST API, which refuses none that is authorized.
pub(crate) fn rest_error(api: &ChatbotApi, signed_by: SignedBy, error: DemoError) -> StackError {
    let url = api.url.clone();
    match error {
        DemoError::NoModel => StackError::NoModel("the OpenAI server lists none to chat with".to_owned()),
        DemoError::Unreachable(error) => StackError::NoRest { url, cause: innermost(&error) },
        DemoError::Refused { status: 401 | 403, detail } => match signed_by {
            SignedBy::Secret => StackError::SecretRejected { url, cause: detail },
            SignedBy::Other => StackError::TokenRejected { url, cause: detail },
        },
        DemoError::Refused { status, detail } => StackError::NoRest { url, cause: format!("status {status} {detail}") },
    }
}
