//! A person holds the line, or takes it: write down what was said, and tell those who listen.

use shared::{
    App, Error,
    domain::{Message, Role, Thread, ThreadMetadata, status::Event as Change},
    sockets::Event,
    store::{Commit, Committed, Noted},
};

use crate::said::{ChatResponse, Submission};

/// A message between people. An agent's claims a thread that the bot or the queue holds, in the same transaction.
/// `None`: the thread changed before anything was written.
pub(crate) async fn chat_agent(
    app: &App,
    before: Thread,
    metadata: ThreadMetadata,
    said: &Submission<'_>,
) -> Result<Option<ChatResponse>, Error> {
    let now = app.now();
    let is_customer = said.identity.role == Role::Customer;
    // Of an admin's message too: taking the line from an agent is said aloud, by `claim`.
    let claim = Change::Claim { at: now, agent: said.identity.person(), admin: false };
    let claimed =
        if is_customer { None } else { before.change(claim, said.identity.person(), "", None, app.message_id())? };
    let mut commit = Commit::new(claimed.as_ref().map_or_else(|| before.clone(), |changed| changed.thread.clone()));
    commit.messages.extend(claimed.as_ref().map(|changed| changed.message.clone()));
    if let Some(changed) = &claimed {
        commit.delivery = app.delivery(changed, &metadata).await?;
    }
    let delivery = commit.delivery.clone();
    let message = append(&mut commit, said.message(&before, now), said);
    match app.store.thread_commit(&before, commit).await? {
        Committed::Conflict => Ok(None),
        Committed::Repeat(earlier) => said.repeat(app, &before, &metadata, &earlier).await.map(Some),
        Committed::Done(thread) => {
            if let Some(mut changed) = claimed {
                changed.thread = (*thread).clone();
                said.sink.send(Event::message(&changed.message));
                said.sink.send(Event::thread(changed.thread.view(&metadata)));
                said.sink.send(Event::message(&message));
                app.announce(&changed, &metadata, Some(&message)).await;
            } else {
                said.sink.send(Event::message(&message));
                app.broadcast(&thread, &[Event::message(&message)]).await;
            }
            app.notify(delivery.as_ref()).await;
            Ok(Some(ChatResponse::message(message, None, thread.view(&metadata))))
        }
    }
}

/// Puts what was said at the end of what the commit logs, under its `client_id`.
pub(crate) fn append(commit: &mut Commit, mut message: Message, said: &Submission<'_>) -> Message {
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
    metadata: ThreadMetadata,
    said: &Submission<'_>,
) -> Result<Option<ChatResponse>, Error> {
    let note = said.note(&thread, app.now());
    match app.store.note_put(&thread, &note, said.client(note.after).as_ref()).await? {
        Noted::Conflict => Ok(None),
        Noted::Repeat(earlier) => said.repeat(app, &thread, &metadata, &earlier).await.map(Some),
        Noted::Done => {
            said.sink.send(Event::note(&note));
            app.broadcast(&thread, &[Event::note(&note)]).await;
            Ok(Some(ChatResponse::note(note, thread.view(&metadata))))
        }
    }
}
