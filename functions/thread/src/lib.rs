//! `POST /threads`, `GET /threads`, `GET|PATCH|DELETE /threads/{thread_id}` and `GET /threads/{thread_id}/messages`:
//! threads, in the table and at OpenAI.

#[cfg(feature = "schema")]
pub mod api;
mod create;
mod delete;
mod list;
mod messages;
mod update;

use std::iter;

use lambda_http::{Body, Request, Response, http::StatusCode, run, service_fn};
use shared::{
    App, Error,
    domain::{Act, Identity, Thread, ThreadId, ThreadMetadata, thread::View},
    http,
};

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
    let id = || http::path_id(request, "thread_id", "thread");
    match (method.as_str(), path.as_str()) {
        ("POST", "/threads") => {
            let identity = caller(Act::ThreadCreate)?;
            let view =
                create::create(app, &identity, http::body(request)?, http::idempotency_key(request)?, request.body());
            http::json(StatusCode::CREATED, &view.await?)
        }
        ("GET", "/threads") => http::json(StatusCode::OK, &list::list(app, &caller(Act::ThreadRead)?, request).await?),
        ("GET", "/threads/{thread_id}") => {
            http::json(StatusCode::OK, &get(app, &caller(Act::ThreadRead)?, &id()?).await?)
        }
        ("PATCH", "/threads/{thread_id}") => {
            let identity = caller(Act::ThreadUpdate)?;
            http::json(StatusCode::OK, &update::update(app, &identity, &id()?, http::body(request)?).await?)
        }
        ("DELETE", "/threads/{thread_id}") => {
            delete::delete(app, &caller(Act::ThreadDelete)?, &id()?).await?;
            Ok(http::no_content())
        }
        ("GET", "/threads/{thread_id}/messages") => {
            let identity = caller(Act::ThreadRead)?;
            http::json(StatusCode::OK, &messages::messages(app, &identity, &id()?, request).await?)
        }
        _ => Err(http::no_route()),
    }
}

/// The thread with the caller's count of unread messages.
async fn get(app: &App, identity: &Identity, id: &ThreadId) -> Result<View, Error> {
    identity.may(Act::ThreadRead)?;
    let read_markers = app.store.read_markers_get(&identity.tenant, iter::once(id), &identity.subject);
    let ((thread, metadata), read_markers) = tokio::try_join!(app.thread_read(identity, id), read_markers)?;
    let read_through = read_markers.get(id).copied().unwrap_or_default();
    Ok(view(identity, &thread, &metadata, read_through))
}

/// The thread as its readers see it: with their count of unread messages, and for staff with its token usage.
fn view(identity: &Identity, thread: &Thread, metadata: &ThreadMetadata, read_through: u64) -> View {
    let view = thread.view(metadata).with_unread(thread.unread(identity, read_through));
    if identity.is_staff() { view.with_usage(thread.usage) } else { view }
}
