//! A run: the right to answer, kept by a lease, and what becomes of it.
//!
//! Every outcome is written under the run's id and its epoch. So a run that stalled, or lost the line to a person, can
//! do nothing: what it says then is refused by the table and thrown away.

mod conversation;
mod function;
mod hold;
mod speech;
mod words;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use shared::{
    App, Error,
    domain::{Chatbot, Details, Message, MessageId, Person, Reason, RunId, Thread, message, status, thread::LEASE},
    openai::Failure,
    sockets::Event,
    store::{Commit, Removal, Subscriber},
};
use tokio::{sync::watch, time::Instant};

use crate::stream::Tap;
use speech::Spoken;
use words::Piece;

/// How many runs may try before a person is asked: the second that dies is one too many.
const ATTEMPTS: u32 = 2;

const APOLOGY: &str = "Sorry, I cannot answer right now. A person will take over.";

pub(crate) struct Run {
    app: App,
    id: RunId,
    /// As it was last written or read by this run.
    thread: Thread,
    details: Details,
    /// The version of the thread that the details were read with.
    details_at: u64,
    chatbot: Result<Option<Chatbot>, Error>,
    /// Messages at the log's end that need not be read again.
    known: Vec<Message>,
    /// The conversation may hold something that the log does not, or lack something: it is to be built anew.
    in_doubt: bool,
    /// What is to go at OpenAI, once the customer has been answered.
    removals: Vec<Removal>,
    /// Of the caller, where they listen as it goes on.
    tap: Tap,
    /// Who listens on sockets, as far as is known.
    listeners: Arc<watch::Sender<Vec<Subscriber>>>,
    /// How much the model has said of its next reply, in bytes.
    said: watch::Sender<usize>,
    /// The run ends before this, for its function is stopped soon after.
    deadline: Option<Instant>,
    heard: Mutex<Heard>,
}

/// What changes while the run waits.
struct Heard {
    /// What the model has said of its next reply.
    text: String,
    /// The last piece of it that went to the sockets.
    piece: Option<Piece>,
    /// Responses that OpenAI stores and no message of the log speaks of, so that nobody else would ever delete them:
    /// discarded ones, failed ones, and those that only called a function.
    unkept: Vec<String>,
    /// When the lease was last made to last.
    renewed: Instant,
    /// The listeners know that the line is lost.
    withdrawn: bool,
    /// What the agents were offered of it.
    draft: Option<String>,
}

/// What a run came to, for whoever began it.
pub(crate) enum Ending {
    Replied {
        reply: Box<Message>,
        thread: Box<Thread>,
    },
    /// A person is asked to go on; the log says why.
    HandedOver {
        thread: Box<Thread>,
    },
    /// The line changed hands, or another run took over.
    Lost,
}

/// Why there is no reply.
enum Trouble {
    Lost,
    HandOver { reason: Reason, comment: Option<String> },
    OpenAi(Failure),
    Table(Error),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Table(error)
    }
}

impl Run {
    /// A run that holds the line since `before` became `thread`.
    pub(crate) fn new(
        app: App,
        id: RunId,
        before: &Thread,
        thread: Thread,
        details: Details,
        chatbot: Result<Option<Chatbot>, Error>,
        deadline: Option<Instant>,
    ) -> Self {
        let (in_doubt, details_at) = (before.openai.dirty, thread.version);
        Self {
            app,
            id,
            thread,
            details,
            details_at,
            chatbot,
            known: Vec::new(),
            in_doubt,
            removals: Vec::new(),
            tap: Tap::default(),
            listeners: Arc::default(),
            said: watch::Sender::new(0),
            deadline,
            heard: Mutex::new(Heard {
                text: String::new(),
                piece: None,
                unkept: Vec::new(),
                renewed: Instant::now(),
                withdrawn: false,
                draft: None,
            }),
        }
    }

    /// Spares it reading what was just written: messages at the log's end.
    #[must_use]
    pub(crate) fn knowing(self, known: Vec<Message>) -> Self {
        Self { known, ..self }
    }

    /// Tells the caller, and the sockets that were found to listen, as it goes on.
    #[must_use]
    pub(crate) fn telling(self, tap: Tap, listeners: Arc<watch::Sender<Vec<Subscriber>>>) -> Self {
        Self { tap, listeners, ..self }
    }

    /// Answers what the customer said, and goes on for as long as more has come meanwhile. The first reply is the
    /// caller's.
    pub(crate) async fn answer(mut self) -> Result<Ending, Error> {
        let mut first = None;
        let ending = loop {
            match self.turn().await {
                Ok(reply) => {
                    first.get_or_insert(reply);
                    // Over; or, where the answer to its last write got lost, perhaps another's by now.
                    if !self.thread.is_held_by(&self.id) {
                        break Ending::Lost;
                    }
                }
                Err(Trouble::Lost) => {
                    self.lost().await;
                    break Ending::Lost;
                }
                Err(Trouble::HandOver { reason, comment }) => break self.hand_over(reason, comment).await?,
                Err(Trouble::OpenAi(failure)) => {
                    tracing::warn!(thread.id = %self.thread.id, %failure, "the model cannot answer; a person is asked");
                    break self.hand_over(Reason::Failure, None).await?;
                }
                Err(Trouble::Table(error)) => return Err(error),
            }
        };
        for removal in &self.removals {
            self.app.remove(removal).await;
        }
        self.delete_unkept().await;
        Ok(match first {
            Some(reply) => Ending::Replied { reply: Box::new(reply), thread: Box::new(self.thread) },
            None => ending,
        })
    }

    /// One reply, to all that has been said so far.
    async fn turn(&mut self) -> Result<Message, Trouble> {
        let spoken = self.speak().await?;
        // What the model was asked last: to find a conversation, the run may have learnt of more than it began with.
        let (input_through, asked_through) = (self.thread.seq, self.thread.asked_through);
        let bot = self.chatbot()?.clone();
        let kept = spoken.origin.response_id.clone();
        let mut reply = self.message(self.app.message_id(), &bot, spoken);
        let run = self.id.clone();
        let written = self.save(|mut thread| {
            thread.reply(&run, &mut reply, input_through, asked_through);
            Commit::new(thread).message(reply.clone())
        });
        let logged = written.await?.ok_or(Trouble::Lost)?;
        {
            let mut heard = self.heard();
            heard.unkept.retain(|response| Some(response) != kept.as_ref());
            heard.text.clear();
        }
        let reply = logged.into_iter().next().unwrap_or(reply);
        self.tap.tell(Event::message(&reply));
        self.app.tell(&self.thread, &[Event::message(&reply)]).await;
        Ok(reply)
    }

    /// Writes what `change` makes of the thread, under the run, and holds the line anew. `None`: the run is lost.
    async fn save(&mut self, change: impl FnMut(Thread) -> Commit) -> Result<Option<Vec<Message>>, Error> {
        let (asked, until) = (Instant::now(), self.app.now() + LEASE);
        let written = self.app.store.run_commit(&self.thread, &self.id, until, change).await?;
        let Some((thread, logged)) = written else { return Ok(None) };
        self.heard().renewed = asked;
        if thread.seq != self.thread.seq {
            // They end where the log ended then.
            self.known = Vec::new();
        }
        self.thread = thread;
        Ok(Some(logged))
    }

    /// Asks for a person, in place of a reply.
    async fn hand_over(&mut self, reason: Reason, comment: Option<String>) -> Result<Ending, Error> {
        let (id, at) = (self.app.message_id(), self.app.now());
        let by = match &self.chatbot {
            Ok(Some(bot)) => author(bot),
            _ => Person { id: self.thread.chatbot_id.to_string(), name: None },
        };
        let text = if reason == Reason::Failure { APOLOGY } else { "" };
        // Where the chatbot could not be read its webhook, if there is one, is found out later.
        let has_webhook =
            self.chatbot.as_ref().map_or(true, |bot| bot.as_ref().is_some_and(|bot| bot.webhook.is_some()));
        let (mut changed, mut notice) = (None, None);
        let (app, details) = (self.app.clone(), self.details.clone());
        let written = self.save(|thread| {
            let event = status::Event::Escalate { at, reason };
            changed = thread.change(event, by.clone(), text, comment.clone(), id.clone()).ok().flatten();
            let Some(changed) = &changed else { return Commit::new(thread) };
            notice = app.notice_if(changed, &details).filter(|_| has_webhook);
            let mut commit = Commit::new(changed.thread.clone()).message(changed.message.clone());
            commit.notice.clone_from(&notice);
            commit
        });
        if written.await?.is_none() {
            self.lost().await;
            return Ok(Ending::Lost);
        }
        if let Some(mut changed) = changed {
            changed.thread = self.thread.clone();
            self.tap.tell(Event::message(&changed.message));
            self.tap.tell(Event::thread(changed.thread.view(&self.details)));
            self.app.tell_change(&changed, &self.details, None).await;
            self.app.notify(notice.as_ref()).await;
        }
        Ok(Ending::HandedOver { thread: Box::new(self.thread.clone()) })
    }

    /// After the line was lost: the listeners are told, and a conversation that nobody points to any more is removed.
    async fn lost(&self) {
        let now = self.withdraw().await;
        let Some(ours) = &self.thread.openai.conversation_id else { return };
        if now.is_none_or(|now| now.openai.conversation_id.as_ref() != Some(ours)) {
            self.app.remove(&Removal::of_conversation(&self.thread, ours.clone(), self.app.now())).await;
        }
    }

    /// As far as OpenAI can be reached: nobody's answer depends on it.
    async fn delete_unkept(&self) {
        let unkept = std::mem::take(&mut self.heard().unkept);
        for response in unkept {
            if let Err(failure) = self.app.openai.response_delete(&response).await {
                tracing::warn!(thread.id = %self.thread.id, %failure, "a response stays behind at OpenAI");
            }
        }
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn chatbot(&self) -> Result<&Chatbot, Trouble> {
        match &self.chatbot {
            Ok(Some(chatbot)) => Ok(chatbot),
            // Deleted: its threads go to people. Not read: better a person than silence.
            Ok(None) | Err(_) => Err(Trouble::HandOver { reason: Reason::Failure, comment: None }),
        }
    }

    fn message(&self, id: MessageId, bot: &Chatbot, spoken: Spoken) -> Message {
        Message {
            id,
            client_id: None,
            thread_id: self.thread.id.clone(),
            seq: 0,
            role: message::Role::Bot,
            author: author(bot),
            text: spoken.text,
            at: self.app.now(),
            answers: None,
            event: None,
            origin: Some(spoken.origin),
        }
    }
}

fn author(bot: &Chatbot) -> Person {
    Person { id: bot.id.to_string(), name: Some(bot.character.name.clone()) }
}
