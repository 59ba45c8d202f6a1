//! Signed requests to a service of AWS: Signature Version 4 with the function's credentials, and another attempt where
//! that may help.

use std::{
    env,
    error::Error,
    sync::{Arc, OnceLock},
    time::{Duration, SystemTime},
};

use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4,
};
use reqwest::{Client, RequestBuilder, header::HeaderName, redirect};
use serde::Deserialize;
use tokio::time::sleep;

/// Timeouts of an attempt.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(3);

/// The waiting time after the first attempt of a call, which doubles.
const FIRST_BACKOFF: Duration = Duration::from_millis(100);

/// Attempts of a call whose result the caller cannot do without.
pub(crate) const MAX_ATTEMPTS: u32 = 3;

/// A service of AWS.
#[derive(Debug)]
pub(crate) struct Service {
    /// Its name in ARNs, host names and signatures.
    pub(crate) id: &'static str,
    /// Its name for people.
    pub(crate) name: &'static str,
    /// A resource that its ARNs name, for people.
    pub(crate) resource: &'static str,
    /// The variable that replaces a region's own endpoint, as for the SDK.
    pub(crate) endpoint_variable: &'static str,
}

/// A client of one service. Clones share everything.
#[derive(Clone)]
pub(crate) struct SignedClient {
    service: &'static Service,
    credentials: Credentials,
    /// Replaces the endpoint of an ARN's region.
    endpoint: Option<String>,
    /// Built at its first use, since many functions never call.
    http: Arc<OnceLock<Client>>,
}

/// Reason for which a service cannot be called at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Misconfigured {
    #[error("a variable names a secret or a topic by its ARN, but the environment has no AWS credentials")]
    NoCredentials,
    #[error("it is not the ARN of an SNS topic")]
    NotATopic,
}

/// Reason for which a call failed. The text is logged, so it contains nothing of the request and of the result.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    #[error("not the ARN of {0}")]
    WrongArn(&'static str),
    #[error("{service} refused with status {status} ({code})")]
    Refused { service: &'static str, status: u16, code: String },
    #[error("{service} could not be reached: {cause}")]
    Unreachable { service: &'static str, cause: String },
    #[error("the request could not be signed")]
    Unsigned,
    #[error("the HTTP client could not be built")]
    NoHttpClient,
}

impl CallError {
    /// True if the same call may succeed a moment later.
    fn is_retryable(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            // Throttling may come with status 400: `ThrottlingException`, `KMSThrottlingException`.
            Self::Refused { status, code, .. } => *status == 429 || *status >= 500 || code.contains("Throttl"),
            Self::WrongArn(_) | Self::Unsigned | Self::NoHttpClient => false,
        }
    }
}

impl Service {
    /// The region that an ARN of this service names, and the service's URL there.
    pub(crate) fn place<'a>(&self, arn: &'a str) -> Result<(&'a str, String), CallError> {
        let mut parts = arn.split(':');
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some("arn"), Some(partition), Some(id), Some(region)) if id == self.id && !region.is_empty() => {
                let suffix = if partition == "aws-cn" { "amazonaws.com.cn" } else { "amazonaws.com" };
                Ok((region, format!("https://{id}.{region}.{suffix}/")))
            }
            _ => Err(CallError::WrongArn(self.resource)),
        }
    }
}

impl SignedClient {
    /// A client with the credentials that Lambda sets: `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and
    /// `AWS_SESSION_TOKEN`.
    pub(crate) fn from_env(service: &'static Service) -> Result<Self, Misconfigured> {
        let set = |name| env::var(name).ok().filter(|value| !value.is_empty());
        let keys = set("AWS_ACCESS_KEY_ID").zip(set("AWS_SECRET_ACCESS_KEY")).ok_or(Misconfigured::NoCredentials)?;
        let credentials = Credentials::new(keys.0, keys.1, set("AWS_SESSION_TOKEN"), None, "environment");
        Ok(Self::new(service, credentials, set(service.endpoint_variable)))
    }

    pub(crate) fn new(service: &'static Service, credentials: Credentials, endpoint: Option<String>) -> Self {
        Self { service, credentials, endpoint, http: Arc::default() }
    }

    /// Posts to the service in the region of `arn`, and returns the body of a 2xx response. Makes up to `attempts`,
    /// each of which takes 3 s at most.
    pub(crate) async fn post(
        &self,
        arn: &str,
        headers: &[(HeaderName, &str)],
        body: &str,
        attempts: u32,
    ) -> Result<String, CallError> {
        let (mut left, mut backoff) = (attempts, FIRST_BACKOFF);
        loop {
            left -= 1;
            // Boxed, since every caller's future would contain that of the HTTP client.
            match Box::pin(self.attempt(arn, headers, body)).await {
                Err(error) if left > 0 && error.is_retryable() => {}
                outcome => return outcome,
            }
            sleep(backoff).await;
            backoff *= 2;
        }
    }

    async fn attempt(&self, arn: &str, headers: &[(HeaderName, &str)], body: &str) -> Result<String, CallError> {
        let unreachable = |error: reqwest::Error| self.unreachable(&error);
        let response = self.request(arn, headers, body)?.send().await.map_err(unreachable)?;
        let status = response.status();
        let text = response.text().await.map_err(unreachable)?;
        if status.is_success() {
            return Ok(text);
        }
        Err(CallError::Refused { service: self.service.name, status: status.as_u16(), code: code_of(&text) })
    }

    fn request(&self, arn: &str, headers: &[(HeaderName, &str)], body: &str) -> Result<RequestBuilder, CallError> {
        let (region, mut url) = self.service.place(arn)?;
        if let Some(endpoint) = &self.endpoint {
            url = format!("{}/", endpoint.trim_end_matches('/'));
        }
        let signature = self.signature(&url, region, headers, body).ok_or(CallError::Unsigned)?;
        let request =
            headers.iter().fold(self.http()?.post(url), |request, (name, value)| request.header(name, *value));
        let request = signature.into_iter().fold(request, |request, (name, value)| request.header(name, value));
        Ok(request.body(body.to_owned()))
    }

    fn http(&self) -> Result<&Client, CallError> {
        if let Some(built) = self.http.get() {
            return Ok(built);
        }
        let http = Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(ATTEMPT_TIMEOUT)
            .redirect(redirect::Policy::none())
            // Calls are minutes apart: a connection that is kept would die while the function is frozen.
            .pool_max_idle_per_host(0);
        let built = http.build().map_err(|_| CallError::NoHttpClient)?;
        Ok(self.http.get_or_init(|| built))
    }

    /// The headers that sign a request.
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
            .name(self.service.id)
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

    /// Names the innermost cause, which says more than "error sending request".
    fn unreachable(&self, error: &reqwest::Error) -> CallError {
        let mut cause: &dyn Error = error;
        while let Some(inner) = cause.source() {
            cause = inner;
        }
        CallError::Unreachable { service: self.service.name, cause: cause.to_string() }
    }
}

/// An error's body in AWS's JSON protocol. Some services write the type in another case, or leave it out.
#[derive(Deserialize)]
struct Problem {
    #[serde(default, rename = "__type")]
    kind: String,
}

/// The code of an error: `__type` in the JSON protocol, the element `Code` in the Query protocol.
fn code_of(body: &str) -> String {
    if let Ok(Problem { kind }) = serde_json::from_str(body) {
        return kind;
    }
    let element = body.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>"));
    element.map(|(code, _)| code.to_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SNS: Service = Service { id: "sns", name: "SNS", resource: "a topic", endpoint_variable: "" };

    #[test]
    fn an_arn_names_the_region_and_with_its_partition_the_host() {
        let place = |arn| SNS.place(arn).map_err(|error| error.to_string());
        let of = |region: &'static str, url: &str| Ok((region, url.to_owned()));
        let usual = of("eu-north-1", "https://sns.eu-north-1.amazonaws.com/");
        assert_eq!(place("arn:aws:sns:eu-north-1:123456789012:queued"), usual);
        let china = of("cn-north-1", "https://sns.cn-north-1.amazonaws.com.cn/");
        assert_eq!(place("arn:aws-cn:sns:cn-north-1:123456789012:queued"), china);
        for wrong in ["", "queued", "arn:aws:sqs:eu-north-1:123456789012:queued", "arn:aws:sns::123456789012:queued"] {
            assert_eq!(place(wrong), Err("not the ARN of a topic".to_owned()), "{wrong}");
        }
    }

    #[test]
    fn what_may_pass_is_tried_again() {
        let refused = |status, code: &str| CallError::Refused { service: "SNS", status, code: code.to_owned() };
        for (status, code) in [(429, ""), (500, ""), (503, ""), (400, "ThrottlingException"), (400, "KMSThrottling")] {
            assert!(refused(status, code).is_retryable(), "{status} {code}");
        }
        for (status, code) in [(400, ""), (400, "ResourceNotFoundException"), (403, "AccessDeniedException")] {
            assert!(!refused(status, code).is_retryable(), "{status} {code}");
        }
    }

    #[test]
    fn an_errors_code_is_found_in_json_and_in_xml() {
        let xml = "<ErrorResponse><Error><Type>Sender</Type><Code>AuthorizationError</Code></Error></ErrorResponse>";
        assert_eq!(code_of(xml), "AuthorizationError");
        assert_eq!(code_of(r#"{"__type": "ResourceNotFoundException"}"#), "ResourceNotFoundException");
        assert_eq!((code_of("{}"), code_of("<html>")), (String::new(), String::new()));
    }
}
