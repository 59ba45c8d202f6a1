//! Visitors' tokens: signed here, verified by the authorizer with the same secret.

use std::{collections::HashSet, sync::Arc, time::Duration};

use aws_calls::Secret;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shared::{
    Error,
    domain::{At, Chatbot, ChatbotId},
};

/// `iss` and `aud` of a visitor's token.
pub const ISSUER: &str = "switchboard-visitors";

/// `kid` of a visitor's token, by which the authorizer chooses the secret.
pub const KEY_ID: &str = "visitors";

/// Lifetime of a visitor's token.
const TOKEN_LIFETIME: Duration = Duration::from_hours(24);

/// Lifetime of an agent's or admin's token to try a chatbot.
const TRIAL_TOKEN_LIFETIME: Duration = Duration::from_hours(1);

/// Time after its expiry in which a token still proves a visitor's id: thirty days.
const RENEWABLE_FOR_SECONDS: u64 = 30 * 24 * 60 * 60;

/// Minimum length of an HS256 secret: that of the hash (RFC 7518, section 3.2).
const SECRET_MIN_BYTES: usize = 32;

/// Signs visitors' tokens, and reads the id from earlier ones. The secret may be rotated meanwhile.
#[derive(Clone)]
pub struct VisitorTokens(Secret);

/// The keys of one request.
pub(crate) struct Keys {
    signer: EncodingKey,
    verifier: DecodingKey,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: String,
    tenant: String,
    role: String,
    chatbot: ChatbotId,
    origins: Vec<String>,
    /// The version of the chatbot's access, or `trial`. Tokens from before there were versions have none.
    #[serde(default)]
    access: Value,
    exp: i64,
}

impl Claims {
    /// A visitor's, on any origin; without an end.
    fn of(chatbot: &Chatbot, visitor_id: &str) -> Self {
        Self {
            iss: ISSUER.into(),
            aud: ISSUER.into(),
            sub: visitor_id.into(),
            tenant: chatbot.tenant.clone(),
            role: "customer".into(),
            chatbot: chatbot.id.clone(),
            origins: Vec::new(),
            access: Value::Null,
            exp: 0,
        }
    }
}

impl VisitorTokens {
    /// Reads `VISITOR_SECRET` (at least 32 bytes, or the ARN of a secret) from the environment, once, at start-up. It
    /// is no setting of [`shared::App`], because only this function and the authorizer know it.
    pub async fn from_env() -> Result<Self, Error> {
        let [secret] = Secret::from_env(["VISITOR_SECRET"]).map_err(Error::internal)?;
        let tokens = Self(secret);
        tokens.keys().await?;
        Ok(tokens)
    }

    pub fn new(secret: impl Into<Secret>) -> Self {
        Self(secret.into())
    }

    /// The keys as they are now.
    pub(crate) async fn keys(&self) -> Result<Keys, Error> {
        let secret: Arc<str> = self.0.value().await.map_err(Error::internal)?;
        if secret.len() < SECRET_MIN_BYTES {
            return Err(Error::internal("VISITOR_SECRET must be at least 32 bytes long"));
        }
        let secret = secret.as_bytes();
        Ok(Keys { signer: EncodingKey::from_secret(secret), verifier: DecodingKey::from_secret(secret) })
    }
}

impl Keys {
    /// Signs a token for one day, limited to the chatbot's origins. Returns it with its expiry.
    pub(crate) fn sign(&self, chatbot: &Chatbot, visitor_id: &str, now: At) -> Result<(String, At), Error> {
        let claims = Claims {
            origins: chatbot.config.origins.clone(),
            access: json!(chatbot.access_version),
            ..Claims::of(chatbot, visitor_id)
        };
        self.sign_claims(claims, now + TOKEN_LIFETIME)
    }

    /// Signs a token for one hour, valid on any origin. Returns it with its expiry.
    pub(crate) fn sign_trial(&self, chatbot: &Chatbot, visitor_id: &str, now: At) -> Result<(String, At), Error> {
        let claims = Claims { access: json!("trial"), ..Claims::of(chatbot, visitor_id) };
        self.sign_claims(claims, now + TRIAL_TOKEN_LIFETIME)
    }

    fn sign_claims(&self, claims: Claims, expires: At) -> Result<(String, At), Error> {
        let claims = Claims { exp: expires.seconds(), ..claims };
        let header = Header { kid: Some(KEY_ID.into()), ..Header::default() };
        let token = encode(&header, &claims, &self.signer).map_err(Error::internal)?;
        Ok((token, At::from_seconds(expires.seconds())))
    }

    /// Visitor id in an earlier token for this chatbot. `None` if the token is invalid for any reason: the visitor is
    /// then a new one.
    pub(crate) fn visitor_id(&self, token: &str, tenant: &str, chatbot_id: &ChatbotId) -> Option<String> {
        let claims = self.claims(token).filter(|claims| claims.tenant == tenant && claims.chatbot == *chatbot_id);
        claims.map(|claims| claims.sub)
    }

    /// Visitor id in a token of this tenant's, on a page of this origin. `None` if the token is invalid for any reason.
    pub(crate) fn visitor_id_on(&self, token: &str, tenant: &str, origin: Option<&str>) -> Option<String> {
        let claims = self.claims(token).filter(|claims| claims.tenant == tenant)?;
        let is_there =
            origin.is_none_or(|origin| claims.origins.is_empty() || claims.origins.iter().any(|it| it == origin));
        is_there.then_some(claims.sub)
    }

    /// The claims of a token that is valid, or was within the last thirty days.
    fn claims(&self, token: &str) -> Option<Claims> {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.leeway = RENEWABLE_FOR_SECONDS;
        validation.required_spec_claims = HashSet::from(["exp", "iss", "aud", "sub"].map(str::to_owned));
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[ISSUER]);
        Some(decode(token, &self.verifier, &validation).ok()?.claims)
    }
}
