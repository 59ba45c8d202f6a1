//! The caller that a verified token identifies.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{claims::Claims, refusal::Refusal, role::Role, rules::Rules};

/// The most entries of the claim `verified`, and the characters of a key and a value: what a thread's metadata holds.
const MAX_VERIFIED: usize = 14;
const MAX_VERIFIED_KEY_CHARS: usize = 55;
const MAX_VERIFIED_VALUE_CHARS: usize = 512;

/// The identity in a verified token. Tenant and subject become parts of table keys, so their form is checked here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    pub tenant: String,
    pub subject: String,
    pub role: Role,
    pub name: Option<String>,
    /// The claim `verified`: the issuer vouches for these texts too.
    pub verified: BTreeMap<String, String>,
    /// The only chatbot that the caller may talk to, if the token names one.
    pub chatbot: Option<String>,
    /// The only page origins that the caller may send requests from, if the token names any.
    pub origins: Vec<String>,
    /// A visitor's access to the chatbot: its version, or `trial`.
    pub access: Option<String>,
    /// The token's expiry in Unix seconds, clock skew included.
    pub expires: u64,
}

impl Caller {
    /// The caller whom claims with a valid signature describe, as of `now` in Unix seconds.
    pub(crate) fn new(claims: &Claims, rules: &Rules, now: u64) -> Result<Self, Refusal> {
        let expires = rules.check(claims, now)?;
        let subject = claims.text("sub")?.to_owned();
        if !is_text(&subject, 1..=128) {
            return Err(Refusal::Claim("sub"));
        }
        let name = rules.name(claims)?;
        if name.as_deref().is_some_and(|name| !is_text(name, 0..=100)) {
            return Err(Refusal::Claim("name"));
        }
        let chatbot = claims.get("chatbot").map(|_| claims.text("chatbot")).transpose()?.map(str::to_owned);
        if chatbot.as_deref().is_some_and(|id| !is_text(id, 1..=64)) {
            return Err(Refusal::Claim("chatbot"));
        }
        Ok(Self {
            tenant: rules.tenant(claims)?,
            subject,
            role: rules.role(claims)?,
            name,
            verified: verified(claims)?,
            chatbot,
            origins: origins(claims)?,
            access: None,
            expires,
        })
    }

    /// Accepts only a customer whose token names a chatbot, as every visitor's token does.
    pub(crate) fn require_visitor(self, claims: &Claims) -> Result<Self, Refusal> {
        if self.role != Role::Customer || self.chatbot.is_none() {
            return Err(Refusal::Claim("role"));
        }
        let access = match claims.get("access") {
            None => None,
            Some(Value::String(word)) if word == "trial" => Some(word.clone()),
            Some(Value::Number(version)) if version.is_u64() => Some(version.to_string()),
            Some(_) => return Err(Refusal::Claim("access")),
        };
        // Nobody vouches for what a visitor says of themselves.
        Ok(Self { name: None, verified: BTreeMap::new(), access, ..self })
    }
}

/// The origins, which are passed on as one string, separated by spaces.
fn origins(claims: &Claims) -> Result<Vec<String>, Refusal> {
    let Some(value) = claims.get("origins") else { return Ok(Vec::new()) };
    let origin = |value: &Value| {
        let origin = value.as_str().filter(|origin| is_text(origin, 1..=300) && !origin.contains(' '));
        origin.map(str::to_owned)
    };
    let origins = value.as_array().and_then(|values| values.iter().map(origin).collect());
    origins.ok_or(Refusal::Claim("origins"))
}

/// The claim `verified`: an object of texts. Another provider's claim of that name, a truth value say, is left alone.
fn verified(claims: &Claims) -> Result<BTreeMap<String, String>, Refusal> {
    let Some(Value::Object(pairs)) = claims.get("verified") else { return Ok(BTreeMap::new()) };
    let pair = |(key, value): (&String, &Value)| {
        let value = value.as_str().filter(|value| is_text(value, 0..=MAX_VERIFIED_VALUE_CHARS))?;
        is_text(key, 1..=MAX_VERIFIED_KEY_CHARS).then(|| (key.clone(), value.to_owned()))
    };
    let verified = pairs.iter().map(pair).collect::<Option<BTreeMap<_, _>>>();
    verified.filter(|pairs| pairs.len() <= MAX_VERIFIED).ok_or(Refusal::Claim("verified"))
}

/// Checks the length in characters, and that none is a control character.
fn is_text(text: &str, length: std::ops::RangeInclusive<usize>) -> bool {
    length.contains(&text.chars().count()) && !text.chars().any(char::is_control)
}
