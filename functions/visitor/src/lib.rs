//! `POST /visitors`: issue a token, valid for a day, to an anonymous visitor of one public chatbot, on that chatbot's
//! origins. The route has no authorizer. A visitor who sends an earlier token keeps their id.
//!
//! `POST /chatbots/{chatbot_id}/visitors`: issue a token, valid for an hour, to an agent or admin who tries a chatbot
//! as a visitor.
//!
//! `POST /visitors/merge`: give a visitor's threads to the customer as whom they have signed in.

#[cfg(feature = "schema")]
pub mod api;
mod merge;
mod rate_limit;
mod token;

use std::env;

use lambda_http::{
    Body, Request, Response,
    http::{StatusCode, header::AUTHORIZATION},
    run, service_fn,
};
use serde::{Deserialize, Serialize};
use shared::{
    App, Error,
    domain::{
        Act, At, Chatbot, ChatbotId, Identity,
        chatbot::Profile,
        identity::{VISITOR, is_tenant},
    },
    http,
    metrics::Metric,
};

pub use rate_limit::RateLimit;
pub use token::{ISSUER, KEY_ID, VisitorTokens};

/// The settings of this function, which no other has: its secret and its limit.
#[derive(Clone)]
pub struct Visitors {
    pub tokens: VisitorTokens,
    pub rate_limit: RateLimit,
}

impl Visitors {
    /// Reads the environment, once, at start-up: `VISITOR_SECRET`, and what [`RateLimit::read`] names.
    pub async fn from_env() -> Result<Self, Error> {
        // A template cannot leave a variable out: an empty one counts as absent.
        let set = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
        Ok(Self {
            tokens: VisitorTokens::from_env().await?,
            rate_limit: RateLimit::read(set).map_err(Error::internal)?,
        })
    }
}

/// Body of `POST /visitors`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Visit"))]
struct TokenRequest {
    #[cfg_attr(feature = "schema", schemars(regex(pattern = "^[A-Za-z0-9._-]{1,64}$")))]
    tenant: String,
    chatbot_id: ChatbotId,
}

/// Body of `POST /chatbots/{chatbot_id}/visitors`: empty.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Trial"))]
struct TrialRequest {}

/// Response of both routes.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "VisitorToken"))]
struct TokenResponse {
    token: String,
    expires_at: At,
    visitor: Visitor,
    chatbot: Profile,
}

#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct Visitor {
    id: String,
}

/// Reads the environment and serves Lambda's events.
pub async fn serve() -> Result<(), lambda_http::Error> {
    let (app, visitors) = (App::from_env().await?, Visitors::from_env().await?);
    run(service_fn(|request| handle(&app, &visitors, request))).await
}

pub async fn handle(app: &App, visitors: &Visitors, request: Request) -> Result<Response<Body>, lambda_http::Error> {
    Ok(http::respond(respond(app, visitors, &request).await))
}

async fn respond(app: &App, visitors: &Visitors, request: &Request) -> Result<Response<Body>, Error> {
    let (method, path) = http::route(request);
    let token = match (method.as_str(), path.as_str()) {
        ("POST", "/visitors") => issue_token(app, visitors, http::body(request)?, request).await?,
        ("POST", "/chatbots/{chatbot_id}/visitors") => {
            let identity = http::caller(app, request, Act::ChatbotRead)?;
            let id = http::path_id(request, "chatbot_id", "chatbot")?;
            issue_trial_token(app, &visitors.tokens, &identity, &id, http::optional_body(request)?).await?
        }
        ("POST", "/visitors/merge") => {
            let identity = http::caller(app, request, Act::VisitorMerge)?;
            let merged = merge::merge(app, &visitors.tokens, &identity, http::body(request)?, http::origin(request));
            return http::json(StatusCode::OK, &merged.await?);
        }
        _ => return Err(http::no_route()),
    };
    http::json(StatusCode::CREATED, &token)
}

/// Issues a token to a visitor, whose id is that of the earlier token if one was sent.
async fn issue_token(
    app: &App,
    Visitors { tokens, rate_limit }: &Visitors,
    body: TokenRequest,
    request: &Request,
) -> Result<TokenResponse, Error> {
    let TokenRequest { tenant, chatbot_id } = body;
    if !is_tenant(&tenant) {
        return Err(Error::invalid("tenant", "is not a valid tenant"));
    }
    // Counted before the chatbot is looked up, so that guessed ids count too.
    let (address, max_tokens) = (rate_limit.address(request)?, rate_limit.max_tokens);
    let counted = app.store.visitor_token_count(&tenant, &address, max_tokens, app.now()).await;
    if let Err(Error::OverBudget { .. }) = &counted {
        app.record(Metric::OverBudget);
    }
    counted?;
    let chatbot = app.store.chatbot_get(&tenant, &chatbot_id).await?.ok_or(Error::NotFound("chatbot"))?;
    chatbot.config.admits(http::origin(request))?;
    let keys = tokens.keys().await?;
    let known = bearer(request).and_then(|old| keys.visitor_id(old, &tenant, &chatbot_id));
    let visitor_id = known.unwrap_or_else(|| new_visitor_id(app));
    let (token, expires_at) = keys.sign(&chatbot, &visitor_id, app.now())?;
    Ok(TokenResponse::new(token, expires_at, visitor_id, &chatbot))
}

/// Issues a token to try a chatbot. Public or not, and from any origin: the console is not one of the chatbot's pages.
async fn issue_trial_token(
    app: &App,
    tokens: &VisitorTokens,
    identity: &Identity,
    id: &ChatbotId,
    TrialRequest {}: TrialRequest,
) -> Result<TokenResponse, Error> {
    identity.may(Act::ChatbotRead)?;
    let chatbot = app.store.chatbot_get(&identity.tenant, id).await?.ok_or(Error::NotFound("chatbot"))?;
    let visitor_id = new_visitor_id(app);
    let (token, expires_at) = tokens.keys().await?.sign_trial(&chatbot, &visitor_id, app.now())?;
    Ok(TokenResponse::new(token, expires_at, visitor_id, &chatbot))
}

fn new_visitor_id(app: &App) -> String {
    format!("{VISITOR}{}", app.ulid())
}

impl TokenResponse {
    fn new(token: String, expires_at: At, visitor_id: String, chatbot: &Chatbot) -> Self {
        Self { token, expires_at, visitor: Visitor { id: visitor_id }, chatbot: chatbot.profile() }
    }
}

fn bearer(request: &Request) -> Option<&str> {
    let (scheme, token) = request.headers().get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
