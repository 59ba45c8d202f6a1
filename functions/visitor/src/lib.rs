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
    domain::{Act, At, Chatbot, ChatbotId, Identity, identity::is_tenant},
    http,
};

pub use token::{ISSUER, KEY_ID, VisitorTokens};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ask {
    tenant: String,
    chatbot_id: ChatbotId,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Try {}

#[derive(Serialize)]
struct Visit {
    token: String,
    expires_at: At,
    visitor: Visitor,
    chatbot: Host,
}

#[derive(Serialize)]
struct Visitor {
    id: String,
}

/// The chatbot, as far as it concerns a visitor: its name, and its first words before there is a thread.
#[derive(Serialize)]
struct Host {
    id: ChatbotId,
    name: String,
    greeting: String,
}

pub async fn handle(app: &App, tokens: &VisitorTokens, request: Request) -> Result<Response<Body>, lambda_http::Error> {
    Ok(http::respond(answer(app, tokens, &request).await))
}

async fn answer(app: &App, tokens: &VisitorTokens, request: &Request) -> Result<Response<Body>, Error> {
    let (method, path) = http::route(request);
    let visit = match (method.as_str(), path.as_str()) {
        ("POST", "/visitors") => admit(app, tokens, http::body(request)?, request).await?,
        ("POST", "/chatbots/{chatbot_id}/visitors") => {
            let (identity, id) = (http::identity(app, request)?, http::path_id(request, "chatbot_id", "chatbot")?);
            try_out(app, tokens, &identity, &id, http::optional_body(request)?).await?
        }
        _ => return Err(http::no_route()),
    };
    http::json(StatusCode::CREATED, &visit)
}

async fn admit(app: &App, tokens: &VisitorTokens, ask: Ask, request: &Request) -> Result<Visit, Error> {
    let Ask { tenant, chatbot_id } = ask;
    if !is_tenant(&tenant) {
        return Err(Error::invalid("tenant", "cannot be anyone's"));
    }
    // Before anything is looked up, so that guesses are counted too.
    app.store.visitor_token_count(&tenant, &address(request)?, app.now()).await?;
    let chatbot = app.store.chatbot_get(&tenant, &chatbot_id).await?.ok_or(Error::NotFound("chatbot"))?;
    chatbot.config.admits(http::origin(request))?;
    let visitor = bearer(request).and_then(|old| tokens.visitor(old, &tenant, &chatbot_id));
    let id = visitor.unwrap_or_else(|| new_visitor(app));
    let pass = tokens.sign(&chatbot, &id, app.now())?;
    Ok(visit(pass, id, chatbot))
}

/// The console is no page of the chatbot's, and those who made it need not be let in.
async fn try_out(
    app: &App,
    tokens: &VisitorTokens,
    identity: &Identity,
    id: &ChatbotId,
    Try {}: Try,
) -> Result<Visit, Error> {
    identity.may(Act::ChatbotRead)?;
    let chatbot = app.store.chatbot_get(&identity.tenant, id).await?.ok_or(Error::NotFound("chatbot"))?;
    let visitor = new_visitor(app);
    let pass = tokens.sign_to_try(&chatbot, &visitor, app.now())?;
    Ok(visit(pass, visitor, chatbot))
}

fn new_visitor(app: &App) -> String {
    format!("vis_{}", app.ulid())
}

fn visit((token, expires_at): (String, At), id: String, chatbot: Chatbot) -> Visit {
    let host = Host { id: chatbot.id, name: chatbot.config.name, greeting: chatbot.config.greeting };
    Visit { token, expires_at, visitor: Visitor { id }, chatbot: host }
}

/// Where the request comes from, as far as addresses tell people apart: of IPv6 the network, for a host has many.
fn address(request: &Request) -> Result<String, Error> {
    let Some(RequestContext::ApiGatewayV1(context)) = request.request_context_ref() else {
        return Err(Error::internal("an event without an address"));
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
