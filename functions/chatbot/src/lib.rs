//! `POST /chatbots`, `GET /chatbots`, `GET|PATCH|DELETE /chatbots/{chatbot_id}`: chatbots, in the table and at OpenAI.
//!
//! `GET /chatbots/{chatbot_id}/profile`: a chatbot's name and greeting, for everybody who may talk to it.

#[cfg(feature = "schema")]
pub mod api;
mod create;
mod get;
mod model;
mod update;

use lambda_http::{Body, Request, Response, http::StatusCode, run, service_fn};
use serde::Serialize;
use shared::{
    App, Error,
    domain::{Act, ChatbotId, Identity, audit::AuditedAct, chatbot},
    http, retry_on_conflict, rows_that_fit,
    store::cursor,
};

use get::read;

/// Reads the environment and serves Lambda's events.
pub async fn serve() -> Result<(), lambda_http::Error> {
    let app = App::from_env().await?;
    run(service_fn(|request| handle(&app, request))).await
}

pub async fn handle(app: &App, request: Request) -> Result<Response<Body>, lambda_http::Error> {
    Ok(http::respond(respond(app, &request).await))
}

async fn respond(app: &App, request: &Request) -> Result<Response<Body>, Error> {
    let (method, path) = http::route(request);
    let caller = |act| http::caller(app, request, act);
    let id = || http::path_id(request, "chatbot_id", "chatbot");
    match (method.as_str(), path.as_str()) {
        ("POST", "/chatbots") => {
            let identity = caller(Act::ChatbotWrite)?;
            let view =
                create::create(app, &identity, http::body(request)?, http::idempotency_key(request)?, request.body());
            http::json(StatusCode::CREATED, &view.await?)
        }
        ("GET", "/chatbots") => http::json(StatusCode::OK, &list(app, &caller(Act::ChatbotRead)?, request).await?),
        ("GET", "/chatbots/{chatbot_id}") => {
            http::json(StatusCode::OK, &get::get(app, &caller(Act::ChatbotRead)?, &id()?).await?)
        }
        ("GET", "/chatbots/{chatbot_id}/profile") => {
            http::json(StatusCode::OK, &get::profile(app, &caller(Act::ProfileRead)?, &id()?).await?)
        }
        ("PATCH", "/chatbots/{chatbot_id}") => {
            let identity = caller(Act::ChatbotWrite)?;
            http::json(StatusCode::OK, &update::update(app, &identity, &id()?, http::body(request)?).await?)
        }
        ("DELETE", "/chatbots/{chatbot_id}") => {
            delete(app, &caller(Act::ChatbotWrite)?, &id()?).await?;
            Ok(http::no_content())
        }
        _ => Err(http::no_route()),
    }
}

/// Response of `GET /chatbots`.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "ChatbotPage"))]
struct Page {
    data: Vec<chatbot::View>,
    next_cursor: Option<String>,
}

/// Lists the tenant's chatbots, newest first, with the names of their documents but not the texts.
async fn list(app: &App, identity: &Identity, request: &Request) -> Result<Page, Error> {
    identity.may(Act::ChatbotRead)?;
    http::only_query(request, &["limit", "cursor"])?;
    let limit = http::limit(request)?;
    let cursor = http::query::<String>(request, "cursor", "")?;
    let before: Option<ChatbotId> = cursor.map(|text| cursor::decode(&text)).transpose()?;
    let (chatbots, more) = app.store.chatbot_list(&identity.tenant, before.as_ref(), limit).await?;
    let now = app.now();
    let mut data: Vec<chatbot::View> = chatbots.iter().map(|chatbot| chatbot.view(None, now)).collect();
    let fitting = rows_that_fit(&data);
    let more = more || fitting < data.len();
    data.truncate(fitting);
    let next_cursor = data.last().filter(|_| more).map(|last| cursor::encode(&last.id)).transpose()?;
    Ok(Page { data, next_cursor })
}

/// Deletes the chatbot and its knowledge at OpenAI. Its threads go to people at their next turn.
async fn delete(app: &App, identity: &Identity, id: &ChatbotId) -> Result<(), Error> {
    identity.may(Act::ChatbotWrite)?;
    let cleanup = retry_on_conflict(|| async {
        let chatbot = read(app, identity, id).await?;
        let cleanup = app.knowledge_cleanup(&chatbot);
        let audit = app.audit_entry(identity, AuditedAct::ChatbotDeleted).map(|entry| entry.about_chatbot(id));
        let deleted = app.store.chatbot_delete(&chatbot, cleanup.clone(), audit.as_ref()).await?;
        Ok(deleted.then_some(cleanup))
    });
    if let Some(cleanup) = cleanup.await? {
        app.clean_up(&cleanup).await;
    }
    Ok(())
}
