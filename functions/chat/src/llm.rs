//! The bot holds the line: append the message, and let the model answer.

use std::sync::Arc;

use shared::{
    App, Error, Reservation, TurnBudget,
    domain::{Chatbot, ChatbotId, Message, RunId, Thread, ThreadId, ThreadMetadata},
    retry_on_conflict,
    sockets::Event,
    store::{Commit, Committed, Subscriber},
};
use tokio::{sync::watch, time::Instant};

use crate::{
    response::ChatResponse,
    run::{Run, RunOutcome},
    submission::Submission,
};

/// Posts a customer's message to the bot: adds it, runs the thread, updates the log. A message that arrives during a
/// run is left to that run. `visited`: a visitor's chatbot, if it was read. `None` on a conflict: nothing was written.
pub(crate) async fn chat_llm(
    app: &App,
    before: Thread,
    metadata: ThreadMetadata,
    submission: &Submission<'_>,
    visited: Option<Chatbot>,
) -> Result<Option<ChatResponse>, Error> {
    let now = app.now();
    let mut commit = Commit::new(before.clone());
    let message = submission.append(&mut commit, now);
    let run = (!before.run_is_live(now)).then(|| RunId::new(app.ulid()));
    if let Some(run) = &run {
        commit.thread.begin_run(run.clone(), now);
    }
    let chatbot_id = commit.thread.chatbot_id.clone();
    let chatbot = async {
        let turn = submission.take_turn();
        match &run {
            Some(_) => with_budget(app, &before.tenant, &chatbot_id, visited, Ok(turn)).await,
            None => (Ok(None), turn),
        }
    };
    // Both at the same time, so that a turn makes no more than two round trips to the table before it asks OpenAI.
    let (committed, (chatbot, turn)) = tokio::join!(app.store.thread_commit(&before, commit), chatbot);
    let thread = match committed? {
        Committed::Conflict => {
            submission.keep_turn(turn);
            return Ok(None);
        }
        Committed::Repeat(earlier) => {
            submission.keep_turn(turn);
            return submission.repeat(app, &before, &metadata, &earlier).await.map(Some);
        }
        Committed::Done(thread) => *thread,
    };
    let discarded = run.as_ref().and_then(|_| discarded(&before));
    let events: Vec<_> = discarded.into_iter().chain([Event::message(&message)]).collect();
    for event in &events {
        submission.sink.send(event.clone());
    }
    let listeners: Arc<watch::Sender<Vec<Subscriber>>> = Arc::default();
    let broadcast = async {
        // OpenAI is asked first: the fan-out has the time that the answer takes.
        tokio::task::yield_now().await;
        listeners.send_replace(app.broadcast(&thread, &events).await);
    };
    let Some(run) = run else {
        submission.keep_turn(turn);
        broadcast.await;
        return Ok(Some(ChatResponse::joined(message, thread.view(&metadata))));
    };
    let run = Run::new(app.clone(), run, &before, thread.clone(), metadata.clone(), chatbot, submission.deadline)
        .with_budget(turn)
        .with_log_tail(vec![message.clone()])
        .with_listeners(submission.sink.clone(), Arc::clone(&listeners));
    let (outcome, ()) = tokio::join!(spawn(run), broadcast);
    let (reply, thread) = match outcome {
        Ok(RunOutcome::Replied { reply, thread }) => (Some(*reply), *thread),
        Ok(RunOutcome::HandedOver { thread }) => (None, *thread),
        // Somebody else has the line; the response shows who.
        Ok(RunOutcome::Lost) => (None, app.thread(submission.identity, &thread.id).await.map_or(thread, |it| it.0)),
        // The message is in the log, and due there: a failed run is no reason to refuse it.
        Err(error) => {
            let cause = std::error::Error::source(&error);
            tracing::error!(thread.id = %thread.id, %error, ?cause, "a run failed; the sweep will start another");
            return Ok(Some(ChatResponse::failed(message, thread.view(&metadata))));
        }
    };
    let reply = reply.filter(|reply| covers(reply, &message));
    Ok(Some(ChatResponse::message(message, reply, thread.view(&metadata))))
}

/// The event that makes a dead run's deltas void, once another run takes the line.
fn discarded(before: &Thread) -> Option<Event> {
    let dead = before.run.as_ref()?;
    Some(Event::discarded(before, &dead.id, "another run took over"))
}

fn covers(reply: &Message, message: &Message) -> bool {
    reply.answers.is_some_and(|answers| answers.cover(message.seq))
}

/// Answers the customer's messages that wait in a thread, unless none does or another run is live. A repeated or late
/// call does nothing.
pub(crate) async fn answer_due(app: &App, tenant: &str, id: &ThreadId, deadline: Option<Instant>) -> Result<(), Error> {
    let taking = retry_on_conflict(|| async {
        let Some((before, metadata)) = app.store.thread_get(tenant, id).await? else { return Ok(Some(None)) };
        let now = app.now();
        if !before.awaits_bot() || before.run_is_live(now) {
            return Ok(Some(None));
        }
        let run = RunId::new(app.ulid());
        let mut commit = Commit::new(before.clone());
        commit.thread.begin_run(run.clone(), now);
        let chatbot = async {
            let turn = app.reserve_turn(tenant, &before.customer_id).await;
            with_budget(app, tenant, &before.chatbot_id, None, turn).await
        };
        let (committed, (chatbot, turn)) = tokio::join!(app.store.thread_commit(&before, commit), chatbot);
        let Committed::Done(thread) = committed? else { return Ok(None) };
        if let Some(discarded) = discarded(&before) {
            app.broadcast(&thread, &[discarded]).await;
        }
        let run = Run::new(app.clone(), run, &before, *thread, metadata, chatbot, deadline);
        Ok(Some(Some(run.with_budget(turn))))
    });
    match taking.await? {
        Some(run) => spawn(run).await.map(|_| ()),
        None => Ok(()),
    }
}

/// Reads the chatbot, unless it is the one `visited`, and reserves the turn from its budget and the tenant's too. An
/// error is the chatbot's: the run then hands over, as it does without one.
async fn with_budget(
    app: &App,
    tenant: &str,
    id: &ChatbotId,
    visited: Option<Chatbot>,
    turn: Result<TurnBudget, Error>,
) -> (Result<Option<Chatbot>, Error>, TurnBudget) {
    let reading = async {
        let chatbot = async {
            if let Some(visited) = visited.filter(|visited| visited.id == *id) {
                return Ok(Some(visited));
            }
            let chatbot = app.store.chatbot_get(tenant, id).await?;
            app.learn(tenant, id, chatbot.as_ref());
            Ok::<_, Error>(chatbot)
        };
        // At the same time, by the limits as they were: these change rarely.
        let (chatbot, turn) = tokio::join!(chatbot, app.reserve_ahead(tenant, id, turn?));
        let (chatbot, turn): (Option<Chatbot>, TurnBudget) = (chatbot?, turn?);
        let Some(chatbot) = chatbot else { return Ok((None, turn)) };
        let turn = app.reserve_with_chatbot(turn, &chatbot).await?;
        Ok((Some(chatbot), turn))
    };
    match reading.await {
        Ok((chatbot, turn)) => (Ok(chatbot), turn),
        Err(error) => (Err(error), Ok(Reservation::default())),
    }
}

/// Starts the run as a task of its own: a caller who disconnects does not end it.
async fn spawn(run: Run) -> Result<RunOutcome, Error> {
    tokio::spawn(run.answer()).await.map_err(Error::internal)?
}
