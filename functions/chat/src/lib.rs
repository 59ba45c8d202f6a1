//! `POST /threads/{thread_id}/chat`: say something in a thread; `POST /chat` and `GET /chat/{thread_id}/stream`, the same for
//! the Vercel AI SDK ([`ai_sdk`]).
//!
//! A customer's message while the bot holds the line is answered by the model ([`llm`]); every other goes to the people
//! who listen ([`agent`]). The function also takes the plain event `{tenant, thread_id}`: answer what waits there.

mod agent;
mod ai_sdk;
mod history;
mod llm;
mod run;
mod said;
mod stream;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lambda_http::{
    Request, RequestExt, Response,
    http::{StatusCode, header},
    request::RequestContext,
};
use serde::Deserialize;
use shared::{
    App, Error, MAX_DECISIONS,
    domain::{Act, Role, Status, Thread, ThreadId, ThreadMetadata},
    http,
    sockets::Event,
};
use tokio::time::Instant;

pub use stream::Body;

use ai_sdk::AiSdkStream;
use said::{ChatRequest, ChatResponse, Submission};
use stream::{EventSink, StreamFormat};

/// What a run keeps of its function's time to hand the line over: the table may be slow that day too.
const RESERVED_FOR_HAND_OVER: Duration = Duration::from_secs(20);

pub async fn handle(app: &App, request: Request) -> Result<Response<Body>, lambda_http::Error> {
    let answered = match (request.request_context_ref(), http::route(&request).1.as_str()) {
        (Some(RequestContext::PassThrough), _) => answer_due(app, &request).await.map(whole),
        (_, "/chat") => {
            answer_as_it_comes(app, &request, ai_sdk::said, StreamFormat::AiSdk(AiSdkStream::default())).await
        }
        // A turn is not heard a second time; it is in the log as soon as it is over.
        (_, "/chat/{thread_id}/stream") => http::identity(app, &request).map(|_| whole(http::no_content())),
        _ if wants_stream(&request) => answer_as_it_comes(app, &request, said, StreamFormat::Events).await,
        _ => answer(app, &request).await.map(whole),
    };
    Ok(answered.unwrap_or_else(|error| whole(http::respond(Err(error)))))
}

fn whole(answer: Response<lambda_http::Body>) -> Response<Body> {
    answer.map(Body::Whole)
}

async fn answer(app: &App, request: &Request) -> Result<Response<lambda_http::Body>, Error> {
    let identity = http::identity(app, request)?;
    let (id, say) = said(request)?;
    let said = Submission::new(app, &say, &identity, deadline(request), EventSink::default());
    let answer = chat(app, &id, &said).await?;
    let status = if answer.is_settled() { StatusCode::OK } else { StatusCode::ACCEPTED };
    http::json(status, &answer)
}

/// The same for a caller who listens as it goes on. What is said, and where, is read by `said`.
async fn answer_as_it_comes(
    app: &App,
    request: &Request,
    said: impl Fn(&Request) -> Result<(ThreadId, ChatRequest), Error>,
    words: StreamFormat,
) -> Result<Response<Body>, Error> {
    let identity = http::identity(app, request)?;
    let (id, say) = said(request)?;
    let shows_thread = matches!(words, StreamFormat::AiSdk(_));
    let (app, deadline, (sink, events)) = (app.clone(), deadline(request), EventSink::open());
    let turn = tokio::spawn(async move {
        let said = Submission::new(&app, &say, &identity, deadline, sink);
        let answer = chat(&app, &id, &said).await?;
        if shows_thread && !answer.is_settled() {
            said.sink.send(Event::thread(answer.thread().clone()));
        }
        said.sink.send(answer.done());
        Ok(())
    });
    stream::stream(events, turn, words).await
}

fn said(request: &Request) -> Result<(ThreadId, ChatRequest), Error> {
    Ok((http::path_id(request, "thread_id", "thread")?, http::body(request)?))
}

fn wants_stream(request: &Request) -> bool {
    let accepted = request.headers().get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accepted
        .flat_map(|value| value.split(','))
        .any(|kind| kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("text/event-stream")))
}

/// Appends the message and lets whoever holds the line answer it. Decided anew whenever somebody else was faster.
async fn chat(app: &App, id: &ThreadId, said: &Submission<'_>) -> Result<ChatResponse, Error> {
    let (identity, say) = (said.identity, said.say);
    identity.may(if say.internal { Act::Note } else { Act::Chat })?;
    say.validate()?;
    if let Some(chatbot) = &say.chatbot_id {
        identity.may_have(chatbot)?;
    }
    if let Some(chatbot) = &say.chatbot_id
        && app.store.chatbot_get(&identity.tenant, chatbot).await?.is_none()
    {
        return Err(Error::invalid("chatbot_id", "there is no such chatbot"));
    }
    for _ in 0..MAX_DECISIONS {
        let (thread, metadata) = app.thread(identity, id).await?;
        if let Some(answer) = decide(app, thread, metadata, said).await? {
            return Ok(answer);
        }
    }
    Err(Error::Busy)
}

/// The thread's status says who answers. `None`: it changed before anything was written.
async fn decide(
    app: &App,
    thread: Thread,
    metadata: ThreadMetadata,
    said: &Submission<'_>,
) -> Result<Option<ChatResponse>, Error> {
    match (&thread.status, said.identity.role) {
        (Status::Ended { .. }, _) => said.again(app, thread, metadata).await.map(Some),
        _ if said.say.internal => agent::note(app, thread, metadata, said).await,
        (Status::Bot { .. }, Role::Customer) => llm::chat_llm(app, thread, metadata, said).await,
        _ => agent::chat_agent(app, thread, metadata, said).await,
    }
}

/// The event of an asynchronous invocation.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Due {
    tenant: String,
    thread_id: ThreadId,
}

async fn answer_due(app: &App, request: &Request) -> Result<Response<lambda_http::Body>, Error> {
    let due: Due = http::body(request)?;
    llm::answer_due(app, &due.tenant, &due.thread_id, deadline(request)).await?;
    Ok(http::no_content())
}

/// When a run has to hand over, for Lambda stops the function soon after. `None` where nobody stops it.
fn deadline(request: &Request) -> Option<Instant> {
    let stopped_at = Duration::from_millis(request.lambda_context_ref()?.deadline);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    Some(Instant::now() + stopped_at.saturating_sub(now).saturating_sub(RESERVED_FOR_HAND_OVER))
}
