//! `POST /threads/{thread_id}/chat`: post a message and have it answered. `POST /chat`: the same for the Vercel AI SDK
//! ([`ai_sdk`]). `GET /chat/{thread_id}/stream`: what is said after its stream has ended ([`resume`]). `POST /agui`:
//! the same for AG-UI ([`ag_ui`]).
//!
//! A customer's message while the bot holds the line is answered by the model ([`llm`]); every other is broadcast to
//! people ([`agent`]). The function also takes the plain event `{tenant, thread_id}` of an asynchronous invocation:
//! answer the messages that wait there.

mod ag_ui;
mod agent;
mod ai_sdk;
#[cfg(feature = "schema")]
pub mod api;
mod event_sink;
mod follow;
mod history;
mod llm;
mod narration;
mod response;
mod resume;
mod run;
mod server_sent;
mod stream;
mod submission;
mod turn_shares;

use std::time::Duration;

use lambda_http::{
    Request, RequestExt, Response,
    http::{StatusCode, header},
    request::RequestContext,
    run_with_streaming_response, service_fn,
};
use serde::Deserialize;
use shared::{
    App, Error,
    domain::{Act, Chatbot, Identity, Role, Status, Thread, ThreadId, ThreadMetadata},
    http::{self, StreamingBody},
    retry_on_conflict,
    sockets::Event,
    time_left,
};
use tokio::time::Instant;

use event_sink::EventSink;
use response::ChatResponse;
use stream::StreamFormat;
use submission::{ChatRequest, Submission};

/// The part of the function's time that a run reserves to hand the line over: the table may be slow as well.
const RESERVED_FOR_HAND_OVER: Duration = Duration::from_secs(20);

/// Reads the environment and serves Lambda's events.
pub async fn serve() -> Result<(), lambda_http::Error> {
    let app = App::from_env().await?;
    // Streaming, so that no answer meets the 29 s of a buffered one.
    Box::pin(run_with_streaming_response(service_fn(|request| handle(&app, request)))).await
}

pub async fn handle(app: &App, request: Request) -> Result<Response<StreamingBody>, lambda_http::Error> {
    let response = match (request.request_context_ref(), http::route(&request).1.as_str()) {
        (Some(RequestContext::PassThrough), _) => answer_due(app, &request).await.map(whole),
        (_, "/chat") => respond_streaming(app, &request, ai_sdk::parse).await,
        (_, "/agui") => respond_streaming(app, &request, ag_ui::parse).await,
        (_, "/chat/{thread_id}/stream") => resume::resume(app, &request).await,
        _ if accepts_stream(&request) => {
            let parse =
                |request: &Request, _: &Identity| parse(request).map(|(id, body)| (id, body, StreamFormat::Events));
            respond_streaming(app, &request, parse).await
        }
        _ => respond(app, &request).await.map(whole),
    };
    Ok(response.unwrap_or_else(|error| whole(http::respond(Err(error)))))
}

fn whole(response: Response<lambda_http::Body>) -> Response<StreamingBody> {
    response.map(StreamingBody::Whole)
}

async fn respond(app: &App, request: &Request) -> Result<Response<lambda_http::Body>, Error> {
    let identity = http::caller(app, request, Act::Chat)?;
    let (id, body) = parse(request)?;
    let submission = Submission::new(app, &body, &identity, deadline(request), EventSink::default());
    let response = chat(app, &id, &submission).await?;
    let status = if response.is_settled() { StatusCode::OK } else { StatusCode::ACCEPTED };
    http::json(status, &response)
}

/// Responds with a stream of the turn's events. `parse` reads the thread's id and the message from the caller's
/// request, and names the stream's format.
async fn respond_streaming(
    app: &App,
    request: &Request,
    parse: impl Fn(&Request, &Identity) -> Result<(ThreadId, ChatRequest, StreamFormat), Error>,
) -> Result<Response<StreamingBody>, Error> {
    let identity = http::caller(app, request, Act::Chat)?;
    let (id, body, format) = parse(request, &identity)?;
    let shows_thread = !matches!(format, StreamFormat::Events);
    let (app, deadline, (sink, events)) = (app.clone(), deadline(request), EventSink::open());
    let turn = tokio::spawn(async move {
        let edited = body.edited();
        let mut submission = Submission::new(&app, &body, &identity, deadline, sink);
        let mut response = chat(&app, &id, &submission).await;
        if let (Err(Error::Mismatch(_)), Some(edited)) = (&response, &edited) {
            submission = submission.with_request(edited);
            response = chat(&app, &id, &submission).await;
        }
        let response = follow::tell_answer(&app, &submission, response?).await?;
        if shows_thread {
            submission.sink.send(Event::thread(response.thread().clone()));
        }
        submission.sink.send(response.done());
        Ok(())
    });
    stream::stream(events, turn, format).await
}

fn parse(request: &Request) -> Result<(ThreadId, ChatRequest), Error> {
    Ok((http::path_id(request, "thread_id", "thread")?, http::body(request)?))
}

fn accepts_stream(request: &Request) -> bool {
    let accepted = request.headers().get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accepted
        .flat_map(|value| value.split(','))
        .any(|kind| kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("text/event-stream")))
}

/// Appends the message and lets whoever holds the line answer it. Decides anew after a conflict.
async fn chat(app: &App, id: &ThreadId, submission: &Submission<'_>) -> Result<ChatResponse, Error> {
    let (identity, request) = (submission.identity, submission.request);
    identity.may(if request.internal { Act::Note } else { Act::Chat })?;
    request.validate()?;
    if let Some(chatbot) = &request.chatbot_id {
        identity.may_have(chatbot)?;
    }
    if let Some(chatbot) = &request.chatbot_id {
        let chatbot = app.store.chatbot_get(&identity.tenant, chatbot).await?;
        chatbot.ok_or_else(|| Error::invalid("chatbot_id", "there is no such chatbot"))?.admits(identity)?;
    }
    app.check_messages(identity)?;
    let mut first = Some(admit(app, id, submission).await?);
    retry_on_conflict(|| {
        let read = first.take();
        async {
            let (found, chatbot) = match read {
                Some(read) => read,
                None => read_thread(app, identity, id).await?,
            };
            let (thread, metadata) = found;
            decide(app, thread, metadata, submission, chatbot).await
        }
    })
    .await
}

/// A thread as it was read, and its chatbot, if that was read too.
type Found = ((Thread, ThreadMetadata), Option<Chatbot>);

/// Reads the thread. A visitor's token names their chatbot, so that it can be read, and checked, at the same time.
async fn read_thread(app: &App, identity: &Identity, id: &ThreadId) -> Result<Found, Error> {
    tokio::try_join!(app.thread_seen(identity, id), app.visited_chatbot(identity))
}

/// Reads the thread, and counts a customer's message in the budgets of the chatbot and the tenant.
async fn admit(app: &App, id: &ThreadId, submission: &Submission<'_>) -> Result<Found, Error> {
    let identity = submission.identity;
    let (found, visited) = read_thread(app, identity, id).await?;
    let read = app.admit_message_to(identity, &found.0.chatbot_id).await?;
    Ok((found, visited.or(read)))
}

/// Decides by the thread's status who answers. `chatbot`: the thread's, if it was read. `None` on a conflict: nothing
/// was written.
async fn decide(
    app: &App,
    thread: Thread,
    metadata: ThreadMetadata,
    submission: &Submission<'_>,
    chatbot: Option<Chatbot>,
) -> Result<Option<ChatResponse>, Error> {
    match (&thread.status, submission.identity.role) {
        (Status::Ended { .. }, _) => submission.repeat_only(app, thread, metadata).await.map(Some),
        _ if submission.request.internal => agent::note(app, thread, metadata, submission).await,
        (Status::Bot { .. }, Role::Customer) => {
            Box::pin(llm::chat_llm(app, thread, metadata, submission, chatbot)).await
        }
        _ => Box::pin(agent::chat_agent(app, thread, metadata, submission)).await,
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

/// The time by which a run hands over, because Lambda stops the function soon after. `None` where nothing stops it.
fn deadline(request: &Request) -> Option<Instant> {
    Some(Instant::now() + time_left(request)?.saturating_sub(RESERVED_FOR_HAND_OVER))
}
