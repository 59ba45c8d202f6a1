//! A person holds the line, or takes it: write down what was said, and tell those who listen.

use shared::{
    App, Error,
    domain::{Details, Message, Role, Thread, status::Event as Change},
    sockets::Event,
    store::{Commit, Committed, Noted},
};

use crate::said::{Answer, Said};

/// A message between people. An agent's claims a thread that the bot or the queue holds, in the same transaction.
/// `None`: the thread changed before anything was written.
pub(crate) async fn chat_agent(
    app: &App,
    before: Thread,
    details: Details,
    said: &Said<'_>,
) -> Result<Option<Answer>, Error> {
    let now = app.now();
    let is_customer = said.identity.role == Role::Customer;
    // Of an admin's message too: taking the line from an agent is said aloud, by `claim`.
    let claim = Change::Claim { at: now, agent: said.identity.person(), admin: false };
    let claimed =
        if is_customer { None } else { before.change(claim, said.identity.person(), "", None, app.message_id())? };
    let mut commit = Commit::new(claimed.as_ref().map_or_else(|| before.clone(), |changed| changed.thread.clone()));
    commit.messages.extend(claimed.as_ref().map(|changed| changed.message.clone()));
    if let Some(changed) = &claimed {
        commit.notice = app.notice(changed, &details).await?;
    }
    let notice = commit.notice.clone();
    let message = append(&mut commit, said.message(&before, now), said);
    match app.store.thread_commit(&before, commit).await? {
        Committed::Stale => Ok(None),
        Committed::Repeat(earlier) => said.repeat(app, &before, &details, &earlier).await.map(Some),
        Committed::Done(thread) => {
            if let Some(mut changed) = claimed {
                changed.thread = (*thread).clone();
                said.tap.tell(Event::message(&changed.message));
                said.tap.tell(Event::thread(changed.thread.view(&details)));
                said.tap.tell(Event::message(&message));
                app.tell_change(&changed, &details, Some(&message)).await;
            } else {
                said.tap.tell(Event::message(&message));
                app.tell(&thread, &[Event::message(&message)]).await;
            }
            app.notify(notice.as_ref()).await;
            Ok(Some(Answer::message(message, None, thread.view(&details))))
        }
    }
}

/// Puts what was said at the end of what the commit logs, under its `client_id`.
pub(crate) fn append(commit: &mut Commit, mut message: Message, said: &Said<'_>) -> Message {
    commit.thread.log(&mut message);
    if let Some(chatbot) = &said.say.chatbot_id {
        commit.thread.chatbot_id = chatbot.clone();
    }
    commit.client = said.client(message.seq);
    commit.messages.push(message.clone());
    message
}

/// A note for agents: beside the log, heard by nobody else, and no claim.
pub(crate) async fn note(
    app: &App,
    thread: Thread,
    details: Details,
    said: &Said<'_>,
) -> Result<Option<Answer>, Error> {
    let note = said.note(&thread, app.now());
    match app.store.note_put(&thread, &note, said.client(note.after).as_ref()).await? {
        Noted::Stale => Ok(None),
        Noted::Repeat(earlier) => said.repeat(app, &thread, &details, &earlier).await.map(Some),
        Noted::Done => {
            said.tap.tell(Event::note(&note));
            app.tell(&thread, &[Event::note(&note)]).await;
            Ok(Some(Answer::note(note, thread.view(&details))))
        }
    }
}
