//! Keys that verify tokens: a secret shared with the issuer, or the issuer's published keys.

use std::{
    env,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use aws_calls::Secret;
use jsonwebtoken::{Header, decode_header};

use crate::{
    caller::Caller,
    key::Key,
    key_set::{KeySet, RefreshPolicy},
    refusal::{Misconfigured, Refusal},
    rules::Rules,
};

/// Keys that verify tokens. Cheap to clone; clones share the fetched keys.
#[derive(Clone)]
pub struct Keys {
    source: Source,
    rules: Arc<Rules>,
    /// Key for visitors' tokens, which Switchboard signs itself, whatever the source of the other keys.
    visitors: Option<SharedKey>,
    /// Another issuer's keys, for tokens that these did not sign.
    others: Option<Arc<Keys>>,
}

/// The longest token: API Gateway takes no more bytes of headers, and other gateways should not either.
const MAX_TOKEN_BYTES: usize = 10_240;

/// `kid` of a visitor's token, as the function `visitor` sets it.
const VISITOR_KEY_ID: &str = "visitors";

/// `iss` and `aud` of a visitor's token, as the function `visitor` sets them.
const VISITOR_ISSUER: &str = "switchboard-visitors";

#[derive(Clone)]
enum Source {
    Secret(SharedKey),
    Published(Arc<KeySet>),
}

/// A secret shared with whoever signs tokens, which may be rotated meanwhile.
#[derive(Clone)]
struct SharedKey(Secret);

impl SharedKey {
    /// Checks a secret that is known already; one that is not is checked when it has been read.
    fn new(secret: Secret) -> Result<Self, Misconfigured> {
        if !secret.is_stored() {
            Key::secret(&secret.current())?;
        }
        Ok(Self(secret))
    }

    async fn key(&self) -> Result<Key, Refusal> {
        let secret = self.0.value().await.map_err(|error| {
            tracing::error!(%error, "the secret of the tokens could not be read");
            Refusal::KeysUnavailable
        })?;
        Key::secret(&secret).map_err(|error| {
            tracing::error!(%error, "the secret of the tokens is of no use");
            Refusal::KeysUnavailable
        })
    }
}

impl Keys {
    /// Reads the environment once, at start-up: the variables of [`Rules::read`], one of `JWT_SECRET` and
    /// `JWT_JWKS_URL`, and, if visitors are admitted, `VISITOR_SECRET`. A secret may also be the ARN of one in Secrets
    /// Manager.
    pub fn from_env() -> Result<Self, Misconfigured> {
        let set = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
        let rules = Rules::read(set)?;
        let [secret, visitors] = Secret::from_env(["JWT_SECRET", "VISITOR_SECRET"])?;
        let keys = match (secret.is_set(), set("JWT_JWKS_URL")) {
            (true, None) => Self::secret(secret, rules),
            (false, Some(url)) => Self::published(&url, rules, RefreshPolicy::default()),
            _ => Err(Misconfigured::OneSourceIsNeeded),
        }?;
        if visitors.is_set() { keys.with_visitors(visitors) } else { Ok(keys) }
    }

    /// Also accepts visitors' tokens, signed by HS256 with `secret`.
    pub fn with_visitors(self, secret: impl Into<Secret>) -> Result<Self, Misconfigured> {
        Ok(Self { visitors: Some(SharedKey::new(secret.into())?), ..self })
    }

    /// Also accepts the tokens that `others` accept.
    #[must_use]
    pub fn or(self, others: Self) -> Self {
        Self { others: Some(Arc::new(others)), ..self }
    }

    /// Verifies tokens signed by HS256 with `secret` (at least 32 bytes).
    pub fn secret(secret: impl Into<Secret>, rules: Rules) -> Result<Self, Misconfigured> {
        Ok(Self::new(Source::Secret(SharedKey::new(secret.into())?), rules))
    }

    /// Verifies tokens signed by one of the keys (RS256, ES256, `EdDSA`) of the JWK set at `url`.
    pub fn published(url: &str, rules: Rules, refresh_policy: RefreshPolicy) -> Result<Self, Misconfigured> {
        Ok(Self::new(Source::Published(Arc::new(KeySet::new(url, refresh_policy)?)), rules))
    }

    fn new(source: Source, rules: Rules) -> Self {
        Self { source, rules: Arc::new(rules), visitors: None, others: None }
    }

    /// Fetches published keys and stored secrets ahead of the first request. After a failure the first request tries
    /// again.
    pub async fn warm(&self) {
        let source = async {
            match &self.source {
                Source::Secret(key) => drop(key.key().await),
                Source::Published(set) => set.refresh().await,
            }
        };
        let visitors = async {
            if let Some(key) = &self.visitors {
                drop(key.key().await);
            }
        };
        tokio::join!(source, visitors);
    }

    /// Verifies a token and returns its caller.
    pub async fn verify(&self, token: &str) -> Result<Caller, Refusal> {
        let caller = self.verify_own(token).await;
        match (&self.others, caller) {
            (Some(others), Err(refusal)) if refusal.is_of_the_signature() => others.verify_own(token).await,
            (_, caller) => caller,
        }
    }

    async fn verify_own(&self, token: &str) -> Result<Caller, Refusal> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(Refusal::TooLong);
        }
        let header = decode_header(token).map_err(|_| Refusal::Malformed)?;
        if changes_meaning(&header) {
            return Err(Refusal::Malformed);
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        if let Some(key) = self.visitors.as_ref().filter(|_| header.kid.as_deref() == Some(VISITOR_KEY_ID)) {
            // The visitors' key never makes anyone an agent or an admin, whatever claims it signed.
            let claims = key.key().await?.verify(token)?;
            let rules = Rules::new(VISITOR_ISSUER, VISITOR_ISSUER).without_clock_skew();
            return Caller::new(&claims, &rules, now)?.require_visitor(&claims);
        }
        let claims = match &self.source {
            Source::Secret(key) => key.key().await?.verify(token)?,
            Source::Published(set) => set.key(header.kid.as_deref()).await?.verify(token)?,
        };
        Caller::new(&claims, &self.rules, now)
    }
}

/// True if a header asks for another reading of the token than the usual one, of which none is known here: by a
/// critical parameter (RFC 7515, section 4.1.11), or by `b64` even without `crit` (RFC 7797, section 7, forbids it for
/// JWTs).
fn changes_meaning(header: &Header) -> bool {
    header.crit.is_some() || header.zip.is_some() || header.enc.is_some() || header.extras.inner().contains_key("b64")
}
