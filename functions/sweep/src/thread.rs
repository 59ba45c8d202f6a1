//! A thread that is due: answered, timed out, ended or deleted.

use shared::{
    App, Error,
    domain::{DueAction, Person, Thread, ThreadId, status::Event},
    metrics::Metric,
    store::{Cleanup, Commit, Committed, DueThread},
};

use crate::tombstone;

/// Reads the thread again, and runs the action that is due. False if there is none because a run is alive.
pub(crate) async fn run(app: &App, tenant: &str, id: &ThreadId) -> Result<bool, Error> {
    let now = app.now();
    let thread = match app.store.due_thread_get(tenant, id, now).await? {
        DueThread::Thread(thread) => *thread,
        DueThread::Tombstone => {
            tombstone::purge(app, tenant, id).await?;
            return Ok(true);
        }
        DueThread::Settled => return Ok(true),
    };
    match thread.due_action(app.store.timeouts(), now) {
        Some(DueAction::Answer) => app.invoke_chat(&thread).await,
        Some(DueAction::TimeOut(_) | DueAction::End) => change_owner(app, tenant, id).await?,
        Some(DueAction::TellWait) => tell_wait(app, &thread).await?,
        Some(DueAction::ReportUsage) => report_usage(app, &thread).await?,
        Some(DueAction::Delete) => delete(app, &thread).await?,
        None if thread.run_is_live(now) => return Ok(false),
        None => postpone(app, &thread).await?,
    }
    Ok(true)
}

/// Takes the line from a queue or an agent that timed out, or ends an idle thread.
async fn change_owner(app: &App, tenant: &str, id: &ThreadId) -> Result<(), Error> {
    let (message_id, at) = (app.message_id(), app.now());
    let changed = app.change_by_system(tenant, id, |thread| {
        let event = match thread.due_action(app.store.timeouts(), at) {
            Some(DueAction::TimeOut(to)) => Event::TimeOut { at, to },
            Some(DueAction::End) => Event::End { at, by: Person::system() },
            Some(DueAction::Answer | DueAction::TellWait | DueAction::ReportUsage | DueAction::Delete) | None => {
                return Ok(None);
            }
        };
        thread.change(event, Person::system(), message_id.clone())
    });
    if let Some(thread) = changed.await? {
        app.invoke_chat(&thread).await;
    }
    Ok(())
}

/// Reports a customer who waits in the queue for long, at most once: the write that notes it comes first, so that two
/// sweeps do not report it twice. A sweep that ends between the two reports it never.
async fn tell_wait(app: &App, thread: &Thread) -> Result<(), Error> {
    let mut commit = Commit::new(thread.clone());
    commit.thread.is_wait_told = true;
    if let Committed::Done(_) = app.store.thread_commit(thread, commit).await? {
        let waited_minutes = app.now().since(thread.status.since()).as_secs() / 60;
        tracing::warn!(thread.id = %thread.id, waited_minutes, "a customer waits in the queue for long");
        app.record(Metric::LongWait);
    }
    Ok(())
}

/// Adds the thread's last turns to the usage of their day, and gives back what nobody uses of the customer's budget. A
/// turn whose process died after it had lost the line is settled. After a conflict it is due again.
async fn report_usage(app: &App, thread: &Thread) -> Result<(), Error> {
    let mut commit = Commit { reports_usage: true, ..Commit::new(thread.clone()) };
    let abandoned = commit.thread.abandon_turns(app.now());
    let Committed::Done(_) = app.store.thread_commit(thread, commit).await? else { return Ok(()) };
    for turn in &abandoned {
        app.give_back_lost(&thread.tenant, &thread.chatbot_id, turn).await;
    }
    Ok(())
}

/// Deletes a thread whose retention is over.
async fn delete(app: &App, thread: &Thread) -> Result<(), Error> {
    let now = app.now();
    if app.store.thread_tombstone(thread, Cleanup::of_thread(thread, now), now, None).await? {
        tombstone::purge(app, &thread.tenant, &thread.id).await?;
    }
    Ok(())
}

/// Moves the thread to its next due time: a message has arrived since it was put into the index, or a timeout is longer
/// now than it was then.
async fn postpone(app: &App, thread: &Thread) -> Result<(), Error> {
    let mut commit = Commit::new(thread.clone());
    commit.thread.stirred_at = Some(thread.updated_at);
    // After a conflict there is nothing to do: every write of a thread sets its due time.
    app.store.thread_commit(thread, commit).await.map(|_| ())
}
