//! Signers of tokens. The keys under `keys/` were made for these tests and sign nothing else.

use std::{fs, path::Path};

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, get_current_timestamp, jwk::Jwk};
use serde_json::{Value, json};

use super::{AUDIENCE, ISSUER};

pub(super) struct Signer {
    key: EncodingKey,
    header: Header,
}

impl Signer {
    pub(super) fn secret(secret: &str) -> Self {
        Self::new(EncodingKey::from_secret(secret.as_bytes()), Algorithm::HS256)
    }

    /// An RS256 signer whose key id is `name`.
    pub(super) fn rsa(name: &str) -> Self {
        Self::new(EncodingKey::from_rsa_pem(&pem(&format!("{name}.test-key.pem"))).unwrap(), Algorithm::RS256)
            .under(name)
    }

    /// An ES256 signer whose key id is `ec`.
    pub(super) fn ec() -> Self {
        Self::new(EncodingKey::from_ec_pem(&pem("ec.test-key.pem")).unwrap(), Algorithm::ES256).under("ec")
    }

    /// An `EdDSA` signer whose key id is `ed`.
    pub(super) fn ed() -> Self {
        Self::new(EncodingKey::from_ed_pem(&pem("ed.test-key.pem")).unwrap(), Algorithm::EdDSA).under("ed")
    }

    fn new(key: EncodingKey, algorithm: Algorithm) -> Self {
        Self { key, header: Header::new(algorithm) }
    }

    pub(super) fn under(mut self, kid: &str) -> Self {
        self.header.kid = Some(kid.to_owned());
        self
    }

    pub(super) fn without_kid(mut self) -> Self {
        self.header.kid = None;
        self
    }

    pub(super) fn algorithm(mut self, algorithm: Algorithm) -> Self {
        self.header.alg = algorithm;
        self
    }

    pub(super) fn critical(mut self, extension: &str) -> Self {
        self.header.crit = Some(vec![extension.to_owned()]);
        self
    }

    /// The public key as the issuer publishes it.
    pub(super) fn jwk(&self) -> Value {
        let mut jwk = Jwk::from_encoding_key(&self.key, self.header.alg).unwrap();
        jwk.common.key_id.clone_from(&self.header.kid);
        serde_json::to_value(jwk).unwrap()
    }

    pub(super) fn token(&self) -> String {
        self.signs(&claims())
    }

    pub(super) fn signs(&self, claims: &Value) -> String {
        encode(&self.header, claims, &self.key).unwrap()
    }
}

pub(super) fn pem(name: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("api/authorizer/keys").join(name)).unwrap()
}

/// A customer's claims, valid for an hour.
pub(super) fn claims() -> Value {
    json!({
        "sub": "cara", "tenant": "acme", "role": "customer", "name": "Cara",
        "exp": get_current_timestamp() + 3600, "iss": ISSUER, "aud": AUDIENCE,
    })
}

/// The same claims with one replaced, or removed by null.
pub(super) fn claims_with(claim: &str, value: impl Into<Value>) -> Value {
    let mut claims = claims();
    match value.into() {
        Value::Null => drop(claims.as_object_mut().unwrap().remove(claim)),
        value => claims[claim] = value,
    }
    claims
}
