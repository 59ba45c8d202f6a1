//! A person holds the line or takes it: append the message, and broadcast it.

use shared::{
    App, Error,
    domain::{Role, Thread, ThreadMetadata, status::Event as Change},
    sockets::Event,
    store::{Commit, Committed},
};

use crate::{response::ChatResponse, submission::Submission};

/// Posts a message between people. An agent's claims a thread that the bot or the queue holds, in the same transaction.
/// `None` on a conflict: nothing was written.
pub(crate) async fn chat_agent(
    app: &App,
    before: Thread,
    metadata: ThreadMetadata,
    submission: &Submission<'_>,
) -> Result<Option<ChatResponse>, Error> {
    let now = app.now();
    let person = submission.identity.person();
    let claimed = match submission.identity.role {
        Role::Customer => None,
        // An admin's message never takes the line from another agent; that requires an explicit `claim`.
        Role::Agent | Role::Admin => {
            let claim = Change::Claim { at: now, agent: person.clone(), admin: false };
            before.change(claim, person, app.message_id())?
        }
    };
    let mut commit = match &claimed {
        Some(changed) => Commit::of_change(changed, app.outbox_of(changed, &metadata).await?),
        None => Commit::new(before.clone()),
    };
    commit.audit = claimed.as_ref().and_then(|changed| app.audit_of_change(submission.identity, changed));
    let outbox = commit.outbox.clone();
    let message = submission.append(&mut commit, now);
    let mut counted = submission.counted(app, &before, now);
    let thread = loop {
        let mut commit = commit.clone();
        counted.count_in(&mut commit, &before);
        match app.store.thread_commit(&before, commit).await? {
            Committed::Conflict => return Ok(None),
            Committed::Repeat(earlier) => return submission.repeat(app, &before, &metadata, &earlier).await.map(Some),
            Committed::OverBudget(budget) => counted.refused(budget)?,
            Committed::Done(thread) => break *thread,
        }
    };
    if let Some(mut changed) = claimed {
        changed.thread = thread.clone();
        submission.sink.announce(app, &changed, &metadata, Some(&message), &outbox).await;
    } else {
        submission.sink.send(Event::message(&message));
        app.broadcast(&thread, &[Event::message(&message)]).await;
    }
    Ok(Some(ChatResponse::message(message, None, thread.view(&metadata))))
}

/// Posts a note for agents: beside the log, not a claim, and broadcast to staff alone. `None` on a conflict.
pub(crate) async fn note(
    app: &App,
    thread: Thread,
    metadata: ThreadMetadata,
    submission: &Submission<'_>,
) -> Result<Option<ChatResponse>, Error> {
    let note = submission.note(&thread, app.now());
    match app.store.note_put(&thread, &note, submission.client(note.after).as_ref()).await? {
        Committed::Conflict | Committed::OverBudget(_) => Ok(None),
        Committed::Repeat(earlier) => submission.repeat(app, &thread, &metadata, &earlier).await.map(Some),
        Committed::Done(thread) => {
            submission.sink.send(Event::note(&note));
            app.broadcast(&thread, &[Event::note(&note)]).await;
            Ok(Some(ChatResponse::note(note, thread.view(&metadata))))
        }
    }
}
