//! The caller that a verified token identifies.

use serde::{Deserialize, Serialize};

use crate::refusal::Refusal;

/// The last second of the year 9999. A later `exp` is lowered to it, so that every reader's calendar can hold it.
const MAX_EXPIRES: u64 = 253_402_300_799;

/// The identity in a verified token. Tenant and subject become parts of table keys, so their form is checked here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    pub tenant: String,
    pub subject: String,
    pub role: Role,
    pub name: Option<String>,
    /// The only chatbot that the caller may talk to, if the token names one.
    pub chatbot: Option<String>,
    /// The only page origins that the caller may send requests from, if the token names any.
    pub origins: Vec<String>,
    /// Expiry time in Unix seconds.
    pub expires: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    Customer,
    Agent,
    Admin,
}

/// Claims read from a token after `exp`, `iss`, `aud` and `nbf` have been checked.
#[derive(Deserialize)]
pub(crate) struct Claims {
    sub: String,
    tenant: String,
    role: Role,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    chatbot: Option<String>,
    #[serde(default)]
    origins: Vec<String>,
    exp: serde_json::Number,
}

impl TryFrom<Claims> for Caller {
    type Error = Refusal;

    fn try_from(claims: Claims) -> Result<Self, Refusal> {
        if !is_tenant(&claims.tenant) {
            return Err(Refusal::Claim("tenant"));
        }
        if !is_text(&claims.sub, 1..=128) {
            return Err(Refusal::Claim("sub"));
        }
        if claims.name.as_deref().is_some_and(|name| !is_text(name, 0..=100)) {
            return Err(Refusal::Claim("name"));
        }
        if claims.chatbot.as_deref().is_some_and(|id| !is_text(id, 1..=64)) {
            return Err(Refusal::Claim("chatbot"));
        }
        // The origins are passed on as one string, separated by spaces.
        if claims.origins.iter().any(|origin| !is_text(origin, 1..=300) || origin.contains(' ')) {
            return Err(Refusal::Claim("origins"));
        }
        let expires = seconds(&claims.exp).ok_or(Refusal::Claim("exp"))?;
        Ok(Self {
            tenant: claims.tenant,
            subject: claims.sub,
            role: claims.role,
            name: claims.name,
            chatbot: claims.chatbot,
            origins: claims.origins,
            expires,
        })
    }
}

impl Caller {
    /// Accepts only a customer whose token names a chatbot, as every visitor's token does.
    pub(crate) fn require_visitor(self) -> Result<Self, Refusal> {
        if self.role == Role::Customer && self.chatbot.is_some() { Ok(self) } else { Err(Refusal::Claim("role")) }
    }
}

/// Checks a tenant against `[A-Za-z0-9._-]{1,64}`.
fn is_tenant(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=64).contains(&text.len()) && text.bytes().all(allowed)
}

/// Checks the length in characters, and that none is a control character.
fn is_text(text: &str, length: std::ops::RangeInclusive<usize>) -> bool {
    length.contains(&text.chars().count()) && !text.chars().any(char::is_control)
}

/// Whole seconds of a `NumericDate`, which may have a fraction (RFC 7519, section 2); some issuers send one.
fn seconds(date: &serde_json::Number) -> Option<u64> {
    let whole = match date.as_u64() {
        Some(whole) => whole,
        None => format!("{:.0}", date.as_f64()?.floor()).parse().ok()?,
    };
    Some(whole.min(MAX_EXPIRES))
}
