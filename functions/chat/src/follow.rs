//! Following a thread: what another invocation logs, told on this one's stream.
//!
//! Lambda's invocations cannot hear each other. So the thread's item is read again and again, and the log where it has
//! grown.

use shared::{
    App, Error, Pauses,
    domain::{Identity, Message, Status, Thread, ThreadId, message::Role},
    sockets::Event,
};
use tokio::time::Instant;

use crate::{response::ChatResponse, submission::Submission};

/// The messages that are read at once.
const PAGE: usize = 50;

/// A reader of a thread that looks again until it is told to stop.
pub(crate) struct Follower<'a> {
    app: &'a App,
    tenant: &'a str,
    id: &'a ThreadId,
    /// The last message that was read.
    seen: u64,
    pauses: Pauses,
}

/// A thread as it was read, with the messages that are new since the last look, oldest first.
pub(crate) struct Look {
    pub(crate) thread: Thread,
    pub(crate) messages: Vec<Message>,
}

impl<'a> Follower<'a> {
    /// A follower of what comes after `seen`.
    pub(crate) fn new(app: &'a App, tenant: &'a str, id: &'a ThreadId, seen: u64) -> Self {
        Self { app, tenant, id, seen, pauses: Pauses::default() }
    }

    /// Looks now. One consistent read, and another where the log has grown.
    pub(crate) async fn look(&mut self) -> Result<Look, Error> {
        let thread = self.app.store.thread_get_bare(self.tenant, self.id).await?;
        let thread = thread.ok_or(Error::NotFound("thread"))?;
        let mut messages: Vec<Message> = Vec::new();
        while self.seen < thread.seq {
            let page = self.app.store.log_after(self.tenant, self.id, self.seen, PAGE).await?;
            // What is newer than the thread as it was read belongs to the next look.
            messages.extend(page.messages.into_iter().filter(|message| message.seq <= thread.seq));
            self.seen = if page.more { messages.last().map_or(thread.seq, |last| last.seq) } else { thread.seq };
            self.pauses = Pauses::default();
        }
        Ok(Look { thread, messages })
    }

    /// Waits for the time of the next look, each time for longer. `false` once `until` has come.
    pub(crate) async fn pause(&mut self, until: Option<Instant>) -> bool {
        self.pauses.next(until).await
    }
}

/// Tells the caller's stream how the run that is under way answers the message of `response`: by its reply, or by a
/// change of owner. The stream ends without either where that run dies, or where the function has to end.
pub(crate) async fn tell_answer(
    app: &App,
    submission: &Submission<'_>,
    response: ChatResponse,
) -> Result<ChatResponse, Error> {
    let (tenant, thread_id) = (&submission.identity.tenant, response.thread().id.clone());
    let Some(seq) = response.awaited() else { return Ok(response) };
    let mut follower = Follower::new(app, tenant, &thread_id, seq);
    let mut reply = None;
    let until = heard_until(app, submission.identity, submission.deadline);
    while submission.sink.is_open() && follower.pause(Some(until)).await {
        let Look { thread, messages } = match follower.look().await {
            Ok(look) => look,
            Err(gone @ Error::NotFound(_)) => return Err(gone),
            // The message is accepted, and answered in any case.
            Err(error) => {
                tracing::warn!(thread.id = %thread_id, %error, "the answer of a run under way is not waited for");
                break;
            }
        };
        for message in messages.into_iter().filter(|message| concerns(message, seq)) {
            submission.sink.send(Event::message(&message));
            if message.answers.is_some() {
                reply = Some(message);
                break;
            }
        }
        let is_owners = !matches!(thread.status, Status::Bot { .. });
        if reply.is_some() || is_owners || thread.answered_through >= seq {
            // The answer has been told: a failed read must not take it back.
            let now = app.thread(submission.identity, &thread_id).await;
            let view = now.map_or_else(|_| response.thread().clone(), |(thread, metadata)| thread.view(&metadata));
            if is_owners {
                submission.sink.send(Event::thread(view.clone()));
            }
            return Ok(response.answered(reply, view));
        }
        if !thread.run_is_live(app.now()) {
            break;
        }
    }
    Ok(response)
}

/// The time until which a caller may be told something: the function's deadline, but no longer than the token is valid.
pub(crate) fn heard_until(app: &App, identity: &Identity, deadline: Option<Instant>) -> Instant {
    let expiry = Instant::now() + identity.expires.since(app.now());
    deadline.map_or(expiry, |deadline| deadline.min(expiry))
}

/// True for what a caller who waits for the answer to the message at `seq` is told: that answer, a change of owner, and
/// what the bot or an agent says about it.
fn concerns(message: &Message, seq: u64) -> bool {
    message.role != Role::Customer && message.answers.is_none_or(|answers| answers.cover(seq))
}

/// True for a message that the caller hears: the bot's, or another person's on the other side of the conversation.
pub(crate) fn is_heard(identity: &Identity, message: &Message) -> bool {
    match message.role {
        Role::Bot => true,
        Role::Agent => !(identity.is_staff() && message.author.id == identity.subject),
        Role::Customer | Role::System => false,
    }
}
