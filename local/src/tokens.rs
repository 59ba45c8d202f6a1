//! The tokens that a laptop gives out, in place of an identity provider.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use authorizer::{Keys, Misconfigured};
use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::json;
use shared::fingerprint;

/// What `iss` and `aud` say.
pub(crate) const ISSUER: &str = "switchboard";

/// How long a printed token can be used.
const TOKEN_LIFETIME: Duration = Duration::from_hours(30 * 24);

/// Signs HS256 tokens with one secret.
#[derive(Clone)]
pub struct Tokens(String);

impl Tokens {
    /// `secret` has 32 bytes or more.
    pub(crate) fn new(secret: String) -> Self {
        Self(secret)
    }

    /// A token of thirty days.
    pub fn token(&self, tenant: &str, role: &str, subject: &str) -> String {
        let expires = SystemTime::now() + TOKEN_LIFETIME;
        let expires = expires.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        self.sign(&json!({
            "iss": ISSUER, "aud": ISSUER, "exp": expires, "sub": subject, "tenant": tenant, "role": role,
        }))
    }

    /// A token of any claims, good or not.
    #[expect(clippy::missing_panics_doc, reason = "there is no JSON and no secret that HS256 would not sign")]
    pub fn sign(&self, claims: &serde_json::Value) -> String {
        encode(&Header::default(), claims, &EncodingKey::from_secret(self.0.as_bytes()))
            .expect("HS256 signs any JSON with any secret")
    }

    /// What verifies them, and visitors'.
    pub(crate) fn keys(&self) -> Result<Keys, Misconfigured> {
        Keys::secret(&self.0, ISSUER, ISSUER)?.with_visitors(&self.visitor_secret())
    }

    /// What visitors' tokens are signed with: made of the same secret, so that there is one to keep.
    pub(crate) fn visitor_secret(&self) -> String {
        fingerprint(&[b"visitors", self.0.as_bytes()])
    }

    /// The secret, for whoever makes tokens elsewhere.
    pub fn secret(&self) -> &str {
        &self.0
    }
}
