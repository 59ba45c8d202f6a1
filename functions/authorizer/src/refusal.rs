//! Errors of the authorizer: refused tokens and invalid configuration.

use lambda_runtime::Diagnostic;

/// Reason for refusing a request. The text is logged, so it contains no part of the token.
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
    /// A failure on our side: the token could not be verified. Not the caller's fault.
    #[error("the issuer's keys could not be fetched")]
    KeysUnavailable,
    /// A malformed event: it names no stage to allow access to. Not the caller's fault.
    #[error("the event has no method ARN")]
    NoStage,
}

/// API Gateway maps the message `Unauthorized` to 401, and every other failure of an authorizer to 500.
impl From<Refusal> for Diagnostic {
    fn from(refusal: Refusal) -> Self {
        let (error_type, error_message) = match refusal {
            Refusal::KeysUnavailable | Refusal::NoStage => ("Unavailable", refusal.to_string()),
            _ => ("Unauthorized", "Unauthorized".to_owned()),
        };
        Self { error_type: error_type.to_owned(), error_message }
    }
}

/// Invalid configuration of the keys.
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
    #[error("the secrets cannot be read: {0}")]
    Secrets(#[from] aws_calls::Misconfigured),
}
