//! The one call to AWS Secrets Manager: `GetSecretValue`.

use aws_credential_types::Credentials;
use reqwest::header::{CONTENT_TYPE, HeaderName};
use serde::Deserialize;
use serde_json::json;

use crate::signed::{CallError, Misconfigured, Service, SignedClient};

static SECRETS_MANAGER: Service = Service {
    id: "secretsmanager",
    name: "Secrets Manager",
    resource: "a secret in Secrets Manager",
    endpoint_variable: "AWS_ENDPOINT_URL_SECRETS_MANAGER",
};

/// A client of Secrets Manager. Clones share everything.
#[derive(Clone)]
pub struct SecretsManager(SignedClient);

/// Reason for which a secret could not be read. The text is logged, so it contains no part of the secret.
#[derive(Debug, thiserror::Error)]
pub enum Unavailable {
    #[error(transparent)]
    Call(#[from] CallError),
    #[error("the secret has no text")]
    NoText,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    secret_string: Option<String>,
}

impl SecretsManager {
    /// A client with the environment's credentials, at `AWS_ENDPOINT_URL_SECRETS_MANAGER` if that is set. The error
    /// says that there are no credentials.
    pub fn from_env() -> Result<Self, Misconfigured> {
        SignedClient::from_env(&SECRETS_MANAGER).map(Self)
    }

    /// A client at `endpoint`, or at that of a secret's own region.
    pub fn new(credentials: Credentials, endpoint: Option<String>) -> Self {
        Self(SignedClient::new(&SECRETS_MANAGER, credentials, endpoint))
    }

    /// The current text of a secret, without line breaks at its end, which a file or an editor may have left.
    pub(crate) async fn read(&self, arn: &str, attempts: u32) -> Result<String, Unavailable> {
        let headers = [
            (CONTENT_TYPE, "application/x-amz-json-1.1"),
            (HeaderName::from_static("x-amz-target"), "secretsmanager.GetSecretValue"),
        ];
        let body = self.0.post(arn, &headers, &json!({ "SecretId": arn }).to_string(), attempts).await?;
        let answer: Option<Answer> = serde_json::from_str(&body).ok();
        let text = answer.and_then(|answer| answer.secret_string).ok_or(Unavailable::NoText)?;
        Ok(text.trim_end_matches(['\r', '\n']).to_owned())
    }
}
