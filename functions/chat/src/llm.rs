//! The bot holds the line: append the message, and let the model answer.

use std::sync::Arc;

use shared::{
    App, CustomerUse, Error, Shares, TurnBudget,
    domain::{Chatbot, Message, RunId, Thread, ThreadId, ThreadMetadata, budget::Exceeded},
    retry_on_conflict,
    sockets::Event,
    store::{Commit, Committed, Subscriber},
};
use tokio::{sync::watch, time::Instant};

use crate::{
    response::ChatResponse,
    run::{Run, RunOutcome},
    submission::Submission,
    turn_shares::TurnShares,
};

/// Posts a customer's message to the bot: adds it, runs the thread, updates the log. A message that arrives during a
/// run is left to that run. `chatbot`: the thread's, if it was read. `None` on a conflict: nothing was written.
pub(crate) async fn chat_llm(
    app: &App,
    before: Thread,
    metadata: ThreadMetadata,
    submission: &Submission<'_>,
    chatbot: Option<Chatbot>,
) -> Result<Option<ChatResponse>, Error> {
    let now = app.now();
    let run = (!before.run_is_live(now)).then(|| RunId::new(app.ulid()));
    let chatbot_id = submission.request.chatbot_id.as_ref().unwrap_or(&before.chatbot_id);
    let mut counted = submission.counted(app, &before, now);
    let mut turn = None;
    if run.is_some() {
        let begun = TurnShares::begin(app, &before, chatbot_id, now);
        counted = counted.turn(begun.tokens());
        turn = Some(begun);
    }
    let committing = async {
        loop {
            let mut commit = Commit::new(before.clone());
            let message = submission.append(&mut commit, now);
            if let Some(run) = &run {
                commit.thread.begin_run(run.clone(), now);
            }
            counted.count_in(&mut commit, &before);
            match app.store.thread_commit(&before, commit).await? {
                Committed::OverBudget(budget) => counted.refused(budget)?,
                committed => return Ok::<_, Error>((message, committed)),
            }
        }
    };
    let reserving = async {
        match turn {
            Some(turn) => turn.reserve(chatbot).await,
            None => (Ok(None), Ok(Shares::default())),
        }
    };
    // Both at the same time, so that a turn makes no more than two round trips to the table before it asks OpenAI.
    let (committed, (chatbot, shares)) = tokio::join!(committing, reserving);
    let is_refused =
        matches!(&committed, Ok((_, Committed::Conflict | Committed::Repeat(_))) | Err(Error::OverBudget { .. }));
    let budget = first_turn(app, is_refused, counted.exceeded(), shares);
    let (message, committed) = committed?;
    let thread = match committed {
        Committed::Conflict | Committed::OverBudget(_) => return Ok(None),
        Committed::Repeat(earlier) => return submission.repeat(app, &before, &metadata, &earlier).await.map(Some),
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
        broadcast.await;
        return Ok(Some(ChatResponse::joined(message, thread.view(&metadata))));
    };
    let run = Run::new(app.clone(), run, &before, thread.clone(), metadata.clone(), chatbot, submission.deadline)
        .with_budget(budget)
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
        let turn = TurnShares::begin(app, &before, &before.chatbot_id, now);
        let mut counted = CustomerUse::of(app, &before, now).turn(turn.tokens());
        let committing = async {
            loop {
                let mut commit = Commit::new(before.clone());
                commit.thread.begin_run(run.clone(), now);
                counted.count_in(&mut commit, &before);
                match app.store.thread_commit(&before, commit).await? {
                    Committed::OverBudget(budget) => counted.refused(budget)?,
                    committed => return Ok::<_, Error>(committed),
                }
            }
        };
        let (committed, (chatbot, shares)) = tokio::join!(committing, turn.reserve(None));
        let is_refused = matches!(&committed, Ok(Committed::Conflict | Committed::Repeat(_)));
        let budget = first_turn(app, is_refused, counted.exceeded(), shares);
        let Committed::Done(thread) = committed? else { return Ok(None) };
        if let Some(discarded) = discarded(&before) {
            app.broadcast(&thread, &[discarded]).await;
        }
        let run = Run::new(app.clone(), run, &before, *thread, metadata, chatbot, deadline);
        Ok(Some(Some(run.with_budget(budget))))
    });
    match Box::pin(taking).await? {
        Some(run) => spawn(run).await.map(|_| ()),
        None => Ok(()),
    }
}

/// The budget of a run's first turn, whose commit `is_refused`, written, or may be. What no turn comes of is put back.
fn first_turn(app: &App, is_refused: bool, exceeded: Option<Exceeded>, shares: TurnBudget) -> TurnBudget {
    match (shares, exceeded) {
        (Ok(shares), exceeded) if is_refused || exceeded.is_some() => {
            app.put_back(shares);
            exceeded.map_or_else(|| Ok(Shares::default()), Err)
        }
        (shares, None) => shares,
        (_, Some(exceeded)) => Err(exceeded),
    }
}

/// Starts the run as a task of its own: a caller who disconnects does not end it.
async fn spawn(run: Run) -> Result<RunOutcome, Error> {
    tokio::spawn(run.answer()).await.map_err(Error::internal)?
}
