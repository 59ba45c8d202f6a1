//! The tokens that a laptop issues in place of an identity provider.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use authorizer::{Keys, Misconfigured};
use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::json;
use shared::fingerprint;

/// The issuer and audience of the tokens (`iss` and `aud`).
pub(crate) const ISSUER: &str = "switchboard";

/// The lifetime of a printed token.
const TOKEN_LIFETIME: Duration = Duration::from_hours(30 * 24);

/// A signer of HS256 tokens with one secret.
#[derive(Clone)]
pub struct Tokens(String);

impl Tokens {
    /// A signer with `secret`, which must have 32 bytes or more.
    pub(crate) fn new(secret: String) -> Self {
        Self(secret)
    }

    /// A token that is valid for 30 days.
    pub fn token(&self, tenant: &str, role: &str, subject: &str) -> String {
        let expires = SystemTime::now() + TOKEN_LIFETIME;
        let expires = expires.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        self.sign(&json!({
            "iss": ISSUER, "aud": ISSUER, "exp": expires, "sub": subject, "tenant": tenant, "role": role,
        }))
    }

    /// A token with any claims, valid or not.
    #[expect(clippy::missing_panics_doc, reason = "there is no JSON and no secret that HS256 would not sign")]
    pub fn sign(&self, claims: &serde_json::Value) -> String {
        encode(&Header::default(), claims, &EncodingKey::from_secret(self.0.as_bytes()))
            .expect("HS256 signs any JSON with any secret")
    }

    /// The keys that verify these tokens and visitors' tokens.
    pub(crate) fn keys(&self) -> Result<Keys, Misconfigured> {
        Keys::secret(self.secret(), ISSUER, ISSUER)?.with_visitors(self.visitor_secret())
    }

    /// The secret of visitors' tokens, derived from the same secret so that only one has to be kept.
    pub(crate) fn visitor_secret(&self) -> String {
        fingerprint(&[b"visitors", self.0.as_bytes()])
    }

    /// The secret, for processes that sign or verify tokens themselves.
    pub fn secret(&self) -> &str {
        &self.0
    }
}
