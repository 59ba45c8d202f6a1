//! Webhooks: requests to servers of our customers' choosing, signed, bounded, and kept out of our own network.
//!
//! A request is signed by the convention of Standard Webhooks. Its `webhook-id` stays the same however often it is
//! sent, so that whoever takes it can tell a repeat.

mod resolver;
mod signature;

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use reqwest::{Client, Response, StatusCode, Url, header::CONTENT_TYPE, redirect};
use tokio::time::timeout;

use crate::{
    App,
    domain::{
        At,
        webhook::{NetworkPolicy, Webhook, leads_out},
    },
};
use resolver::{NotPublic, Resolver};
use signature::signature;

/// Until a connection stands, TLS included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// No answer is read beyond this.
const ANSWER_MAX: usize = 64 * 1024;

#[derive(Clone, Debug)]
pub struct Settings {
    pub reach: NetworkPolicy,
    /// From the first packet to the last of an answer.
    pub retry_policy: Duration,
}

/// The sender. Clones share everything.
#[derive(Clone)]
pub struct Webhooks {
    settings: Settings,
    /// Made at the first use: most functions never need it.
    http: Arc<OnceLock<Client>>,
}

/// Why a webhook did not do what it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeliveryError {
    #[error("its address is not a public one")]
    NotPublic,
    #[error("it could not be reached")]
    Unreachable,
    #[error("it did not answer in time")]
    Silent,
    #[error("it answered with status {}", .0.as_u16())]
    Refused(StatusCode),
    #[error("its answer is too long")]
    TooLong,
    /// A request that cannot be built, or a machine without certificates.
    #[error("it could not be asked")]
    Unfit,
}

impl Default for Settings {
    fn default() -> Self {
        Self { reach: NetworkPolicy::Public, retry_policy: Duration::from_secs(10) }
    }
}

impl DeliveryError {
    /// Whether the same request may well succeed a moment later.
    pub fn is_retryable(self) -> bool {
        match self {
            Self::Unreachable => true,
            Self::Refused(status) => status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error(),
            Self::NotPublic | Self::Silent | Self::TooLong | Self::Unfit => false,
        }
    }
}

impl Webhooks {
    pub fn new(settings: Settings) -> Self {
        Self { settings, http: Arc::default() }
    }

    pub fn reach(&self) -> NetworkPolicy {
        self.settings.reach
    }

    /// Posts `body`, which is JSON, and returns what a 2xx came with. Anything else is a failure, a redirect too: it
    /// could lead to where the URL may not.
    pub async fn post(&self, webhook: &Webhook, id: &str, now: At, body: String) -> Result<Vec<u8>, DeliveryError> {
        let url: Url = webhook.url.parse().map_err(|_| DeliveryError::Unfit)?;
        // Checked when it was set, and now: an address has no name that the resolver would be asked for.
        if !leads_out(&url, self.settings.reach) {
            return Err(DeliveryError::NotPublic);
        }
        let timestamp = now.seconds().to_string();
        let request = self
            .http()?
            .post(url)
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", &timestamp)
            .header("webhook-signature", signature(&webhook.key(), id, &timestamp, &body))
            .header("idempotency-key", id)
            .body(body);
        let answered = async {
            let answer = request.send().await.map_err(|error| DeliveryError::of(&error))?;
            if answer.status().is_success() { read(answer).await } else { Err(DeliveryError::Refused(answer.status())) }
        };
        timeout(self.settings.retry_policy, answered).await.unwrap_or(Err(DeliveryError::Silent))
    }

    fn http(&self) -> Result<&Client, DeliveryError> {
        if let Some(made) = self.http.get() {
            return Ok(made);
        }
        let made = client(self.settings.reach).map_err(|error| {
            tracing::error!(%error, "webhooks cannot be called");
            DeliveryError::Unfit
        })?;
        Ok(self.http.get_or_init(|| made))
    }
}

fn client(reach: NetworkPolicy) -> reqwest::Result<Client> {
    Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .redirect(redirect::Policy::none())
        .dns_resolver(Resolver(reach))
        // A proxy would resolve names for itself.
        .no_proxy()
        .http1_only()
        .https_only(reach == NetworkPolicy::Public)
        // Each request's address is looked up and checked; none is kept, to die while a function is frozen.
        .pool_max_idle_per_host(0)
        .user_agent("Switchboard")
        .build()
}

async fn read(mut answer: Response) -> Result<Vec<u8>, DeliveryError> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| DeliveryError::of(&error))? {
        body.extend_from_slice(&chunk);
        if body.len() > ANSWER_MAX {
            return Err(DeliveryError::TooLong);
        }
    }
    Ok(body)
}

impl DeliveryError {
    fn of(error: &reqwest::Error) -> Self {
        let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
        while let Some(error) = cause {
            if error.is::<NotPublic>() {
                return Self::NotPublic;
            }
            cause = error.source();
        }
        if error.is_builder() {
            Self::Unfit
        } else if error.is_timeout() && !error.is_connect() {
            Self::Silent
        } else {
            Self::Unreachable
        }
    }
}

impl App {
    /// The webhook that an admin gives a chatbot, or what is wrong with it.
    pub fn webhook(&self, given: &Webhook) -> Result<Webhook, crate::Error> {
        given.checked(self.webhooks.reach())
    }
}
