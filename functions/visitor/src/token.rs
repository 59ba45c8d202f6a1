//! Visitors' tokens: signed here, verified by the authorizer with the same secret.

use std::{collections::HashSet, env, time::Duration};

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use serde::{Deserialize, Serialize};
use shared::{
    Error,
    domain::{At, Chatbot, ChatbotId},
};

/// What `iss` and `aud` say.
pub const ISSUER: &str = "switchboard-visitors";

/// The token's `kid`: by it the authorizer knows which secret to take.
pub const KEY_ID: &str = "visitors";

const TOKEN_LIFETIME: Duration = Duration::from_hours(24);

/// Of a token to try a chatbot out.
const TRIAL_TOKEN_LIFETIME: Duration = Duration::from_hours(1);

/// How long after its end a token still says who somebody was, in seconds: thirty days.
const RENEWABLE_FOR_SECONDS: u64 = 30 * 24 * 60 * 60;

/// RFC 7518, section 3.2: no shorter than the hash.
const SECRET_MIN_BYTES: usize = 32;

/// Signs and recognises visitors' tokens.
#[derive(Clone)]
pub struct VisitorTokens {
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
    exp: i64,
}

impl VisitorTokens {
    /// Reads `VISITOR_SECRET`, of 32 bytes or more.
    pub fn from_env() -> Result<Self, Error> {
        Self::new(&env::var("VISITOR_SECRET").unwrap_or_default())
    }

    pub fn new(secret: &str) -> Result<Self, Error> {
        if secret.len() < SECRET_MIN_BYTES {
            return Err(Error::internal("VISITOR_SECRET must be at least 32 bytes long"));
        }
        let secret = secret.as_bytes();
        Ok(Self { signer: EncodingKey::from_secret(secret), verifier: DecodingKey::from_secret(secret) })
    }

    /// A day's token to talk to this chatbot, and its end.
    pub(crate) fn sign(&self, chatbot: &Chatbot, visitor_id: &str, now: At) -> Result<(String, At), Error> {
        self.sign_claims(chatbot, visitor_id, chatbot.config.origins.clone(), now + TOKEN_LIFETIME)
    }

    /// An hour's token to talk to it from anywhere, and its end.
    pub(crate) fn sign_trial(&self, chatbot: &Chatbot, visitor_id: &str, now: At) -> Result<(String, At), Error> {
        self.sign_claims(chatbot, visitor_id, Vec::new(), now + TRIAL_TOKEN_LIFETIME)
    }

    fn sign_claims(
        &self,
        chatbot: &Chatbot,
        visitor_id: &str,
        origins: Vec<String>,
        expires: At,
    ) -> Result<(String, At), Error> {
        let claims = Claims {
            iss: ISSUER.into(),
            aud: ISSUER.into(),
            sub: visitor_id.into(),
            tenant: chatbot.tenant.clone(),
            role: "customer".into(),
            chatbot: chatbot.id.clone(),
            origins,
            exp: expires.seconds(),
        };
        let header = Header { kid: Some(KEY_ID.into()), ..Header::default() };
        let token = encode(&header, &claims, &self.signer).map_err(Error::internal)?;
        Ok((token, At::from_seconds(expires.seconds())))
    }

    /// Who an older token of this chatbot says that somebody is. What is wrong with it is no matter: then they are new here.
    pub(crate) fn visitor_id(&self, token: &str, tenant: &str, chatbot_id: &ChatbotId) -> Option<String> {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.leeway = RENEWABLE_FOR_SECONDS;
        validation.required_spec_claims = HashSet::from(["exp", "iss", "aud", "sub"].map(str::to_owned));
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[ISSUER]);
        let claims = decode::<Claims>(token, &self.verifier, &validation).ok()?.claims;
        (claims.tenant == tenant && claims.chatbot == *chatbot_id).then_some(claims.sub)
    }
}
