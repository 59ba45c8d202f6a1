//! `POST /threads/{thread_id}/end`: remove the thread from OpenAI, and set its status. The log stays readable.

#[cfg(feature = "schema")]
pub mod api;

use lambda_http::{Body, Request, Response, http::StatusCode, run, service_fn};
use serde::Deserialize;
use shared::{
    App, Error,
    domain::{Act, Identity, ThreadId, status::Event, thread},
    http,
};

/// The body of the request: no fields.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct End {}

/// Reads the environment and serves Lambda's events.
pub async fn serve() -> Result<(), lambda_http::Error> {
    let app = App::from_env().await?;
    run(service_fn(|request| handle(&app, request))).await
}

pub async fn handle(app: &App, request: Request) -> Result<Response<Body>, lambda_http::Error> {
    Ok(http::respond(respond(app, &request).await))
}

async fn respond(app: &App, request: &Request) -> Result<Response<Body>, Error> {
    let identity = http::caller(app, request, Act::ThreadEnd)?;
    let id = http::path_id(request, "thread_id", "thread")?;
    let End {} = http::optional_body(request)?;
    http::json(StatusCode::OK, &end(app, &identity, &id).await?)
}

/// Ends the thread. Its conversation at OpenAI is deleted at once, or by the sweep where that fails.
async fn end(app: &App, identity: &Identity, id: &ThreadId) -> Result<thread::View, Error> {
    identity.may(Act::ThreadEnd)?;
    let (message_id, at, by) = (app.message_id(), app.now(), identity.person());
    let ended = app.change_owner(identity, id, |thread| {
        thread.change(Event::End { at, by: by.clone() }, by.clone(), message_id.clone())
    });
    let (thread, metadata) = ended.await?;
    Ok(thread.view(&metadata))
}
