//! A thread with a question and its answer, written straight into the table: the stand-in cites no documents.

use shared::{
    domain::{
        Message, Person, RunId, Usage,
        message::{Cut, Role, Source},
    },
    fingerprint,
    store::{ClientRow, Commit, Committed},
};

use crate::stage::Stage;

/// The `client_id` and the text of the question.
pub const QUESTION: (&str, &str) = ("asked", "What does an anvil cost, and when are you open?");
pub const ANSWER: &str = "An anvil is 40 euro, and we are open from";
/// The documents that the answer cites.
pub const DOCUMENTS: [&str; 2] = ["prices.md", "hours.md"];
pub const USAGE: Usage = Usage { input: 1200, cached: 1024, output: 34, reasoning: 10 };

impl Stage {
    /// Creates a thread of `cus` with [`QUESTION`] and [`ANSWER`], which was cut, cites [`DOCUMENTS`] and took
    /// [`USAGE`].
    pub async fn thread_with_cited_answer(&self) -> String {
        let (app, thread) = (self.board.app(), self.thread().await);
        let before = self.stored(&thread).await;
        let mut commit = Commit::new(before.clone());
        let (client_id, text) = QUESTION;
        let customer = Person { id: before.customer_id.clone(), name: None };
        let mut question = Message {
            id: app.message_id(),
            client_id: Some(client_id.to_owned()),
            thread_id: before.id.clone(),
            seq: 0,
            role: Role::Customer,
            author: customer.clone(),
            text: text.to_owned(),
            at: app.now(),
            answers: None,
            event: None,
            cut: None,
            sources: Vec::new(),
            usage: None,
            origin: None,
        };
        commit.thread.log(&mut question);
        let asked = question.seq;
        let mut answer = Message {
            id: app.message_id(),
            client_id: None,
            role: Role::Bot,
            author: Person { id: before.chatbot_id.to_string(), name: Some("Robin".to_owned()) },
            text: ANSWER.to_owned(),
            cut: Some(Cut::Length),
            sources: DOCUMENTS.map(|document| Source { document: document.to_owned() }).to_vec(),
            usage: Some(USAGE),
            ..question.clone()
        };
        commit.thread.reply(&RunId::new(app.ulid()), &mut answer, asked, asked);
        commit.client = Some(ClientRow {
            author: customer.id,
            client_id: client_id.to_owned(),
            fingerprint: fingerprint(&[text.as_bytes(), b"", &[0]]),
            seq: asked,
            note: None,
        });
        commit = commit.message(question).message(answer);
        assert!(matches!(app.store.thread_commit(&before, commit).await, Ok(Committed::Done(_))));
        thread
    }
}
