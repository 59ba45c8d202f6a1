//! Webhooks: requests to servers that our customers choose. They are signed, limited in time and size, and kept out of
//! our own network.
//!
//! The signature follows Standard Webhooks. A request keeps its `webhook-id` when it is sent again, so that its
//! receiver can recognise a repeat.

mod resolver;
mod signature;

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use reqwest::{Client, Response, StatusCode, Url, header::CONTENT_TYPE, redirect};
use tokio::time::timeout;

use crate::{
    Error,
    domain::{
        At,
        webhook::{NetworkPolicy, Webhook, is_allowed_host},
    },
};
use resolver::{NotPublic, Resolver};
use signature::signature;

/// Timeout for establishing a connection, TLS included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// The most that is read of a response.
const MAX_RESPONSE_BYTES: usize = 64 * 1024;

#[derive(Clone, Debug)]
pub struct Settings {
    pub network_policy: NetworkPolicy,
    /// Timeout for a whole request, from its first packet to the last one of the response.
    pub timeout: Duration,
}

/// A client for webhooks. Clones share everything.
#[derive(Clone)]
pub struct Webhooks {
    settings: Settings,
    /// Built at its first use, since most functions never need it.
    http: Arc<OnceLock<Client>>,
}

/// The reason why a request to a webhook failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeliveryError {
    #[error("the webhook's address is not public")]
    NotPublic,
    #[error("the webhook could not be reached")]
    Unreachable,
    #[error("the webhook did not respond in time")]
    TimedOut,
    #[error("the webhook responded with status {}", .0.as_u16())]
    Refused(StatusCode),
    #[error("the webhook's response is too large")]
    TooLarge,
    /// The URL is invalid, or the machine has no TLS certificates.
    #[error("the request to the webhook could not be built")]
    InvalidRequest,
}

impl Default for Settings {
    fn default() -> Self {
        Self { network_policy: NetworkPolicy::Public, timeout: Duration::from_secs(10) }
    }
}

impl DeliveryError {
    /// True if the same request may succeed a moment later.
    pub fn is_retryable(self) -> bool {
        match self {
            Self::Unreachable => true,
            Self::Refused(status) => status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error(),
            Self::NotPublic | Self::TimedOut | Self::TooLarge | Self::InvalidRequest => false,
        }
    }
}

impl Webhooks {
    pub fn new(settings: Settings) -> Self {
        Self { settings, http: Arc::default() }
    }

    /// Validates the webhook that an admin sets for a chatbot.
    pub fn validated(&self, webhook: &Webhook) -> Result<Webhook, Error> {
        webhook.validated(self.settings.network_policy)
    }

    /// Posts a JSON body and returns the body of a 2xx response. Any other status is an error. So is a redirect, which
    /// could lead to an address that the URL may not have.
    pub async fn post(&self, webhook: &Webhook, id: &str, now: At, body: String) -> Result<Vec<u8>, DeliveryError> {
        let url: Url = webhook.url.parse().map_err(|_| DeliveryError::InvalidRequest)?;
        // Checked again, although it was when the webhook was set: a URL with an address instead of a name never
        // reaches the resolver.
        if !is_allowed_host(&url, self.settings.network_policy) {
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
        let response = async {
            let response = request.send().await.map_err(|error| DeliveryError::from_reqwest(&error))?;
            match response.status() {
                status if status.is_success() => read(response).await,
                status => Err(DeliveryError::Refused(status)),
            }
        };
        timeout(self.settings.timeout, response).await.unwrap_or(Err(DeliveryError::TimedOut))
    }

    fn http(&self) -> Result<&Client, DeliveryError> {
        if let Some(built) = self.http.get() {
            return Ok(built);
        }
        let built = client(self.settings.network_policy).map_err(|error| {
            tracing::error!(%error, "the HTTP client for webhooks could not be built");
            DeliveryError::InvalidRequest
        })?;
        Ok(self.http.get_or_init(|| built))
    }
}

fn client(policy: NetworkPolicy) -> reqwest::Result<Client> {
    Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .redirect(redirect::Policy::none())
        .dns_resolver(Resolver(policy))
        // A proxy would resolve names itself.
        .no_proxy()
        .http1_only()
        .https_only(policy == NetworkPolicy::Public)
        // The address of each request is resolved and checked anew. No connection is kept: it would die while a
        // function is frozen.
        .pool_max_idle_per_host(0)
        .user_agent("Switchboard")
        .build()
}

async fn read(mut response: Response) -> Result<Vec<u8>, DeliveryError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| DeliveryError::from_reqwest(&error))? {
        body.extend_from_slice(&chunk);
        if body.len() > MAX_RESPONSE_BYTES {
            return Err(DeliveryError::TooLarge);
        }
    }
    Ok(body)
}

impl DeliveryError {
    fn from_reqwest(error: &reqwest::Error) -> Self {
        let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
        while let Some(error) = cause {
            if error.is::<NotPublic>() {
                return Self::NotPublic;
            }
            cause = error.source();
        }
        if error.is_builder() {
            Self::InvalidRequest
        } else if error.is_timeout() && !error.is_connect() {
            Self::TimedOut
        } else {
            Self::Unreachable
        }
    }
}
