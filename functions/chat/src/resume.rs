//! `GET /chat/{thread_id}/stream`: the next message of the bot or of a person, for a caller whose stream has ended.

use std::time::Duration;

use lambda_http::{Request, Response};
use shared::{
    App, Error,
    domain::{Act, Identity, Message, Status, Thread, ThreadId, message},
    http::{self, StreamingBody},
    sockets::Event,
};
use tokio::time::Instant;

use crate::{
    ai_sdk::AiSdkStream,
    event_sink::EventSink,
    follow::{Follower, Look, heard_until, is_heard},
    stream::{self, StreamFormat},
};

/// The most messages of the past that a stream begins with.
const MAX_MESSAGES: u64 = 50;

/// The time for which a run that answers an accepted message may take to start: `chat` is invoked for it.
const RUN_STARTS_WITHIN: Duration = Duration::from_secs(10);

/// Follows the thread while somebody is awaited there: the bot while it writes, or a person for as long as the
/// deployment sets. 204 where nobody is, and nothing has been said after the query's `after`.
pub(crate) async fn resume(app: &App, request: &Request) -> Result<Response<StreamingBody>, Error> {
    let identity = http::caller(app, request, Act::ThreadRead)?;
    let id: ThreadId = http::path_id(request, "thread_id", "thread")?;
    http::only_query(request, &["after"])?;
    let after = http::query(request, "after", "must be a seq: a whole number, 0 or more")?;
    let (thread, _) = app.thread_read(&identity, &id).await?;
    // A caller who has less than that reads the log first.
    let after = after.unwrap_or(thread.seq).max(thread.seq.saturating_sub(MAX_MESSAGES));
    let first = Follower::new(app, &identity.tenant, &id, after).look().await?;
    if !first.messages.iter().any(|message| is_heard(&identity, message)) && !is_awaited(app, &identity, &first.thread)
    {
        return Ok(http::no_content().map(StreamingBody::Whole));
    }
    let format = StreamFormat::AiSdk(AiSdkStream::new(&identity).into());
    let (app, deadline, (sink, events)) = (app.clone(), crate::deadline(request), EventSink::open());
    let turn = tokio::spawn(async move { tell(&app, &identity, (first, after), &sink, deadline).await });
    stream::open(events, turn, format)
}

/// Tells what has been said and every change of owner, until a person has said something, the bot has nothing left to
/// answer, or the time is over.
async fn tell(
    app: &App,
    identity: &Identity,
    (first, after): (Look, u64),
    sink: &EventSink,
    deadline: Option<Instant>,
) -> Result<(), Error> {
    let id = first.thread.id.clone();
    let mut follower = Follower::new(app, &identity.tenant, &id, first.thread.seq.max(after));
    let mut look = first;
    let until = heard_until(app, identity, deadline);
    // Counted from when a person is the one to answer.
    let mut person_until = None;
    let (mut has_told, mut has_heard) = (false, false);
    loop {
        let is_change = |message: &Message| message.role == message::Role::System;
        for message in look.messages.iter().filter(|message| is_change(message) || is_heard(identity, message)) {
            has_heard |= is_heard(identity, message);
            has_told = true;
            sink.send(Event::message(message));
        }
        if look.messages.iter().any(is_change) {
            let (thread, metadata) = app.thread(identity, &id).await?;
            sink.send(Event::thread(thread.view(&metadata)));
        }
        let is_bots = matches!(look.thread.status, Status::Bot { .. });
        person_until = if is_bots { None } else { person_until.or(Some(Instant::now() + app.person_wait)) };
        let until = person_until.map_or(until, |person_until| person_until.min(until));
        let is_over = !is_awaited(app, identity, &look.thread) || has_heard && !is_bots;
        if is_over || !sink.is_open() || !follower.pause(Some(until)).await {
            break;
        }
        look = follower.look().await?;
    }
    if has_told {
        sink.send(Event::Done { thread_id: id, joined: false });
    }
    Ok(())
}

/// True where somebody's next message can be waited for: the bot's while it writes one or is about to, or a person's.
/// Visitors, who may be anybody, hold no function for a person.
fn is_awaited(app: &App, identity: &Identity, thread: &Thread) -> bool {
    match thread.status {
        Status::Bot { .. } => {
            let is_about_to = app.now().since(thread.updated_at) < RUN_STARTS_WITHIN;
            thread.awaits_bot() && (is_about_to || thread.run_is_live(app.now()))
        }
        Status::Queued { .. } | Status::Agent { .. } => !app.person_wait.is_zero() && !identity.is_visitor(),
        Status::Ended { .. } => false,
    }
}
