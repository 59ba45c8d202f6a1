//! Why a caller is not let in, and why no keys could be made.

use lambda_runtime::Diagnostic;

/// Why a caller is not let in. The words name no part of the token: they are for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("no token was sent, or more than one")]
    NoToken,
    #[error("the token cannot be read")]
    Malformed,
    #[error("the token is signed by a key that is not ours")]
    UnknownKey,
    #[error("the token names another algorithm than its key's")]
    WrongAlgorithm,
    #[error("the signature is wrong")]
    WrongSignature,
    #[error("the token has expired")]
    Expired,
    #[error("the token is not valid yet")]
    TooEarly,
    #[error("the token is from another issuer")]
    WrongIssuer,
    #[error("the token is for another audience")]
    WrongAudience,
    #[error("a claim is missing or cannot be used: {0}")]
    Claim(&'static str),
    /// Not the caller's fault: whether the token is good cannot be said.
    #[error("the issuer's keys cannot be had")]
    KeysUnavailable,
    /// Not the caller's fault: the event names no stage to let anyone into.
    #[error("the event has no method ARN")]
    NoStage,
}

/// API Gateway answers 401 to this very message, and 500 to every other failure of an authorizer.
impl From<Refusal> for Diagnostic {
    fn from(refusal: Refusal) -> Self {
        let (error_type, error_message) = match refusal {
            Refusal::KeysUnavailable | Refusal::NoStage => ("Unavailable", refusal.to_string()),
            _ => ("Unauthorized", "Unauthorized".to_owned()),
        };
        Self { error_type: error_type.to_owned(), error_message }
    }
}

/// Why no keys can be made from what was configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Misconfigured {
    #[error("set either JWT_SECRET (HS256) or JWT_JWKS_URL (RS256, ES256, EdDSA)")]
    OneSourceIsNeeded,
    #[error("set JWT_ISSUER and JWT_AUDIENCE to what iss and aud must say")]
    NothingExpected,
    #[error("JWT_SECRET must have 32 bytes or more")]
    ShortSecret,
    #[error("JWT_JWKS_URL must be an https URL (http on this machine only)")]
    UnsafeUrl,
    #[error("the HTTP client cannot be built")]
    NoHttpClient,
}
