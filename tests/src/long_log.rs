//! Long logs.

use shared::{
    App,
    domain::{
        Message, Person, RunId, ThreadId,
        message::{self, Answers},
        thread::LastReply,
    },
    store::{Commit, Committed},
};

/// The messages that one transaction logs.
const PER_COMMIT: u64 = 90;

/// Fills the log of a thread of `acme` up to this many messages, of the customer and the bot in turns. In the table
/// itself: by turns, two thousand of them would take a minute.
pub async fn fill(app: &App, thread: &ThreadId, messages: u64) {
    let (mut thread, _) = app.store.thread_get("acme", thread).await.expect("a table").expect("a thread");
    while thread.seq < messages {
        let (before, mut commit) = (thread.clone(), Commit::new(thread));
        while commit.thread.seq < messages.min(before.seq + PER_COMMIT) {
            let asked = commit.thread.seq;
            let answers = (asked % 2 == 1).then(|| Answers { from: (asked - 1).max(1), through: asked });
            let mut message = message(app, &commit.thread.id, answers);
            commit.thread.log(&mut message);
            if message.answers.is_some() {
                let (run_id, message_id) = (RunId::new(app.ulid()), message.id.clone());
                commit.thread.last_reply = Some(LastReply { run_id, message_id, seq: message.seq });
            }
            commit.messages.push(message);
        }
        commit.thread.answered_through = commit.thread.asked_through;
        let committed = app.store.thread_commit(&before, commit).await.expect("a table");
        let Committed::Done(written) = committed else { panic!("nobody else writes") };
        thread = *written;
    }
}

fn message(app: &App, thread: &ThreadId, answers: Option<Answers>) -> Message {
    let (role, id, text) = if answers.is_none() {
        (message::Role::Customer, "cus", "Where is my parcel? It should have been here on Monday.")
    } else {
        (message::Role::Bot, "bot_robin", "It is on its way and should arrive tomorrow before noon.")
    };
    Message {
        id: app.message_id(),
        client_id: None,
        thread_id: thread.clone(),
        seq: 0,
        role,
        author: Person { id: id.to_owned(), name: None },
        text: text.to_owned(),
        at: app.now(),
        answers,
        event: None,
        cut: None,
        sources: Vec::new(),
        usage: None,
        origin: None,
    }
}
