//! `POST /threads/{thread_id}/chat`: say something in a thread.
//!
//! A customer's message while the bot holds the line is answered by the model ([`llm`]); every other goes to the people
//! who listen ([`agent`]). The function also takes the plain event `{tenant, thread_id}`: answer what waits there.

mod agent;
mod history;
mod llm;
mod run;
mod said;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lambda_http::{Body, Request, RequestExt, Response, http::StatusCode, request::RequestContext};
use serde::Deserialize;
use shared::{
    App, DECISIONS, Error,
    domain::{Act, Details, Identity, Role, Status, Thread, ThreadId},
    http,
};

use tokio::time::Instant;

use said::{Answer, Said, Say};

/// What a run keeps of its function's time to hand the line over: the table may be slow that day too.
const HANDING_OVER: Duration = Duration::from_secs(20);

pub async fn handle(app: &App, request: Request) -> Result<Response<Body>, lambda_http::Error> {
    let answered = match request.request_context_ref() {
        Some(RequestContext::PassThrough) => answer_due(app, &request).await,
        _ => answer(app, &request).await,
    };
    Ok(http::respond(answered))
}

async fn answer(app: &App, request: &Request) -> Result<Response<Body>, Error> {
    let identity = http::identity(app, request)?;
    let id = http::path_id(request, "thread_id", "thread")?;
    let say: Say = http::body(request)?;
    let answer = chat(app, &identity, &id, &say, deadline(request)).await?;
    let status = if answer.is_settled() { StatusCode::OK } else { StatusCode::ACCEPTED };
    http::json(status, &answer)
}

/// Appends the message and lets whoever holds the line answer it. Decided anew whenever somebody else was faster.
async fn chat(
    app: &App,
    identity: &Identity,
    id: &ThreadId,
    say: &Say,
    deadline: Option<Instant>,
) -> Result<Answer, Error> {
    identity.may(if say.internal { Act::Note } else { Act::Chat })?;
    say.validate()?;
    if let Some(chatbot) = &say.chatbot_id
        && app.store.chatbot_get(&identity.tenant, chatbot).await?.is_none()
    {
        return Err(Error::invalid("chatbot_id", "there is no such chatbot"));
    }
    let said = Said { say, identity, message_id: app.message_id(), deadline };
    for _ in 0..DECISIONS {
        let (thread, details) = app.thread(identity, id).await?;
        if let Some(answer) = decide(app, thread, details, &said).await? {
            return Ok(answer);
        }
    }
    Err(Error::Busy)
}

/// The thread's status says who answers. `None`: it changed before anything was written.
async fn decide(app: &App, thread: Thread, details: Details, said: &Said<'_>) -> Result<Option<Answer>, Error> {
    match (&thread.status, said.identity.role) {
        (Status::Ended { .. }, _) => said.again(app, thread, details).await.map(Some),
        _ if said.say.internal => agent::note(app, thread, details, said).await,
        (Status::Bot { .. }, Role::Customer) => llm::chat_llm(app, thread, details, said).await,
        _ => agent::chat_agent(app, thread, details, said).await,
    }
}

/// The event of an asynchronous invocation.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Due {
    tenant: String,
    thread_id: ThreadId,
}

async fn answer_due(app: &App, request: &Request) -> Result<Response<Body>, Error> {
    let due: Due = http::body(request)?;
    llm::answer_due(app, &due.tenant, &due.thread_id, deadline(request)).await?;
    Ok(http::no_content())
}

/// When a run has to hand over, for Lambda stops the function soon after. `None` where nobody stops it.
fn deadline(request: &Request) -> Option<Instant> {
    let stopped_at = Duration::from_millis(request.lambda_context_ref()?.deadline);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    Some(Instant::now() + stopped_at.saturating_sub(now).saturating_sub(HANDING_OVER))
}
