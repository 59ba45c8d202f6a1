//! A run: the right to answer, kept by a lease, and what becomes of it.
//!
//! Every outcome is written under the run's id and its epoch. So a run that stalled, or lost the line to a person, can
//! do nothing: what it says then is refused by the table and thrown away.

mod conversation;
mod deltas;
mod lease;
mod model;
mod tool_call;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use shared::{
    App, Error,
    domain::{
        Chatbot, Message, MessageId, Person, Reason, RunId, Thread, ThreadMetadata, message, status, thread::LEASE,
    },
    openai::Failure,
    sockets::Event,
    store::{Cleanup, Commit, Subscriber},
};
use tokio::{sync::watch, time::Instant};

use crate::stream::EventSink;
use deltas::Chunk;
use model::ModelReply;

/// How many runs may try before a person is asked: the second that dies is one too many.
const MAX_ATTEMPTS: u32 = 2;

const APOLOGY: &str = "Sorry, I cannot answer right now. A person will take over.";

pub(crate) struct Run {
    app: App,
    id: RunId,
    /// As it was last written or read by this run.
    thread: Thread,
    metadata: ThreadMetadata,
    /// The version of the thread that the details were read with.
    metadata_version: u64,
    chatbot: Result<Option<Chatbot>, Error>,
    /// Messages at the log's end that need not be read again.
    known: Vec<Message>,
    /// The conversation may hold something that the log does not, or lack something: it is to be built anew.
    in_doubt: bool,
    /// What is to go at OpenAI, once the customer has been answered.
    cleanups: Vec<Cleanup>,
    /// Of the caller, where they listen as it goes on.
    sink: EventSink,
    /// Who listens on sockets, as far as is known.
    listeners: Arc<watch::Sender<Vec<Subscriber>>>,
    /// How much the model has said of its next reply, in bytes.
    said: watch::Sender<usize>,
    /// The run ends before this, for its function is stopped soon after.
    deadline: Option<Instant>,
    progress: Mutex<TurnProgress>,
}

/// What changes while the run waits.
struct TurnProgress {
    /// What the model has said of its next reply.
    text: String,
    /// The last piece of it that went to the sockets.
    chunk: Option<Chunk>,
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
pub(crate) enum RunOutcome {
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
enum RunError {
    Lost,
    HandOver { reason: Reason, comment: Option<String> },
    OpenAi(Failure),
    Table(Error),
}

impl From<Error> for RunError {
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
        metadata: ThreadMetadata,
        chatbot: Result<Option<Chatbot>, Error>,
        deadline: Option<Instant>,
    ) -> Self {
        let (in_doubt, metadata_version) = (before.openai.in_doubt, thread.version);
        Self {
            app,
            id,
            thread,
            metadata,
            metadata_version,
            chatbot,
            known: Vec::new(),
            in_doubt,
            cleanups: Vec::new(),
            sink: EventSink::default(),
            listeners: Arc::default(),
            said: watch::Sender::new(0),
            deadline,
            progress: Mutex::new(TurnProgress {
                text: String::new(),
                chunk: None,
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
    pub(crate) fn telling(self, sink: EventSink, listeners: Arc<watch::Sender<Vec<Subscriber>>>) -> Self {
        Self { sink, listeners, ..self }
    }

    /// Answers what the customer said, and goes on for as long as more has come meanwhile. The first reply is the
    /// caller's.
    pub(crate) async fn answer(mut self) -> Result<RunOutcome, Error> {
        let mut first = None;
        let ending = loop {
            match self.turn().await {
                Ok(reply) => {
                    first.get_or_insert(reply);
                    // Over; or, where the answer to its last write got lost, perhaps another's by now.
                    if !self.thread.is_held_by(&self.id) {
                        break RunOutcome::Lost;
                    }
                }
                Err(RunError::Lost) => {
                    self.lost().await;
                    break RunOutcome::Lost;
                }
                Err(RunError::HandOver { reason, comment }) => break self.hand_over(reason, comment).await?,
                Err(RunError::OpenAi(failure)) => {
                    tracing::warn!(thread.id = %self.thread.id, %failure, "the model cannot answer; a person is asked");
                    break self.hand_over(Reason::Failure, None).await?;
                }
                Err(RunError::Table(error)) => return Err(error),
            }
        };
        for cleanup in &self.cleanups {
            self.app.remove(cleanup).await;
        }
        self.delete_unkept().await;
        Ok(match first {
            Some(reply) => RunOutcome::Replied { reply: Box::new(reply), thread: Box::new(self.thread) },
            None => ending,
        })
    }

    /// One reply, to all that has been said so far.
    async fn turn(&mut self) -> Result<Message, RunError> {
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
        let logged = written.await?.ok_or(RunError::Lost)?;
        {
            let mut progress = self.progress();
            progress.unkept.retain(|response| Some(response) != kept.as_ref());
            progress.text.clear();
        }
        let reply = logged.into_iter().next().unwrap_or(reply);
        self.sink.send(Event::message(&reply));
        self.app.broadcast(&self.thread, &[Event::message(&reply)]).await;
        Ok(reply)
    }

    /// Writes what `change` makes of the thread, under the run, and holds the line anew. `None`: the run is lost.
    async fn save(&mut self, change: impl FnMut(Thread) -> Commit) -> Result<Option<Vec<Message>>, Error> {
        let (asked, until) = (Instant::now(), self.app.now() + LEASE);
        let written = self.app.store.run_commit(&self.thread, &self.id, until, change).await?;
        let Some((thread, logged)) = written else { return Ok(None) };
        self.progress().renewed = asked;
        if thread.seq != self.thread.seq {
            // They end where the log ended then.
            self.known = Vec::new();
        }
        self.thread = thread;
        Ok(Some(logged))
    }

    /// Asks for a person, in place of a reply.
    async fn hand_over(&mut self, reason: Reason, comment: Option<String>) -> Result<RunOutcome, Error> {
        let (id, at) = (self.app.message_id(), self.app.now());
        let by = match &self.chatbot {
            Ok(Some(bot)) => author(bot),
            _ => Person { id: self.thread.chatbot_id.to_string(), name: None },
        };
        let text = if reason == Reason::Failure { APOLOGY } else { "" };
        // Where the chatbot could not be read its webhook, if there is one, is found out later.
        let has_webhook =
            self.chatbot.as_ref().map_or(true, |bot| bot.as_ref().is_some_and(|bot| bot.webhook.is_some()));
        let (mut changed, mut delivery) = (None, None);
        let (app, metadata) = (self.app.clone(), self.metadata.clone());
        let written = self.save(|thread| {
            let event = status::Event::Escalate { at, reason };
            changed = thread.change(event, by.clone(), text, comment.clone(), id.clone()).ok().flatten();
            let Some(changed) = &changed else { return Commit::new(thread) };
            delivery = app.delivery_if(changed, &metadata).filter(|_| has_webhook);
            let mut commit = Commit::new(changed.thread.clone()).message(changed.message.clone());
            commit.delivery.clone_from(&delivery);
            commit
        });
        if written.await?.is_none() {
            self.lost().await;
            return Ok(RunOutcome::Lost);
        }
        if let Some(mut changed) = changed {
            changed.thread = self.thread.clone();
            self.sink.send(Event::message(&changed.message));
            self.sink.send(Event::thread(changed.thread.view(&self.metadata)));
            self.app.announce(&changed, &self.metadata, None).await;
            self.app.notify(delivery.as_ref()).await;
        }
        Ok(RunOutcome::HandedOver { thread: Box::new(self.thread.clone()) })
    }

    /// After the line was lost: the listeners are told, and a conversation that nobody points to any more is removed.
    async fn lost(&self) {
        let now = self.withdraw().await;
        let Some(ours) = &self.thread.openai.conversation_id else { return };
        if now.is_none_or(|now| now.openai.conversation_id.as_ref() != Some(ours)) {
            self.app.remove(&Cleanup::of_conversation(&self.thread, ours.clone(), self.app.now())).await;
        }
    }

    /// As far as OpenAI can be reached: nobody's answer depends on it.
    async fn delete_unkept(&self) {
        let unkept = std::mem::take(&mut self.progress().unkept);
        for response in unkept {
            if let Err(failure) = self.app.openai.response_delete(&response).await {
                tracing::warn!(thread.id = %self.thread.id, %failure, "a response stays behind at OpenAI");
            }
        }
    }

    fn progress(&self) -> MutexGuard<'_, TurnProgress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn chatbot(&self) -> Result<&Chatbot, RunError> {
        match &self.chatbot {
            Ok(Some(chatbot)) => Ok(chatbot),
            // Deleted: its threads go to people. Not read: better a person than silence.
            Ok(None) | Err(_) => Err(RunError::HandOver { reason: Reason::Failure, comment: None }),
        }
    }

    fn message(&self, id: MessageId, bot: &Chatbot, spoken: ModelReply) -> Message {
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
    Person { id: bot.id.to_string(), name: Some(bot.config.name.clone()) }
}
