//! A thread that somebody has to look at.

use shared::{
    App, Error,
    domain::{DueAction, Person, Thread, ThreadId, status::Event},
    store::{Commit, DueThread},
};

use crate::tombstone;

pub(crate) async fn settle(app: &App, tenant: &str, id: &ThreadId) -> Result<(), Error> {
    let now = app.now();
    let thread = match app.store.due_thread_get(tenant, id, now).await? {
        DueThread::Thread(thread) => *thread,
        DueThread::Tombstone => return tombstone::empty(app, tenant, id).await,
        DueThread::Settled => return Ok(()),
    };
    match thread.due_action(app.store.timeouts(), now) {
        Some(DueAction::Answer) => app.have_answered(&thread).await,
        Some(DueAction::TimeOut(_) | DueAction::End) => change(app, tenant, id).await?,
        Some(DueAction::Delete) => delete(app, &thread).await?,
        None if thread.run_is_live(now) => {}
        None => put_off(app, &thread).await?,
    }
    Ok(())
}

/// Takes the line from whoever did not do in time what it was given to them for, or ends the thread.
async fn change(app: &App, tenant: &str, id: &ThreadId) -> Result<(), Error> {
    let (message_id, at) = (app.message_id(), app.now());
    let changed = app.change_by_system(tenant, id, |thread| {
        let event = match thread.due_action(app.store.timeouts(), at) {
            Some(DueAction::TimeOut(to)) => Event::TimeOut { at, to },
            Some(DueAction::End) => Event::End { at, by: Person::system() },
            Some(DueAction::Answer | DueAction::Delete) | None => return Ok(None),
        };
        thread.change(event, Person::system(), "", None, message_id.clone())
    });
    if let Some(thread) = changed.await? {
        app.have_answered(&thread).await;
    }
    Ok(())
}

/// It has been kept for long enough.
async fn delete(app: &App, thread: &Thread) -> Result<(), Error> {
    let mut commit = Commit::new(thread.clone());
    commit.cleanup = app.forget_conversation(thread, &mut commit.thread, app.now());
    if app.store.thread_tombstone(thread, commit, app.now()).await? {
        tombstone::empty(app, &thread.tenant, &thread.id).await?;
    }
    Ok(())
}

/// Nothing is to be done yet: something was said since the thread was put into the index, or more time is given now
/// than then. Puts it where it is due next.
async fn put_off(app: &App, thread: &Thread) -> Result<(), Error> {
    let mut commit = Commit::new(thread.clone());
    commit.thread.stirred_at = Some(thread.updated_at);
    // Whoever was faster has put it somewhere else.
    app.store.thread_commit(thread, commit).await.map(|_| ())
}
