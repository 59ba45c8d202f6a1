//! `POST /visitors`: a day's token for somebody who has none, to talk to one chatbot that is public, on the pages that it is
//! for. No authorizer stands before it. A visitor who sends their old token along stays who they are.
//!
//! `POST /chatbots/{chatbot_id}/visitors`: an hour's token for an agent or an admin, to try any chatbot out as a visitor would.

mod token;

use std::net::IpAddr;

use lambda_http::{
    Body, Request, RequestExt, Response,
    http::{StatusCode, header::AUTHORIZATION},
    request::RequestContext,
};
use serde::{Deserialize, Serialize};
use shared::{
    App, Error,
    domain::{Act, At, Chatbot, ChatbotId, Identity, chatbot::ChatbotConfig, identity::is_tenant},
    http,
};

pub use token::{ISSUER, KEY_ID, VisitorTokens};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenRequest {
    tenant: String,
    chatbot_id: ChatbotId,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct TrialRequest {}

#[derive(Serialize)]
struct TokenResponse {
    token: String,
    expires_at: At,
    visitor: Visitor,
    chatbot: ChatbotSummary,
}

#[derive(Serialize)]
struct Visitor {
    id: String,
}

/// The chatbot, as far as it concerns a visitor: its name, and its first words before there is a thread.
#[derive(Serialize)]
struct ChatbotSummary {
    id: ChatbotId,
    name: String,
    greeting: String,
}

pub async fn handle(app: &App, tokens: &VisitorTokens, request: Request) -> Result<Response<Body>, lambda_http::Error> {
    Ok(http::respond(respond(app, tokens, &request).await))
}

async fn respond(app: &App, tokens: &VisitorTokens, request: &Request) -> Result<Response<Body>, Error> {
    let (method, path) = http::route(request);
    let token = match (method.as_str(), path.as_str()) {
        ("POST", "/visitors") => issue_token(app, tokens, http::body(request)?, request).await?,
        ("POST", "/chatbots/{chatbot_id}/visitors") => {
            let (identity, id) = (http::identity(app, request)?, http::path_id(request, "chatbot_id", "chatbot")?);
            issue_trial_token(app, tokens, &identity, &id, http::optional_body(request)?).await?
        }
        _ => return Err(http::no_route()),
    };
    http::json(StatusCode::CREATED, &token)
}

async fn issue_token(
    app: &App,
    tokens: &VisitorTokens,
    body: TokenRequest,
    request: &Request,
) -> Result<TokenResponse, Error> {
    let TokenRequest { tenant, chatbot_id } = body;
    if !is_tenant(&tenant) {
        return Err(Error::invalid("tenant", "is not a valid tenant"));
    }
    // Before anything is looked up, so that guesses are counted too.
    app.store.visitor_token_count(&tenant, &source_address(request)?, app.now()).await?;
    let chatbot = app.store.chatbot_get(&tenant, &chatbot_id).await?.ok_or(Error::NotFound("chatbot"))?;
    chatbot.config.admits(http::origin(request))?;
    let known = bearer(request).and_then(|old| tokens.visitor_id(old, &tenant, &chatbot_id));
    let visitor_id = known.unwrap_or_else(|| new_visitor_id(app));
    let (token, expires_at) = tokens.sign(&chatbot, &visitor_id, app.now())?;
    Ok(TokenResponse::new(token, expires_at, visitor_id, chatbot))
}

/// The console is no page of the chatbot's, and those who made it need not be let in.
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
    let (token, expires_at) = tokens.sign_trial(&chatbot, &visitor_id, app.now())?;
    Ok(TokenResponse::new(token, expires_at, visitor_id, chatbot))
}

fn new_visitor_id(app: &App) -> String {
    format!("vis_{}", app.ulid())
}

impl TokenResponse {
    fn new(token: String, expires_at: At, visitor_id: String, chatbot: Chatbot) -> Self {
        let ChatbotConfig { name, greeting, .. } = chatbot.config;
        Self {
            token,
            expires_at,
            visitor: Visitor { id: visitor_id },
            chatbot: ChatbotSummary { id: chatbot.id, name, greeting },
        }
    }
}

/// Where the request comes from, as far as addresses tell people apart: of IPv6 the network, for a host has many.
fn source_address(request: &Request) -> Result<String, Error> {
    let Some(RequestContext::ApiGatewayV1(context)) = request.request_context_ref() else {
        return Err(Error::internal("the event has no source address"));
    };
    let source = context.identity.source_ip.as_deref().unwrap_or_default();
    Ok(match source.parse() {
        Ok(IpAddr::V6(address)) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}")
        }
        _ => source.to_owned(),
    })
}

fn bearer(request: &Request) -> Option<&str> {
    let (scheme, token) = request.headers().get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
