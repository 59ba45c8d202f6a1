//! The bot holds the line: write down what was said, and let the model answer.

use std::sync::Arc;

use shared::{
    App, Error, MAX_DECISIONS,
    domain::{RunId, Thread, ThreadId, ThreadMetadata},
    sockets::Event,
    store::{Commit, Committed, Subscriber},
};
use tokio::{sync::watch, time::Instant};

use crate::{
    agent::append,
    run::{Run, RunOutcome},
    said::{ChatResponse, Submission},
};

/// A customer's message to the bot: add it, run the thread, update the log. One that arrives during a run is left to
/// it. `None`: the thread changed before anything was written.
pub(crate) async fn chat_llm(
    app: &App,
    before: Thread,
    metadata: ThreadMetadata,
    said: &Submission<'_>,
) -> Result<Option<ChatResponse>, Error> {
    let now = app.now();
    let mut commit = Commit::new(before.clone());
    let message = append(&mut commit, said.message(&before, now), said);
    let run = (!before.run_is_live(now)).then(|| RunId::new(app.ulid()));
    if let Some(run) = &run {
        commit.thread.begin_run(run.clone(), now);
    }
    let chatbot_id = commit.thread.chatbot_id.clone();
    let chatbot = async {
        match &run {
            Some(_) => app.store.chatbot_get(&before.tenant, &chatbot_id).await,
            None => Ok(None),
        }
    };
    // At once, so that a turn waits for the table but twice before it asks OpenAI.
    let (committed, chatbot) = tokio::join!(app.store.thread_commit(&before, commit), chatbot);
    let thread = match committed? {
        Committed::Conflict => return Ok(None),
        Committed::Repeat(earlier) => return said.repeat(app, &before, &metadata, &earlier).await.map(Some),
        Committed::Done(thread) => *thread,
    };
    let events: Vec<_> = run.iter().filter_map(|_| superseded(&before)).chain([Event::message(&message)]).collect();
    for event in &events {
        said.sink.send(event.clone());
    }
    let listeners: Arc<watch::Sender<Vec<Subscriber>>> = Arc::default();
    let told = async {
        // OpenAI is asked first: the fan-out has the time that the answer takes.
        tokio::task::yield_now().await;
        listeners.send_replace(app.broadcast(&thread, &events).await);
    };
    let Some(run) = run else {
        told.await;
        return Ok(Some(ChatResponse::message(message, None, thread.view(&metadata)).joined()));
    };
    let run = Run::new(app.clone(), run, &before, thread.clone(), metadata.clone(), chatbot, said.deadline)
        .knowing(vec![message.clone()])
        .telling(said.sink.clone(), Arc::clone(&listeners));
    let (ending, ()) = tokio::join!(begin(run), told);
    let (reply, thread) = match ending {
        Ok(RunOutcome::Replied { reply, thread }) => (Some(*reply), *thread),
        Ok(RunOutcome::HandedOver { thread }) => (None, *thread),
        // Somebody else has the line; the caller sees who.
        Ok(RunOutcome::Lost) => (None, app.thread(said.identity, &thread.id).await.map_or(thread, |(now, _)| now)),
        // The message is in the log and is due there: that its answer has to wait is no reason to refuse it.
        Err(error) => {
            tracing::error!(thread.id = %thread.id, %error, cause = ?std::error::Error::source(&error), "a run broke off");
            (None, thread)
        }
    };
    let reply = reply.filter(|reply| covers(reply, &message));
    Ok(Some(ChatResponse::message(message, reply, thread.view(&metadata))))
}

/// What a run that died had said is void, once another one takes the line.
fn superseded(before: &Thread) -> Option<Event> {
    let dead = before.run.as_ref()?;
    Some(Event::discarded(before, &dead.id, "another run took over"))
}

fn covers(reply: &shared::domain::Message, message: &shared::domain::Message) -> bool {
    reply.answers.is_some_and(|answers| answers.cover(message.seq))
}

/// Answers what waits in a thread, if anything does and nobody else is at it. A repeated or late call does nothing.
pub(crate) async fn answer_due(app: &App, tenant: &str, id: &ThreadId, deadline: Option<Instant>) -> Result<(), Error> {
    for _ in 0..MAX_DECISIONS {
        let Some((before, metadata)) = app.store.thread_get(tenant, id).await? else { return Ok(()) };
        let now = app.now();
        if !before.awaits_bot() || before.run_is_live(now) {
            return Ok(());
        }
        let run = RunId::new(app.ulid());
        let mut commit = Commit::new(before.clone());
        commit.thread.begin_run(run.clone(), now);
        let chatbot = app.store.chatbot_get(tenant, &before.chatbot_id);
        let (committed, chatbot) = tokio::join!(app.store.thread_commit(&before, commit), chatbot);
        if let Committed::Done(thread) = committed? {
            if let Some(discarded) = superseded(&before) {
                app.broadcast(&thread, &[discarded]).await;
            }
            let run = Run::new(app.clone(), run, &before, *thread, metadata, chatbot, deadline);
            return begin(run).await.map(|_| ());
        }
    }
    Err(Error::Busy)
}

/// The run is a task of its own: a caller who leaves does not end it.
async fn begin(run: Run) -> Result<RunOutcome, Error> {
    tokio::spawn(run.answer()).await.map_err(Error::internal)?
}
