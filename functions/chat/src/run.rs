//! A run: one try to answer the customer's messages, while its lease holds.
//!
//! Every outcome is written under the run's id and its epoch. So a run that stalled, or lost the line to a person, can
//! do nothing: the table refuses its reply, and the reply is discarded.

mod budget;
mod conversation;
mod deltas;
mod hand_over;
mod lease;
mod model;
mod prompt;
mod reply;
mod tool_call;
mod turn;

use std::{
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures::future::join;
use shared::{
    App, Error, Shares, TurnBudget,
    domain::{
        Chatbot, Message, MessageId, Person, Reason, RunId, Thread, ThreadMetadata, budget::Budget, message,
        thread::LEASE,
    },
    metrics::Metric,
    openai::Failure,
    sockets::Event,
    store::{Cleanup, Commit, RunCommitted, Subscriber},
};
use tokio::{sync::watch, time::Instant};

use crate::event_sink::EventSink;
use budget::Spent;
use deltas::Chunk;
use hand_over::HandOver;
use reply::ModelReply;

/// The most runs that try to answer the same messages. When the last one dies too, a person is asked.
const MAX_RUNS: u32 = 2;

pub(crate) struct Run {
    app: App,
    id: RunId,
    /// The thread as this run last wrote or read it.
    thread: Thread,
    metadata: ThreadMetadata,
    /// The version of the thread that the metadata was read with.
    metadata_version: u64,
    chatbot: Result<Option<Chatbot>, Error>,
    /// Messages at the log's end that need not be read again.
    log_tail: Vec<Message>,
    /// The conversation may hold something that the log does not, or lack something: a new one replaces it.
    in_doubt: bool,
    /// Conversations to delete at OpenAI, once the customer has been answered.
    cleanups: Vec<Cleanup>,
    /// The caller's stream.
    sink: EventSink,
    /// The sockets that listen to the thread, as of the last look.
    listeners: Arc<watch::Sender<Vec<Subscriber>>>,
    /// The length of the model's next reply so far, in bytes.
    text_bytes: watch::Sender<usize>,
    /// The time by which the run ends, because its function is stopped soon after.
    deadline: Option<Instant>,
    /// The budget of the next turn; `None` where it is still to be reserved.
    budget: Option<TurnBudget>,
    /// The shares of the turn that is under way.
    shares: Shares,
    progress: Mutex<TurnProgress>,
}

/// The state that changes while the run waits for the model.
struct TurnProgress {
    /// The text of the model's next reply so far.
    text: String,
    /// The last chunk of it that was sent to sockets.
    chunk: Option<Chunk>,
    /// Responses that OpenAI stores and no message of the log refers to: discarded ones, failed ones, and those that
    /// only called a function. Nobody else would delete them.
    unreferenced_responses: Vec<String>,
    /// The start of the turn, and the time of the first word of its reply.
    begun_at: Instant,
    first_word_at: Option<Instant>,
    /// The time of the last renewal of the lease.
    renewed_at: Instant,
    /// The listeners have been told that the line is lost.
    is_withdrawn: bool,
    /// The draft that the agents were offered.
    draft: Option<String>,
    spent: Spent,
}

/// The outcome of a run.
pub(crate) enum RunOutcome {
    Replied {
        reply: Box<Message>,
        thread: Box<Thread>,
    },
    /// A person is asked to answer; the log says why.
    HandedOver {
        thread: Box<Thread>,
    },
    /// The line changed hands, or another run took over.
    Lost,
}

/// The reason that a run has no reply.
enum RunError {
    Lost,
    HandOver(Box<HandOver>),
    OpenAi(Failure),
    Table(Error),
}

impl RunError {
    /// The bot has no answer, and the log says no more than that it failed.
    fn failed() -> Self {
        HandOver::new(Reason::Failure, None).into()
    }
}

impl From<Error> for RunError {
    fn from(error: Error) -> Self {
        Self::Table(error)
    }
}

impl Run {
    /// A run that took the line when `before` became `thread`.
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
            log_tail: Vec::new(),
            in_doubt,
            cleanups: Vec::new(),
            sink: EventSink::default(),
            listeners: Arc::default(),
            text_bytes: watch::Sender::new(0),
            deadline,
            budget: None,
            shares: Shares::default(),
            progress: Mutex::new(TurnProgress {
                text: String::new(),
                chunk: None,
                unreferenced_responses: Vec::new(),
                begun_at: Instant::now(),
                first_word_at: None,
                renewed_at: Instant::now(),
                is_withdrawn: false,
                draft: None,
                spent: Spent::Nothing,
            }),
        }
    }

    /// Sets the budget of the first turn.
    #[must_use]
    pub(crate) fn with_budget(self, budget: TurnBudget) -> Self {
        Self { budget: Some(budget), ..self }
    }

    /// Sets the messages at the log's end, which need not be read again.
    #[must_use]
    pub(crate) fn with_log_tail(self, log_tail: Vec<Message>) -> Self {
        Self { log_tail, ..self }
    }

    /// Sets the caller's stream and the sockets that receive the reply while it is written.
    #[must_use]
    pub(crate) fn with_listeners(self, sink: EventSink, listeners: Arc<watch::Sender<Vec<Subscriber>>>) -> Self {
        Self { sink, listeners, ..self }
    }

    /// Answers the customer's messages, and goes on for as long as newer ones have arrived. The first reply is the
    /// caller's.
    pub(crate) async fn answer(mut self) -> Result<RunOutcome, Error> {
        let mut first = None;
        let outcome = loop {
            match self.turn().await {
                Ok(reply) => {
                    first.get_or_insert(reply);
                    // The run has ended; or the response to its last write was lost, and another run has the line by
                    // now.
                    if !self.thread.is_held_by(&self.id) {
                        break RunOutcome::Lost;
                    }
                }
                Err(RunError::Lost) => {
                    self.lost().await;
                    break RunOutcome::Lost;
                }
                Err(RunError::HandOver(hand_over)) => break self.hand_over(*hand_over).await?,
                Err(RunError::OpenAi(failure)) => {
                    self.log_failure(&failure);
                    break self.hand_over(HandOver::new(Reason::Failure, None)).await?;
                }
                Err(RunError::Table(error)) => return Err(error),
            }
        };
        for cleanup in &self.cleanups {
            self.app.clean_up(cleanup).await;
        }
        self.delete_unreferenced().await;
        Ok(match first {
            Some(reply) => RunOutcome::Replied { reply: Box::new(reply), thread: Box::new(self.thread) },
            None => outcome,
        })
    }

    /// One turn: a reply to all messages so far.
    async fn turn(&mut self) -> Result<Message, RunError> {
        self.progress().begun_at = Instant::now();
        self.begin_turn().await?;
        let reply = self.reply().await?;
        let shares = self.settle_shares();
        join(self.app.broadcast(&self.thread, &[Event::message(&reply)]), shares).await;
        Ok(reply)
    }

    /// Asks the model, and saves its reply.
    async fn reply(&mut self) -> Result<Message, RunError> {
        let answer = self.ask_model().await?;
        // Read after the model was asked: saving a new conversation may have loaded newer messages.
        let (input_through, asked_through) = (self.thread.seq, self.thread.asked_through);
        let bot = self.chatbot()?.clone();
        let kept = answer.origin.response_id.clone();
        let mut reply = self.message(self.app.message_id(), author(&bot), answer);
        let (run, taken) = (self.id.clone(), self.taken());
        let written = self.save(|mut thread| {
            thread.settle(&run, taken);
            thread.reply(&run, &mut reply, input_through, asked_through);
            Commit::new(thread).message(reply.clone())
        });
        let logged = written.await?.ok_or(RunError::Lost)?;
        {
            let mut progress = self.progress();
            progress.unreferenced_responses.retain(|response| Some(response) != kept.as_ref());
            progress.text.clear();
        }
        let reply = logged.into_iter().next().unwrap_or(reply);
        self.record_reply(&reply);
        self.sink.send(Event::message(&reply));
        Ok(reply)
    }

    fn record_reply(&self, reply: &Message) {
        let now = Instant::now();
        let (begun_at, first_word_at) = {
            let progress = self.progress();
            (progress.begun_at, progress.first_word_at.unwrap_or(now))
        };
        let (first_word, took) = (first_word_at - begun_at, now - begun_at);
        self.app.record(Metric::Reply { first_word, took, usage: reply.usage });
    }

    /// Writes what `change` makes of the thread, fenced by the run, and renews the lease. `None` where the run has lost
    /// the line.
    async fn save(&mut self, change: impl FnMut(Thread) -> Commit) -> Result<Option<Vec<Message>>, Error> {
        let written = self.save_counted(change).await?;
        written.map_err(|_| Error::internal("a budget refused a write that counts nothing"))
    }

    /// The same of a commit that counts in the customer's budgets. `Err` within: the budget that has no room.
    async fn save_counted(
        &mut self,
        change: impl FnMut(Thread) -> Commit,
    ) -> Result<Result<Option<Vec<Message>>, Budget>, Error> {
        let (sent_at, until) = (Instant::now(), self.app.now() + LEASE);
        let (thread, logged) = match self.app.store.run_commit(&self.thread, &self.id, until, change).await? {
            RunCommitted::Done(thread, logged) => (*thread, logged),
            RunCommitted::Lost => return Ok(Ok(None)),
            RunCommitted::OverBudget(budget) => return Ok(Err(budget)),
        };
        self.progress().renewed_at = sent_at;
        if thread.seq != self.thread.seq {
            // The log has grown beyond it.
            self.log_tail = Vec::new();
        }
        self.thread = thread;
        Ok(Ok(Some(logged)))
    }

    /// Withdraws the answer after the line was lost, and deletes a conversation that the thread no longer refers to.
    async fn lost(&mut self) {
        self.app.record(Metric::Discarded);
        let now = self.withdraw().await;
        self.settle_lost(now.as_ref()).await;
        let Some(ours) = &self.thread.openai.conversation_id else { return };
        if now.is_none_or(|now| now.openai.conversation_id.as_ref() != Some(ours)) {
            self.app.clean_up(&Cleanup::of_conversation(&self.thread, ours.clone(), self.app.now())).await;
        }
    }

    /// Deletes the responses that no message refers to. A failure is logged only: no answer depends on it.
    async fn delete_unreferenced(&self) {
        let responses = mem::take(&mut self.progress().unreferenced_responses);
        for response in responses {
            if let Err(failure) = self.app.openai.response_delete(&response).await {
                tracing::warn!(thread.id = %self.thread.id, %failure, "a response could not be deleted at OpenAI");
            }
        }
    }

    fn progress(&self) -> MutexGuard<'_, TurnProgress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn chatbot(&self) -> Result<&Chatbot, RunError> {
        match &self.chatbot {
            Ok(Some(chatbot)) if chatbot.answers(&self.thread.customer_id) => Ok(chatbot),
            // Threads of a deleted chatbot go to people, and customers' threads of one that is for staff. So do those
            // of one that cannot be read: better than silence.
            Ok(_) | Err(_) => Err(RunError::failed()),
        }
    }

    fn message(&self, id: MessageId, author: Person, answer: ModelReply) -> Message {
        Message {
            id,
            client_id: None,
            thread_id: self.thread.id.clone(),
            seq: 0,
            role: message::Role::Bot,
            author,
            text: answer.text,
            at: self.app.now(),
            answers: None,
            event: None,
            cut: answer.cut,
            sources: answer.sources,
            usage: answer.usage,
            origin: Some(answer.origin),
        }
    }
}

fn author(bot: &Chatbot) -> Person {
    Person { id: bot.id.to_string(), name: Some(bot.config.name.clone()) }
}
