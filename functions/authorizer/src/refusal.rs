//! Why a caller is not let in, and why no keys could be made.

use lambda_runtime::Diagnostic;

/// Why a caller is not let in. The words name no part of the token: they are for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("no bearer token was sent, or more than one")]
    NoToken,
    #[error("the token is not a valid JWT")]
    Malformed,
    #[error("no key matches the token's key id (kid)")]
    UnknownKey,
    #[error("the token's algorithm (alg) does not match its key")]
    WrongAlgorithm,
    #[error("the token's signature is invalid")]
    WrongSignature,
    #[error("the token has expired (exp)")]
    Expired,
    #[error("the token is not valid yet (nbf)")]
    TooEarly,
    #[error("the token's issuer (iss) does not match")]
    WrongIssuer,
    #[error("the token's audience (aud) does not match")]
    WrongAudience,
    #[error("a claim is missing or invalid: {0}")]
    Claim(&'static str),
    /// Not the caller's fault: whether the token is good cannot be said.
    #[error("the issuer's keys could not be fetched")]
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
    #[error("set JWT_ISSUER and JWT_AUDIENCE to the required iss and aud claims")]
    NothingExpected,
    #[error("the secret (JWT_SECRET, VISITOR_SECRET) must be at least 32 bytes long")]
    ShortSecret,
    #[error("JWT_JWKS_URL must be an https URL (http is allowed for localhost only)")]
    UnsafeUrl,
    #[error("the HTTP client could not be built")]
    NoHttpClient,
}
