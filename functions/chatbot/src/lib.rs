//! `POST /chatbots`, `GET /chatbots`, `GET|PATCH|DELETE /chatbots/{chatbot_id}`: chatbots, in the table and at OpenAI.

mod create;
mod update;

use lambda_http::{Body, Request, Response, http::StatusCode};
use serde::Serialize;
use shared::{
    App, Error,
    domain::{Act, Chatbot, ChatbotId, Identity, chatbot},
    http,
    openai::ModelCheck,
    retry_on_conflict,
    store::cursor,
};

pub async fn handle(app: &App, request: Request) -> Result<Response<Body>, lambda_http::Error> {
    Ok(http::respond(answer(app, &request).await))
}

async fn answer(app: &App, request: &Request) -> Result<Response<Body>, Error> {
    let identity = http::identity(app, request)?;
    let (method, path) = http::route(request);
    let id = || http::path_id(request, "chatbot_id", "chatbot");
    match (method.as_str(), path.as_str()) {
        ("POST", "/chatbots") => {
            let view =
                create::create(app, &identity, http::body(request)?, http::idempotency_key(request)?, request.body());
            http::json(StatusCode::CREATED, &view.await?)
        }
        ("GET", "/chatbots") => http::json(StatusCode::OK, &list(app, &identity, request).await?),
        ("GET", "/chatbots/{chatbot_id}") => http::json(StatusCode::OK, &get(app, &identity, &id()?).await?),
        ("PATCH", "/chatbots/{chatbot_id}") => {
            http::json(StatusCode::OK, &update::update(app, &identity, &id()?, http::body(request)?).await?)
        }
        ("DELETE", "/chatbots/{chatbot_id}") => {
            delete(app, &identity, &id()?).await?;
            Ok(http::no_content())
        }
        _ => Err(http::no_route()),
    }
}

#[derive(Serialize)]
struct Page {
    data: Vec<chatbot::View>,
    next_cursor: Option<String>,
}

/// The tenant's chatbots, newest first; of their documents, the names.
async fn list(app: &App, identity: &Identity, request: &Request) -> Result<Page, Error> {
    identity.may(Act::ChatbotRead)?;
    http::only_query(request, &["limit", "cursor"])?;
    let limit = http::limit(request)?;
    let cursor = http::query::<String>(request, "cursor", "")?;
    let before: Option<ChatbotId> = cursor.map(|text| cursor::decode(&text)).transpose()?;
    let (chatbots, more) = app.store.chatbot_list(&identity.tenant, before.as_ref(), limit).await?;
    let next = chatbots.last().filter(|_| more).map(|last| cursor::encode(&last.id)).transpose()?;
    Ok(Page { data: chatbots.iter().map(|chatbot| chatbot.view(None)).collect(), next_cursor: next })
}

async fn get(app: &App, identity: &Identity, id: &ChatbotId) -> Result<chatbot::View, Error> {
    identity.may(Act::ChatbotRead)?;
    let chatbot = read(app, identity, id).await?;
    let documents = app.store.documents_get(&chatbot).await?;
    Ok(chatbot.view(Some(&documents)))
}

/// Deletes the chatbot and what it knows at OpenAI. Its threads go to people at their next turn.
async fn delete(app: &App, identity: &Identity, id: &ChatbotId) -> Result<(), Error> {
    identity.may(Act::ChatbotWrite)?;
    let cleanup = retry_on_conflict(|| async {
        let chatbot = read(app, identity, id).await?;
        let cleanup = app.knowledge_cleanup(&chatbot);
        let deleted = app.store.chatbot_delete(&chatbot, cleanup.clone()).await?;
        Ok(deleted.then_some(cleanup))
    });
    if let Some(cleanup) = cleanup.await? {
        app.clean_up(&cleanup).await;
    }
    Ok(())
}

async fn read(app: &App, identity: &Identity, id: &ChatbotId) -> Result<Chatbot, Error> {
    app.store.chatbot_get(&identity.tenant, id).await?.ok_or(Error::NotFound("chatbot"))
}

/// Refuses a model that OpenAI says it does not have. Where it says nothing, the first run will tell.
async fn check_model(app: &App, model: &str) -> Result<(), Error> {
    match app.briefly(app.openai.model_check(model)).await {
        Ok(ModelCheck::Unknown) => Err(Error::invalid("model", "OpenAI has no such model, or not for this key")),
        Ok(_) => Ok(()),
        Err(failure) => {
            tracing::warn!(%failure, "a model could not be checked");
            Ok(())
        }
    }
}
