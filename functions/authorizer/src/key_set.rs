//! The issuer's published keys (a JWK set, RFC 7517), fetched rarely and by one caller at a time.

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
    key::{Expected, Key},
    refusal::{Misconfigured, Refusal},
};

/// A set is a few keys of a few hundred bytes.
const MAX_RESPONSE_BYTES: usize = 512 * 1024;

/// When to ask the issuer, and how long to wait.
#[derive(Clone, Copy, Debug)]
pub struct RefreshPolicy {
    /// A set older than this is fetched again, so that a withdrawn key ends. Fails that, the old set serves on.
    pub max_age: Duration,
    /// After a fetch, unknown `kid`s are refused without another for so long: tokens made up by anyone cost the issuer nothing.
    pub cool_down: Duration,
    /// The same after a fetch that failed.
    pub after_failure: Duration,
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

pub(crate) struct KeySet {
    http: Client,
    url: Url,
    expected: Expected,
    refresh_policy: RefreshPolicy,
    cached: watch::Sender<Option<CachedKeys>>,
    /// Whoever has the turn may fetch, but not before the time it holds.
    fetch_lock: Arc<Mutex<Option<Instant>>>,
}

struct CachedKeys {
    keys: Vec<Arc<Key>>,
    fetched_at: Instant,
}

impl KeySet {
    pub(crate) fn new(url: &str, expected: Expected, refresh_policy: RefreshPolicy) -> Result<Self, Misconfigured> {
        let url = Url::parse(url).ok().filter(is_trusted).ok_or(Misconfigured::UnsafeUrl)?;
        let http = Client::builder()
            .timeout(refresh_policy.timeout)
            .redirect(redirect::Policy::none())
            .build()
            .map_err(|_| Misconfigured::NoHttpClient)?;
        Ok(Self { http, url, expected, refresh_policy, cached: watch::Sender::new(None), fetch_lock: Arc::default() })
    }

    pub(crate) async fn refresh(self: &Arc<Self>) {
        self.refresh_locked(Arc::clone(&self.fetch_lock).lock_owned().await).await;
    }

    /// The key that signs under `kid`. A token without one can only mean the only key there is.
    pub(crate) async fn key(self: &Arc<Self>, kid: Option<&str>) -> Result<Arc<Key>, Refusal> {
        match self.find(kid) {
            Ok((key, true)) => return Ok(key),
            // Known, of an old set: one caller fetches, the others need not wait for it.
            Ok((key, false)) => match Arc::clone(&self.fetch_lock).try_lock_owned() {
                Ok(not_before) => self.refresh_locked(not_before).await,
                Err(_) => return Ok(key),
            },
            // Unknown: wait for a fetch under way, which may bring it.
            Err(_) => self.refresh().await,
        }
        self.find(kid).map(|(key, _)| key)
    }

    /// With whether the set is young enough.
    fn find(&self, kid: Option<&str>) -> Result<(Arc<Key>, bool), Refusal> {
        let cached = self.cached.borrow();
        let cached = cached.as_ref().ok_or(Refusal::KeysUnavailable)?;
        let found = match (kid, &cached.keys[..]) {
            (Some(kid), keys) => keys.iter().find(|key| key.has_id(kid)),
            (None, [only]) => Some(only),
            (None, _) => None,
        };
        let key = found.ok_or(Refusal::UnknownKey)?;
        Ok((Arc::clone(key), cached.fetched_at.elapsed() < self.refresh_policy.max_age))
    }

    /// Fetches unless somebody did just now. A task of its own, so that a caller who goes away does not undo it for those who wait.
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
        let usable = |jwk| Key::published(&serde_json::from_value::<Jwk>(jwk).ok()?, &self.expected).map(Arc::new);
        let keys: Vec<_> = set.keys.into_iter().filter_map(usable).collect();
        if keys.is_empty() { Err(FetchError::NoUsableKey) } else { Ok(keys) }
    }
}

/// Keys are read one by one: a kind that we don't know must not hide the others.
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

/// Who can change the answer can make tokens: only what TLS protects, or what never leaves this machine.
fn is_trusted(url: &Url) -> bool {
    let local = matches!(url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"));
    url.scheme() == "https" || (url.scheme() == "http" && local)
}
