//! The one call to AWS Secrets Manager: `GetSecretValue`, signed with the function's credentials.

use std::{
    env,
    fmt::Display,
    time::{Duration, SystemTime},
};

use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4,
};
use reqwest::{
    Client, RequestBuilder,
    header::{CONTENT_TYPE, HeaderName},
    redirect,
};
use serde::Deserialize;
use serde_json::json;
use tokio::time::sleep;

/// Timeouts of an attempt: a connection may have died while the function was frozen.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(3);

/// Attempts to read a secret, and the waiting time after the first one, which doubles.
const ATTEMPTS: u32 = 3;
const FIRST_BACKOFF: Duration = Duration::from_millis(100);

/// A client of Secrets Manager. Clones share their connections.
#[derive(Clone)]
pub struct SecretsManager {
    http: Client,
    credentials: Credentials,
    /// Replaces the region's own endpoint, as for the SDK.
    endpoint: Option<String>,
}

/// Reason for which secrets cannot be read at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Misconfigured {
    #[error("a variable names a secret by its ARN, but the environment has no AWS credentials")]
    NoCredentials,
    #[error("the HTTP client could not be built")]
    NoHttpClient,
}

/// Reason for which a secret could not be read. The text is logged, so it contains no part of the secret.
#[derive(Debug, thiserror::Error)]
pub enum Unavailable {
    #[error("not the ARN of a secret in Secrets Manager")]
    NotAnArn,
    #[error("Secrets Manager refused with status {status} ({code})")]
    Refused { status: u16, code: String },
    #[error("Secrets Manager could not be reached: {0}")]
    Unreachable(String),
    #[error("the request could not be signed")]
    Unsigned,
    #[error("the secret has no text")]
    NoText,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    secret_string: Option<String>,
}

/// An error's body. Some services write the type in another case, or leave it out.
#[derive(Default, Deserialize)]
struct Problem {
    #[serde(default, rename = "__type")]
    kind: String,
}

impl SecretsManager {
    /// Reads the environment: `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`, which Lambda sets, and
    /// `AWS_ENDPOINT_URL_SECRETS_MANAGER`.
    pub fn from_env() -> Result<Self, Misconfigured> {
        let set = |name| env::var(name).ok().filter(|value| !value.is_empty());
        let keys = set("AWS_ACCESS_KEY_ID").zip(set("AWS_SECRET_ACCESS_KEY")).ok_or(Misconfigured::NoCredentials)?;
        let credentials = Credentials::new(keys.0, keys.1, set("AWS_SESSION_TOKEN"), None, "environment");
        Self::new(credentials, set("AWS_ENDPOINT_URL_SECRETS_MANAGER"))
    }

    /// A client at `endpoint`, or at that of a secret's own region.
    pub fn new(credentials: Credentials, endpoint: Option<String>) -> Result<Self, Misconfigured> {
        let http = Client::builder().connect_timeout(CONNECT_TIMEOUT).timeout(ATTEMPT_TIMEOUT);
        let http = http.redirect(redirect::Policy::none()).build().map_err(|_| Misconfigured::NoHttpClient)?;
        Ok(Self { http, credentials, endpoint })
    }

    /// The current text of a secret.
    pub(crate) async fn read(&self, arn: &str) -> Result<String, Unavailable> {
        let mut backoff = FIRST_BACKOFF;
        for _ in 1..ATTEMPTS {
            match self.attempt(arn).await {
                Err(Unavailable::Unreachable(_)) => {}
                Err(Unavailable::Refused { status, .. }) if status == 429 || status >= 500 => {}
                outcome => return outcome,
            }
            sleep(backoff).await;
            backoff *= 2;
        }
        self.attempt(arn).await
    }

    async fn attempt(&self, arn: &str) -> Result<String, Unavailable> {
        let response = self.request(arn)?.send().await.map_err(unreachable)?;
        let status = response.status();
        let body = response.bytes().await.map_err(unreachable)?;
        if !status.is_success() {
            let problem: Problem = serde_json::from_slice(&body).unwrap_or_default();
            return Err(Unavailable::Refused { status: status.as_u16(), code: problem.kind });
        }
        let answer: Option<Answer> = serde_json::from_slice(&body).ok();
        answer.and_then(|answer| answer.secret_string).ok_or(Unavailable::NoText)
    }

    fn request(&self, arn: &str) -> Result<RequestBuilder, Unavailable> {
        let mut parts = arn.split(':').skip(1);
        let (Some(partition), Some("secretsmanager"), Some(region)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(Unavailable::NotAnArn);
        };
        let suffix = if partition == "aws-cn" { "amazonaws.com.cn" } else { "amazonaws.com" };
        let url = match &self.endpoint {
            Some(endpoint) => format!("{}/", endpoint.trim_end_matches('/')),
            None => format!("https://secretsmanager.{region}.{suffix}/"),
        };
        let body = json!({ "SecretId": arn }).to_string();
        let headers = [
            (CONTENT_TYPE, "application/x-amz-json-1.1"),
            (HeaderName::from_static("x-amz-target"), "secretsmanager.GetSecretValue"),
        ];
        let signature = self.signature(&url, region, &headers, &body).ok_or(Unavailable::Unsigned)?;
        let request =
            headers.into_iter().fold(self.http.post(url), |request, (name, value)| request.header(name, value));
        let request = signature.into_iter().fold(request, |request, (name, value)| request.header(name, value));
        Ok(request.body(body))
    }

    /// The headers that sign a request (Signature Version 4).
    fn signature(
        &self,
        url: &str,
        region: &str,
        headers: &[(HeaderName, &str)],
        body: &str,
    ) -> Option<Vec<(String, String)>> {
        let identity = self.credentials.clone().into();
        let settings = v4::SigningParams::builder()
            .identity(&identity)
            .region(region)
            .name("secretsmanager")
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()
            .ok()?
            .into();
        let headers = headers.iter().map(|(name, value)| (name.as_str(), *value));
        let request = SignableRequest::new("POST", url, headers, SignableBody::Bytes(body.as_bytes())).ok()?;
        let (signed, _) = sign(request, &settings).ok()?.into_parts();
        Some(signed.headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }
}

fn unreachable(error: impl Display) -> Unavailable {
    Unavailable::Unreachable(error.to_string())
}
