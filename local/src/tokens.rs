//! Tokens signed with a shared secret: a laptop's in place of an identity provider's, or a stack's.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use authorizer::{Keys, Misconfigured, Rules};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::json;
use shared::fingerprint;

use crate::{Error, access_key::AccessKey};

/// The issuer and audience of a laptop's tokens (`iss` and `aud`), and the defaults of a stack's.
pub(crate) const ISSUER: &str = "switchboard";

/// The lifetime of a laptop's token.
const TOKEN_LIFETIME: Duration = Duration::from_hours(30 * 24);

/// The lifetime of a stack's token, unless an option sets another: whoever finds one may use it until then.
pub(crate) const STACK_TOKEN_LIFETIME: Duration = Duration::from_hours(8);

/// A signer of HS256 tokens with one secret.
#[derive(Clone)]
pub struct Tokens {
    secret: String,
    issuer: String,
    audience: String,
    lifetime: Duration,
}

impl Tokens {
    /// A laptop's signer with `secret`, which must have 32 bytes or more.
    pub(crate) fn new(secret: String) -> Self {
        Self { secret, issuer: ISSUER.to_owned(), audience: ISSUER.to_owned(), lifetime: TOKEN_LIFETIME }
    }

    /// A laptop's signer with a new secret.
    pub fn random() -> Result<Self, Error> {
        new_secret().map(Self::new)
    }

    /// A stack's signer with its secret.
    pub(crate) fn issued_by(issuer: &str, audience: &str, secret: String) -> Self {
        Self { secret, issuer: issuer.to_owned(), audience: audience.to_owned(), lifetime: STACK_TOKEN_LIFETIME }
    }

    pub(crate) fn valid_for(self, lifetime: Duration) -> Self {
        Self { lifetime, ..self }
    }

    /// A token that is valid for 30 days, or as long as this signer's are.
    pub fn token(&self, tenant: &str, role: &str, subject: &str) -> String {
        let expires = SystemTime::now() + self.lifetime;
        let expires = expires.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let Self { issuer, audience, .. } = self;
        self.sign(&json!({
            "iss": issuer, "aud": audience, "exp": expires, "sub": subject, "tenant": tenant, "role": role,
        }))
    }

    /// A token with any claims, valid or not.
    #[expect(clippy::missing_panics_doc, reason = "there is no JSON and no secret that HS256 would not sign")]
    pub fn sign(&self, claims: &serde_json::Value) -> String {
        encode(&Header::default(), claims, &EncodingKey::from_secret(self.secret.as_bytes()))
            .expect("HS256 signs any JSON with any secret")
    }

    /// The keys that verify these tokens and visitors' tokens.
    pub(crate) fn keys(&self) -> Result<Keys, Misconfigured> {
        let rules = Rules::new(&*self.issuer, &*self.audience).without_clock_skew();
        Keys::secret(&*self.secret, rules)?.with_visitors(self.visitor_secret())
    }

    /// The secret of visitors' tokens, derived from the same secret so that only one has to be kept.
    pub(crate) fn visitor_secret(&self) -> String {
        fingerprint(&[b"visitors", self.secret.as_bytes()])
    }

    /// The access key of the instance's services, derived like that.
    pub fn access_key(&self) -> AccessKey {
        let derived = |part: &[u8]| fingerprint(&[part, self.secret.as_bytes()]);
        let id = derived(b"access key id")[..16].to_uppercase();
        AccessKey::new(format!("LOCAL{id}"), derived(b"secret access key"))
    }

    /// The secret, for processes that sign or verify tokens themselves.
    pub fn secret(&self) -> &str {
        &self.secret
    }
}

/// A new secret: 256 random bits in base64.
pub(crate) fn new_secret() -> Result<String, Error> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| Error::Io(std::io::Error::other(error)))?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}
