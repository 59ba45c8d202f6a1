//! Errors of the authorizer: refused tokens and invalid configuration.

use lambda_runtime::Diagnostic;

/// Reason for refusing a request. The text is logged, so it contains no part of the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("no bearer token was sent, or more than one")]
    NoToken,
    #[error("the token is longer than a header can be")]
    TooLong,
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
    #[error("the token has no audience (aud), and no setting lets one in without")]
    NoAudience,
    #[error("the token has no audience (aud), and its authorized party (azp) is none of the accepted ones")]
    WrongParty,
    #[error("the token has no audience (aud), and its client_id is none of the accepted ones")]
    WrongClient,
    #[error("the token has no audience (aud), and is not an access token (token_use: access)")]
    WrongUse,
    #[error("the token names no role that is known here, and there is no default role")]
    UnknownRole,
    #[error("a claim is missing or invalid: {0}")]
    Claim(&'static str),
    /// A failure on our side: the token could not be verified. Not the caller's fault.
    #[error("the issuer's keys could not be fetched")]
    KeysUnavailable,
    /// A malformed event: it names no stage to allow access to. Not the caller's fault.
    #[error("the event has no method ARN")]
    NoStage,
}

impl Refusal {
    /// The claim that is to blame, by its name here: `role` stands for whatever `JWT_ROLE_CLAIM` names.
    pub fn claim(self) -> Option<&'static str> {
        match self {
            Self::Expired => Some("exp"),
            Self::TooEarly => Some("nbf"),
            Self::WrongIssuer => Some("iss"),
            Self::WrongAudience | Self::NoAudience => Some("aud"),
            Self::WrongParty => Some("azp"),
            Self::WrongClient => Some("client_id"),
            Self::WrongUse => Some("token_use"),
            Self::UnknownRole => Some("role"),
            Self::Claim(name) => Some(name),
            _ => None,
        }
    }

    /// The variables that say what the claim has to be.
    pub fn settings(self) -> Option<&'static str> {
        match self.claim()? {
            "exp" | "nbf" => Some("JWT_CLOCK_SKEW_SECONDS"),
            "iss" => Some("JWT_ISSUER"),
            "aud" => Some("JWT_AUDIENCE"),
            "azp" => Some("JWT_AUTHORIZED_PARTY"),
            "client_id" | "token_use" => Some("JWT_CLIENT_ID"),
            "role" => Some("JWT_ROLE_CLAIM, JWT_ROLE_MAP, JWT_DEFAULT_ROLE"),
            "tenant" => Some("JWT_TENANT_CLAIM, JWT_DEFAULT_TENANT"),
            "name" => Some("JWT_NAME_CLAIM"),
            _ => None,
        }
    }

    /// True if no claim was looked at, because the token was not signed with the key.
    pub(crate) fn is_of_the_signature(self) -> bool {
        matches!(self, Self::Malformed | Self::UnknownKey | Self::WrongAlgorithm | Self::WrongSignature)
    }
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
    #[error(
        "set JWT_ISSUER to the required iss claim, and JWT_AUDIENCE to the required aud claim (or, for tokens without \
         aud, JWT_CLIENT_ID or JWT_AUTHORIZED_PARTY)"
    )]
    NothingExpected,
    #[error("JWT_ROLE_MAP must be like support-agents=agent,org:admin=admin; the roles are customer, agent and admin")]
    RoleMap,
    #[error("JWT_DEFAULT_ROLE must be customer, agent or admin")]
    DefaultRole,
    #[error("JWT_DEFAULT_TENANT must be 1 to 64 letters, digits, dots, hyphens and underscores")]
    DefaultTenant,
    #[error("JWT_CLOCK_SKEW_SECONDS must be a whole number from 0 to 300")]
    ClockSkew,
    #[error("the secret (JWT_SECRET, VISITOR_SECRET) must be at least 32 bytes long")]
    ShortSecret,
    #[error("JWT_JWKS_URL must be an https URL (http is allowed for localhost only)")]
    UnsafeUrl,
    #[error("the HTTP client could not be built")]
    NoHttpClient,
    #[error("the secrets cannot be read: {0}")]
    Secrets(#[from] aws_calls::Misconfigured),
}
