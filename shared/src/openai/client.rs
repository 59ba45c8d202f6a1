//! The OpenAI client and its settings.

use std::sync::Arc;

use aws_calls::{Secret, Unavailable};
use reqwest::{Client, Url};

use super::{retry_policy::RetryPolicy, wire::Wire};

/// An OpenAI client. Clones share its connections and settings.
#[derive(Clone)]
pub struct OpenAi {
    /// Builds the requests; sends them only if it is also the `wire`.
    pub(super) requests: Client,
    pub(super) wire: Arc<dyn Wire>,
    pub(super) settings: Arc<Settings>,
}

/// The server to call, the key to call it with, and the policy for retries and timeouts.
pub struct Settings {
    /// The base URL, version included (`https://api.openai.com/v1`). A query is kept, for servers that expect their
    /// version there.
    pub base_url: Url,
    /// The bearer token. No `Authorization` header is sent if it is empty: local servers need none.
    pub api_key: Secret,
    pub retry_policy: RetryPolicy,
}

impl OpenAi {
    /// Creates a client that sends its requests through `http`, which should come from [`RetryPolicy::http`]: the
    /// policy's connect timeout applies to no other client.
    pub fn new(http: Client, settings: Settings) -> Self {
        Self { wire: Arc::new(http.clone()), requests: http, settings: Arc::new(settings) }
    }

    pub fn retry_policy(&self) -> &RetryPolicy {
        &self.settings.retry_policy
    }

    /// Reads the API key, if it is kept elsewhere. Later it is read again in time, before a request.
    pub async fn key_ready(&self) -> Result<(), Unavailable> {
        self.settings.api_key.value().await.map(drop)
    }

    /// Replaces the wire. The policy's connect timeout does not apply to the new one.
    #[must_use]
    pub fn over(self, wire: Arc<dyn Wire>) -> Self {
        Self { wire, ..self }
    }
}
