//! What tokens are verified with: a secret shared with the issuer, or the issuer's published keys.

use std::{env, sync::Arc};

use jsonwebtoken::decode_header;

use crate::{
    caller::Caller,
    key::{Expected, Key},
    key_set::{KeySet, RefreshPolicy},
    refusal::{Misconfigured, Refusal},
};

/// Cheap to clone; clones share what was fetched.
#[derive(Clone)]
pub struct Keys {
    source: Source,
    /// Visitors' tokens are Switchboard's own, whoever signs the others.
    visitors: Option<Arc<Key>>,
}

/// What a visitor's token has as its `kid`, `iss` and `aud`: see the function `visitor`.
const VISITOR_KEY_ID: &str = "visitors";
const VISITOR_ISSUER: &str = "switchboard-visitors";

#[derive(Clone)]
enum Source {
    Secret(Arc<Key>),
    Published(Arc<KeySet>),
}

impl Keys {
    /// Reads `JWT_ISSUER`, `JWT_AUDIENCE` and one of `JWT_SECRET` and `JWT_JWKS_URL`; and, where visitors are let in,
    /// `VISITOR_SECRET`.
    pub fn from_env() -> Result<Self, Misconfigured> {
        let set = |name| env::var(name).ok().filter(|value| !value.is_empty());
        let (Some(issuer), Some(audience)) = (set("JWT_ISSUER"), set("JWT_AUDIENCE")) else {
            return Err(Misconfigured::NothingExpected);
        };
        let keys = match (set("JWT_SECRET"), set("JWT_JWKS_URL")) {
            (Some(secret), None) => Self::secret(&secret, issuer, audience),
            (None, Some(url)) => Self::published(&url, issuer, audience, RefreshPolicy::default()),
            _ => Err(Misconfigured::OneSourceIsNeeded),
        }?;
        set("VISITOR_SECRET").map_or(Ok(keys.clone()), |secret| keys.with_visitors(&secret))
    }

    /// The same, that lets in visitors too, whose tokens are signed by HS256 with `secret`.
    pub fn with_visitors(self, secret: &str) -> Result<Self, Misconfigured> {
        let expected = Expected { issuer: VISITOR_ISSUER.into(), audience: VISITOR_ISSUER.into() };
        Ok(Self { visitors: Some(Arc::new(Key::secret(secret, &expected)?)), ..self })
    }

    /// Tokens signed by HS256 with `secret` (32 bytes or more).
    pub fn secret(secret: &str, issuer: impl Into<String>, audience: impl Into<String>) -> Result<Self, Misconfigured> {
        let expected = Expected { issuer: issuer.into(), audience: audience.into() };
        Ok(Self { source: Source::Secret(Arc::new(Key::secret(secret, &expected)?)), visitors: None })
    }

    /// Tokens signed by one of the keys (RS256, ES256, `EdDSA`) of the JWK set found at `url`.
    pub fn published(
        url: &str,
        issuer: impl Into<String>,
        audience: impl Into<String>,
        refresh_policy: RefreshPolicy,
    ) -> Result<Self, Misconfigured> {
        let expected = Expected { issuer: issuer.into(), audience: audience.into() };
        Ok(Self { source: Source::Published(Arc::new(KeySet::new(url, expected, refresh_policy)?)), visitors: None })
    }

    /// Fetches what will be needed, so that the first caller need not wait. A failure is left to that caller.
    pub async fn warm(&self) {
        if let Source::Published(set) = &self.source {
            set.refresh().await;
        }
    }

    /// Who the token speaks for, if everything about it is right.
    pub async fn verify(&self, token: &str) -> Result<Caller, Refusal> {
        let header = decode_header(token).map_err(|_| Refusal::Malformed)?;
        // RFC 7515, section 4.1.11: what is marked critical and not understood must be refused. We understand none.
        if header.crit.is_some() {
            return Err(Refusal::Malformed);
        }
        if let Some(key) = self.visitors.as_ref().filter(|_| header.kid.as_deref() == Some(VISITOR_KEY_ID)) {
            // Whatever that key signs, it makes nobody an agent.
            return key.verify(token)?.require_visitor();
        }
        match &self.source {
            Source::Secret(key) => key.verify(token),
            Source::Published(set) => set.key(header.kid.as_deref()).await?.verify(token),
        }
    }
}
