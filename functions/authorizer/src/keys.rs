//! Keys that verify tokens: a secret shared with the issuer, or the issuer's published keys.

use std::{env, sync::Arc};

use aws_calls::Secret;
use jsonwebtoken::decode_header;

use crate::{
    caller::Caller,
    key::{Expected, Key},
    key_set::{KeySet, RefreshPolicy},
    refusal::{Misconfigured, Refusal},
};

/// Keys that verify tokens. Cheap to clone; clones share the fetched keys.
#[derive(Clone)]
pub struct Keys {
    source: Source,
    /// Key for visitors' tokens, which Switchboard signs itself, whatever the source of the other keys.
    visitors: Option<SharedKey>,
}

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
struct SharedKey {
    secret: Secret,
    expected: Expected,
}

impl SharedKey {
    /// Checks a secret that is known already; one that is not is checked when it has been read.
    fn new(secret: Secret, expected: Expected) -> Result<Self, Misconfigured> {
        if !secret.is_stored() {
            Key::secret(&secret.current(), &expected)?;
        }
        Ok(Self { secret, expected })
    }

    async fn key(&self) -> Result<Key, Refusal> {
        let secret = self.secret.value().await.map_err(|error| {
            tracing::error!(%error, "the secret of the tokens could not be read");
            Refusal::KeysUnavailable
        })?;
        Key::secret(&secret, &self.expected).map_err(|error| {
            tracing::error!(%error, "the secret of the tokens is of no use");
            Refusal::KeysUnavailable
        })
    }
}

impl Keys {
    /// Reads the environment once, at start-up: `JWT_ISSUER`, `JWT_AUDIENCE`, one of `JWT_SECRET` and `JWT_JWKS_URL`,
    /// and, if visitors are admitted, `VISITOR_SECRET`. A secret may also be the ARN of one in Secrets Manager.
    pub fn from_env() -> Result<Self, Misconfigured> {
        let set = |name| env::var(name).ok().filter(|value| !value.is_empty());
        let (Some(issuer), Some(audience)) = (set("JWT_ISSUER"), set("JWT_AUDIENCE")) else {
            return Err(Misconfigured::NothingExpected);
        };
        let [secret, visitors] = Secret::from_env(["JWT_SECRET", "VISITOR_SECRET"])?;
        let keys = match (secret.is_set(), set("JWT_JWKS_URL")) {
            (true, None) => Self::secret(secret, issuer, audience),
            (false, Some(url)) => Self::published(&url, issuer, audience, RefreshPolicy::default()),
            _ => Err(Misconfigured::OneSourceIsNeeded),
        }?;
        if visitors.is_set() { keys.with_visitors(visitors) } else { Ok(keys) }
    }

    /// Also accepts visitors' tokens, signed by HS256 with `secret`.
    pub fn with_visitors(self, secret: impl Into<Secret>) -> Result<Self, Misconfigured> {
        let expected = Expected { issuer: VISITOR_ISSUER.into(), audience: VISITOR_ISSUER.into() };
        Ok(Self { visitors: Some(SharedKey::new(secret.into(), expected)?), ..self })
    }

    /// Verifies tokens signed by HS256 with `secret` (at least 32 bytes).
    pub fn secret(
        secret: impl Into<Secret>,
        issuer: impl Into<String>,
        audience: impl Into<String>,
    ) -> Result<Self, Misconfigured> {
        let expected = Expected { issuer: issuer.into(), audience: audience.into() };
        Ok(Self { source: Source::Secret(SharedKey::new(secret.into(), expected)?), visitors: None })
    }

    /// Verifies tokens signed by one of the keys (RS256, ES256, `EdDSA`) of the JWK set at `url`.
    pub fn published(
        url: &str,
        issuer: impl Into<String>,
        audience: impl Into<String>,
        refresh_policy: RefreshPolicy,
    ) -> Result<Self, Misconfigured> {
        let expected = Expected { issuer: issuer.into(), audience: audience.into() };
        Ok(Self { source: Source::Published(Arc::new(KeySet::new(url, expected, refresh_policy)?)), visitors: None })
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
        let header = decode_header(token).map_err(|_| Refusal::Malformed)?;
        // A token with a critical header parameter that is not understood must be refused (RFC 7515, section 4.1.11).
        // None is understood here.
        if header.crit.is_some() {
            return Err(Refusal::Malformed);
        }
        if let Some(key) = self.visitors.as_ref().filter(|_| header.kid.as_deref() == Some(VISITOR_KEY_ID)) {
            // The visitors' key never makes anyone an agent or an admin, whatever claims it signed.
            return key.key().await?.verify(token)?.require_visitor();
        }
        match &self.source {
            Source::Secret(key) => key.key().await?.verify(token),
            Source::Published(set) => set.key(header.kid.as_deref()).await?.verify(token),
        }
    }
}
