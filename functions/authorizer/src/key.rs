//! A verification key, bound to one algorithm.

use jsonwebtoken::{
    Algorithm, DecodingKey, Validation, decode,
    errors::ErrorKind,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse},
};

use crate::{
    caller::{Caller, Claims},
    refusal::{Misconfigured, Refusal},
};

/// Clock skew allowed between the issuer and this function.
const LEEWAY_SECONDS: u64 = 5;

/// Minimum length of an HS256 secret: that of the hash (RFC 7518, section 3.2).
const SECRET_MIN_BYTES: usize = 32;

/// Required values of `iss` and `aud`.
#[derive(Clone, Debug)]
pub(crate) struct Expected {
    pub(crate) issuer: String,
    pub(crate) audience: String,
}

/// A verification key with its algorithm. The algorithm is taken from the key, never from the token's header: a public
/// key cannot be used as a secret, and `alg: none` is refused.
pub(crate) struct Key {
    id: Option<String>,
    verifier: DecodingKey,
    validation: Validation,
}

impl Key {
    /// Key for HS256 from a shared secret.
    pub(crate) fn secret(secret: &str, expected: &Expected) -> Result<Self, Misconfigured> {
        if secret.len() < SECRET_MIN_BYTES {
            return Err(Misconfigured::ShortSecret);
        }
        let verifier = DecodingKey::from_secret(secret.as_bytes());
        Ok(Self { id: None, verifier, validation: validation(Algorithm::HS256, expected) })
    }

    /// Key for RS256, ES256 or `EdDSA` from a JWK; `None` for a key of another type or purpose.
    pub(crate) fn published(jwk: &Jwk, expected: &Expected) -> Option<Self> {
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
        Some(Self { id: common.key_id.clone(), verifier, validation: validation(algorithm, expected) })
    }

    pub(crate) fn has_id(&self, id: &str) -> bool {
        self.id.as_deref() == Some(id)
    }

    /// Verifies signature and claims. The caller has already decoded the header, to choose this key.
    pub(crate) fn verify(&self, token: &str) -> Result<Caller, Refusal> {
        match decode::<Claims>(token, &self.verifier, &self.validation) {
            Ok(token) => token.claims.try_into(),
            Err(error) => Err(refusal(error.kind())),
        }
    }
}

fn validation(algorithm: Algorithm, expected: &Expected) -> Validation {
    let mut validation = Validation::new(algorithm);
    validation.leeway = LEEWAY_SECONDS;
    validation.validate_nbf = true;
    validation.set_issuer(&[&expected.issuer]);
    validation.set_audience(&[&expected.audience]);
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    validation
}

fn refusal(error: &ErrorKind) -> Refusal {
    match error {
        ErrorKind::InvalidAlgorithm => Refusal::WrongAlgorithm,
        ErrorKind::InvalidSignature => Refusal::WrongSignature,
        ErrorKind::ExpiredSignature => Refusal::Expired,
        ErrorKind::ImmatureSignature => Refusal::TooEarly,
        ErrorKind::InvalidIssuer => Refusal::WrongIssuer,
        ErrorKind::InvalidAudience => Refusal::WrongAudience,
        ErrorKind::MissingRequiredClaim(_) => Refusal::Claim("exp, iss, aud or sub"),
        ErrorKind::InvalidClaimFormat(_) => Refusal::Claim("exp or nbf"),
        ErrorKind::Json(_) => Refusal::Claim("sub, tenant, role, name or exp"),
        _ => Refusal::Malformed,
    }
}
