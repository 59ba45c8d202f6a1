//! `POST /threads/{thread_id}/escalate`, `/claim` and `/release`: change who holds the line.
//!
//! Each is one transaction over the thread as it was read: of two at the same time one wins, and the other decides
//! anew.

#[cfg(feature = "schema")]
pub mod api;

use lambda_http::{Body, Request, Response, http::StatusCode, run, service_fn};
use serde::Deserialize;
use shared::{
    App, Error,
    domain::{
        Act, Identity, Line, Reason, Role, Status, ThreadId, message::MAX_TEXT_CHARS, status::Event, thread,
        visible::is_visible,
    },
    http,
};

/// The body of `POST /threads/{thread_id}/escalate`.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Escalation"))]
struct Escalate {
    /// The customer's reason, at most 500 characters.
    #[cfg_attr(feature = "schema", schemars(length(max = 500)))]
    reason: Option<String>,
}

/// The body of `POST /threads/{thread_id}/claim`: no fields.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct Claim {}

/// The body of `POST /threads/{thread_id}/release`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct Release {
    to: Line,
    /// An internal note for the next agent, 1 to 32,000 characters.
    #[cfg_attr(feature = "schema", schemars(length(max = MAX_TEXT_CHARS), regex(pattern = r"\S")))]
    note: Option<String>,
}

/// Reads the environment and serves Lambda's events.
pub async fn serve() -> Result<(), lambda_http::Error> {
    let app = App::from_env_invoking().await?;
    run(service_fn(|request| handle(&app, request))).await
}

pub async fn handle(app: &App, request: Request) -> Result<Response<Body>, lambda_http::Error> {
    Ok(http::respond(respond(app, &request).await))
}

async fn respond(app: &App, request: &Request) -> Result<Response<Body>, Error> {
    let caller = |act| http::caller(app, request, act);
    let id = || http::path_id(request, "thread_id", "thread");
    let view = match http::route(request).1.rsplit('/').next() {
        Some("escalate") => escalate(app, &caller(Act::Escalate)?, &id()?, http::optional_body(request)?).await?,
        Some("claim") => claim(app, &caller(Act::Claim)?, &id()?, http::optional_body(request)?).await?,
        Some("release") => release(app, &caller(Act::Release)?, &id()?, http::body(request)?).await?,
        _ => return Err(http::no_route()),
    };
    http::json(StatusCode::OK, &view)
}

/// Puts the thread into the queue for a person.
async fn escalate(app: &App, identity: &Identity, id: &ThreadId, body: Escalate) -> Result<thread::View, Error> {
    identity.may(Act::Escalate)?;
    if body.reason.as_ref().is_some_and(|reason| reason.chars().count() > 500) {
        return Err(Error::invalid("reason", "must have at most 500 characters"));
    }
    let (thread, _) = app.thread(identity, id).await?;
    if matches!(thread.status, Status::Bot { .. }) {
        // Any other status makes it a repeat or a conflict, and neither counts.
        app.admit_escalation(identity, &thread.chatbot_id).await?;
    }
    let (message_id, at) = (app.message_id(), app.now());
    let escalated = app.change_owner(identity, id, |thread| {
        let event = Event::Escalate { at, reason: Reason::Asked, comment: body.reason.clone() };
        thread.change(event, identity.person(), message_id.clone())
    });
    let (thread, metadata) = escalated.await?;
    Ok(thread.view(&metadata))
}

/// Takes the line for an agent, from the bot or the queue; for an admin also from an agent.
async fn claim(app: &App, identity: &Identity, id: &ThreadId, Claim {}: Claim) -> Result<thread::View, Error> {
    identity.may(Act::Claim)?;
    let (message_id, at) = (app.message_id(), app.now());
    let claimed = app.change_owner(identity, id, |thread| {
        let event = Event::Claim { at, agent: identity.person(), admin: identity.role == Role::Admin };
        thread.change(event, identity.person(), message_id.clone())
    });
    let (thread, metadata) = claimed.await?;
    Ok(thread.view(&metadata))
}

/// Gives the line back: to the bot, or to the queue for another agent.
async fn release(app: &App, identity: &Identity, id: &ThreadId, body: Release) -> Result<thread::View, Error> {
    identity.may(Act::Release)?;
    if body.note.as_ref().is_some_and(|note| !is_visible(note) || note.chars().count() > MAX_TEXT_CHARS) {
        return Err(Error::invalid("note", format!("must have 1 to {MAX_TEXT_CHARS} characters, one of them visible")));
    }
    let (message_id, note_id, at) = (app.message_id(), app.message_id(), app.now());
    let released = app.change_owner(identity, id, |thread| {
        if !thread.status.releasable_by(identity) {
            return Err(Error::Forbidden("only the agent who holds the line or an admin may release it"));
        }
        let event = Event::Release { at, to: body.to };
        let mut changed = thread.change(event, identity.person(), message_id.clone())?;
        if let (Some(changed), Some(text)) = (&mut changed, &body.note) {
            changed.note = Some(changed.note(note_id.clone(), text.clone()));
        }
        Ok(changed)
    });
    let (thread, metadata) = released.await?;
    app.invoke_chat(&thread).await;
    Ok(thread.view(&metadata))
}
