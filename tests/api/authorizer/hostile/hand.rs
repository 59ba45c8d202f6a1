//! A hand that signs any bytes as a token.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, crypto::sign};
use serde_json::{Value, json};

use super::VISITOR_SECRET;
use crate::api::authorizer::signer::pem;

/// A signing key with its algorithm and the header that a genuine token of it has.
pub(super) struct Hand {
    pub(super) key: EncodingKey,
    pub(super) algorithm: Algorithm,
    pub(super) header: Value,
}

impl Hand {
    pub(super) fn issuer() -> Self {
        Self::rsa("rsa", "rsa")
    }

    pub(super) fn rsa(name: &str, kid: &str) -> Self {
        let key = EncodingKey::from_rsa_pem(&pem(&format!("{name}.test-key.pem"))).unwrap();
        Self { key, algorithm: Algorithm::RS256, header: json!({ "alg": "RS256", "typ": "JWT", "kid": kid }) }
    }

    pub(super) fn secret(secret: impl AsRef<[u8]>) -> Self {
        let key = EncodingKey::from_secret(secret.as_ref());
        Self { key, algorithm: Algorithm::HS256, header: json!({ "alg": "HS256", "typ": "JWT" }) }
    }

    pub(super) fn visitors() -> Self {
        Self::secret(VISITOR_SECRET).with("kid", json!("visitors"))
    }

    pub(super) fn with(mut self, member: &str, value: Value) -> Self {
        self.header[member] = value;
        self
    }

    /// Signs any bytes as header and payload.
    pub(super) fn signs(&self, header: impl AsRef<[u8]>, payload: impl AsRef<[u8]>) -> String {
        let signed = format!("{}.{}", part(header), part(payload));
        let signature = sign(signed.as_bytes(), &self.key, self.algorithm).unwrap();
        format!("{signed}.{signature}")
    }

    pub(super) fn token(&self, payload: impl AsRef<[u8]>) -> String {
        self.signs(self.header.to_string(), payload)
    }
}

pub(super) fn part(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
