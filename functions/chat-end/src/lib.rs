//! `POST /threads/{thread_id}/end`: remove the thread from OpenAI, set the status. It stays readable.

use lambda_http::{Body, Request, Response, http::StatusCode};
use serde::Deserialize;
use shared::{
    App, Error,
    domain::{Act, Identity, ThreadId, status::Event, thread},
    http,
};

/// Nothing is asked for, so anything in the body is a mistake.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

pub async fn handle(app: &App, request: Request) -> Result<Response<Body>, lambda_http::Error> {
    Ok(http::respond(answer(app, &request).await))
}

async fn answer(app: &App, request: &Request) -> Result<Response<Body>, Error> {
    let identity = http::identity(app, request)?;
    let id = http::path_id(request, "thread_id", "thread")?;
    let Nothing {} = http::optional_body(request)?;
    http::json(StatusCode::OK, &end(app, &identity, &id).await?)
}

/// Closes the thread. Its conversation at OpenAI is removed at once where OpenAI can be reached, later where it cannot.
async fn end(app: &App, identity: &Identity, id: &ThreadId) -> Result<thread::View, Error> {
    identity.may(Act::ThreadEnd)?;
    let (message_id, at, by) = (app.message_id(), app.now(), identity.person());
    let ended = app.change_owner(identity, id, |thread| {
        thread.change(Event::End { at, by: by.clone() }, by.clone(), "", None, message_id.clone())
    });
    let (thread, metadata) = ended.await?;
    Ok(thread.view(&metadata))
}
