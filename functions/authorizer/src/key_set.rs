//! The issuer's published keys (a JWK set, RFC 7517), cached and fetched by one caller at a time.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use jsonwebtoken::jwk::Jwk;
use reqwest::{Client, Url, redirect};
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::{Mutex, OwnedMutexGuard, watch};

use crate::{
    key::Key,
    refusal::{Misconfigured, Refusal},
};

/// Size limit of the JWK set. A usual one holds a few keys of a few hundred bytes each.
const MAX_RESPONSE_BYTES: usize = 512 * 1024;

/// Cache lifetime, minimum interval between fetches and timeout of a fetch.
#[derive(Clone, Copy, Debug)]
pub struct RefreshPolicy {
    /// Age at which the set is fetched again, so that a withdrawn key stops working. If the fetch fails, the old set
    /// stays in use.
    pub max_age: Duration,
    /// Minimum time between a successful fetch and the next one. Until then unknown `kid`s are refused without a fetch,
    /// so that forged tokens cause no load at the issuer.
    pub cool_down: Duration,
    /// Minimum time between a failed fetch and the next one.
    pub after_failure: Duration,
    /// Timeout of one fetch.
    pub timeout: Duration,
}

impl Default for RefreshPolicy {
    fn default() -> Self {
        Self {
            max_age: Duration::from_mins(15),
            cool_down: Duration::from_secs(30),
            after_failure: Duration::from_secs(2),
            timeout: Duration::from_secs(3),
        }
    }
}

/// Cache of the issuer's JWK set.
pub(crate) struct KeySet {
    http: Client,
    url: Url,
    refresh_policy: RefreshPolicy,
    cached: watch::Sender<Option<CachedKeys>>,
    /// Locked during a fetch. Holds the earliest time of the next one.
    fetch_lock: Arc<Mutex<Option<Instant>>>,
}

struct CachedKeys {
    keys: Vec<Arc<Key>>,
    fetched_at: Instant,
}

impl KeySet {
    pub(crate) fn new(url: &str, refresh_policy: RefreshPolicy) -> Result<Self, Misconfigured> {
        let url = Url::parse(url).ok().filter(is_trusted).ok_or(Misconfigured::UnsafeUrl)?;
        let http = Client::builder()
            .timeout(refresh_policy.timeout)
            .redirect(redirect::Policy::none())
            .build()
            .map_err(|_| Misconfigured::NoHttpClient)?;
        Ok(Self { http, url, refresh_policy, cached: watch::Sender::new(None), fetch_lock: Arc::default() })
    }

    /// Waits for a fetch under way, then fetches unless one ended just now.
    pub(crate) async fn refresh(self: &Arc<Self>) {
        self.refresh_locked(Arc::clone(&self.fetch_lock).lock_owned().await).await;
    }

    /// Finds the key with this `kid`, fetching the set when it is missing or too old. A token without a `kid` is
    /// accepted only if the set holds a single key.
    pub(crate) async fn key(self: &Arc<Self>, kid: Option<&str>) -> Result<Arc<Key>, Refusal> {
        match self.find(kid) {
            Ok((key, true)) => return Ok(key),
            // The key is known but the set is too old: one caller fetches, the others use the old key without waiting.
            Ok((key, false)) => match Arc::clone(&self.fetch_lock).try_lock_owned() {
                Ok(not_before) => self.refresh_locked(not_before).await,
                Err(_) => return Ok(key),
            },
            // The key is unknown: wait for a fetch, which may bring it.
            Err(_) => self.refresh().await,
        }
        self.find(kid).map(|(key, _)| key)
    }

    /// Finds a cached key; the flag is true if the set is younger than `max_age`.
    fn find(&self, kid: Option<&str>) -> Result<(Arc<Key>, bool), Refusal> {
        let cached = self.cached.borrow();
        let cached = cached.as_ref().ok_or_else(|| {
            tracing::error!("no keys of the issuer could be fetched yet");
            Refusal::KeysUnavailable
        })?;
        let found = match (kid, &cached.keys[..]) {
            (Some(kid), keys) => keys.iter().find(|key| key.has_id(kid)),
            (None, [only]) => Some(only),
            (None, _) => None,
        };
        let key = found.ok_or(Refusal::UnknownKey)?;
        Ok((Arc::clone(key), cached.fetched_at.elapsed() < self.refresh_policy.max_age))
    }

    /// Fetches the set unless the last fetch was too recent. The fetch runs in a task of its own, so that a caller that
    /// is dropped does not cancel it for the callers that wait.
    async fn refresh_locked(self: &Arc<Self>, mut not_before: OwnedMutexGuard<Option<Instant>>) {
        if not_before.is_some_and(|not_before| Instant::now() < not_before) {
            return;
        }
        let set = Arc::clone(self);
        let fetching = tokio::spawn(async move {
            let cool_down = match set.fetch().await {
                Ok(keys) => {
                    set.cached.send_replace(Some(CachedKeys { keys, fetched_at: Instant::now() }));
                    set.refresh_policy.cool_down
                }
                Err(error) => {
                    tracing::warn!(%error, "fetching the issuer's keys failed; cached keys stay in use");
                    set.refresh_policy.after_failure
                }
            };
            *not_before = Some(Instant::now() + cool_down);
        });
        if let Err(error) = fetching.await {
            tracing::error!(%error, "the task that fetches the issuer's keys panicked or was cancelled");
        }
    }

    async fn fetch(&self) -> Result<Vec<Arc<Key>>, FetchError> {
        let mut response = self.http.get(self.url.clone()).send().await?;
        if !response.status().is_success() {
            return Err(FetchError::Status(response.status().as_u16()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            body.extend_from_slice(&chunk);
            if body.len() > MAX_RESPONSE_BYTES {
                return Err(FetchError::TooLarge);
            }
        }
        let set: JwkSet = serde_json::from_slice(&body)?;
        let usable = |jwk| Key::published(&serde_json::from_value::<Jwk>(jwk).ok()?).map(Arc::new);
        let keys: Vec<_> = set.keys.into_iter().filter_map(usable).collect();
        if keys.is_empty() { Err(FetchError::NoUsableKey) } else { Ok(keys) }
    }
}

/// A JWK set whose keys are parsed one by one, so that a key of an unknown type does not invalidate the others.
#[derive(Deserialize)]
struct JwkSet {
    keys: Vec<Value>,
}

#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error("the request failed: {0}")]
    Request(#[from] reqwest::Error),
    #[error("the issuer responded with status {0}")]
    Status(u16),
    #[error("the response body is larger than {MAX_RESPONSE_BYTES} bytes")]
    TooLarge,
    #[error("the response is not a JWK set: {0}")]
    NotAJwkSet(#[from] serde_json::Error),
    #[error("the JWK set has no signing key for RS256, ES256 or EdDSA")]
    NoUsableKey,
}

/// Accepts `https`, and `http` to localhost only: anyone who can alter the response can forge tokens.
fn is_trusted(url: &Url) -> bool {
    let local = matches!(url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"));
    url.scheme() == "https" || (url.scheme() == "http" && local)
}
