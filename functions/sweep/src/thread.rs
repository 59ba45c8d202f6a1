//! A thread that somebody has to look at.

use shared::{
    App, Error,
    domain::{Duty, Person, Thread, ThreadId, status::Event},
    store::{Commit, Overdue},
};

use crate::tombstone;

pub(crate) async fn settle(app: &App, tenant: &str, id: &ThreadId) -> Result<(), Error> {
    let now = app.now();
    let thread = match app.store.overdue_get(tenant, id, now).await? {
        Overdue::Thread(thread) => *thread,
        Overdue::Tombstone => return tombstone::empty(app, tenant, id).await,
        Overdue::Settled => return Ok(()),
    };
    match thread.duty(app.store.timeouts(), now) {
        Some(Duty::Answer) => app.have_answered(&thread).await,
        Some(Duty::TimeOut(_) | Duty::End) => change(app, tenant, id).await?,
        Some(Duty::Delete) => delete(app, &thread).await?,
        None if thread.run_is_live(now) => {}
        None => put_off(app, &thread).await?,
    }
    Ok(())
}

/// Takes the line from whoever did not do in time what it was given to them for, or ends the thread.
async fn change(app: &App, tenant: &str, id: &ThreadId) -> Result<(), Error> {
    let (message_id, at) = (app.message_id(), app.now());
    let changed = app.change_by_system(tenant, id, |thread| {
        let event = match thread.duty(app.store.timeouts(), at) {
            Some(Duty::TimeOut(to)) => Event::TimeOut { at, to },
            Some(Duty::End) => Event::End { at, by: Person::system() },
            Some(Duty::Answer | Duty::Delete) | None => return Ok(None),
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
    commit.removal = app.forget_conversation(thread, &mut commit.thread, app.now());
    if app.store.thread_bury(thread, commit, app.now()).await? {
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
