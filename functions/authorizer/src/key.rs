//! A verification key, bound to one algorithm.

use jsonwebtoken::{
    Algorithm, DecodingKey, Validation, decode,
    errors::ErrorKind,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse},
};

use crate::{
    claims::Claims,
    refusal::{Misconfigured, Refusal},
};

/// Minimum length of an HS256 secret: that of the hash (RFC 7518, section 3.2).
const SECRET_MIN_BYTES: usize = 32;

/// A verification key with its algorithm. The algorithm is taken from the key, never from the token's header: a public
/// key cannot be used as a secret, and `alg: none` is refused.
pub(crate) struct Key {
    id: Option<String>,
    verifier: DecodingKey,
    validation: Validation,
}

impl Key {
    /// Key for HS256 from a shared secret.
    pub(crate) fn secret(secret: &str) -> Result<Self, Misconfigured> {
        if secret.len() < SECRET_MIN_BYTES {
            return Err(Misconfigured::ShortSecret);
        }
        let verifier = DecodingKey::from_secret(secret.as_bytes());
        Ok(Self { id: None, verifier, validation: validation(Algorithm::HS256) })
    }

    /// Key for RS256, ES256 or `EdDSA` from a JWK; `None` for a key of another type or purpose.
    pub(crate) fn published(jwk: &Jwk) -> Option<Self> {
        let algorithm = match &jwk.algorithm {
            AlgorithmParameters::RSA(_) => Algorithm::RS256,
            AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => Algorithm::ES256,
            AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => Algorithm::EdDSA,
            _ => return None,
        };
        let common = &jwk.common;
        let same_algorithm = common.key_algorithm.is_none_or(|named| named == KeyAlgorithm::from(algorithm));
        let for_signatures = common.public_key_use.as_ref().is_none_or(|purpose| *purpose == PublicKeyUse::Signature);
        let to_verify = common.key_operations.as_ref().is_none_or(|all| all.contains(&KeyOperations::Verify));
        if !(same_algorithm && for_signatures && to_verify) {
            return None;
        }
        let verifier = DecodingKey::from_jwk(jwk).ok()?;
        Some(Self { id: common.key_id.clone(), verifier, validation: validation(algorithm) })
    }

    pub(crate) fn has_id(&self, id: &str) -> bool {
        self.id.as_deref() == Some(id)
    }

    /// Verifies the signature, and returns what it covers. The caller has already decoded the header, to choose this
    /// key, and has yet to check the claims.
    pub(crate) fn verify(&self, token: &str) -> Result<Claims, Refusal> {
        decode(token, &self.verifier, &self.validation).map(|token| token.claims).map_err(|error| refusal(error.kind()))
    }
}

/// Only the signature: [`Rules`](crate::rules::Rules) check the claims, more strictly and by name.
fn validation(algorithm: Algorithm) -> Validation {
    let mut validation = Validation::new(algorithm);
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    validation
}

fn refusal(error: &ErrorKind) -> Refusal {
    match error {
        ErrorKind::InvalidAlgorithm => Refusal::WrongAlgorithm,
        ErrorKind::InvalidSignature => Refusal::WrongSignature,
        _ => Refusal::Malformed,
    }
}
