//! A run: the right to answer, kept by a lease, and what becomes of it.
//!
//! Every outcome is written under the run's id and its epoch. So a run that stalled, or lost the line to a person, can
//! do nothing: what it says then is refused by the table and thrown away.

use std::{collections::BTreeMap, pin::pin, time::Duration};

use futures::future::{Either, select};
use serde_json::{Value, json};
use shared::{
    App, Error,
    domain::{
        Chatbot, Details, Message, MessageId, Person, Reason, RunId, Thread,
        chatbot::{ESCALATE, Memory},
        message::{self, Origin},
        status,
        thread::LEASE,
    },
    http,
    openai::{Ask, Call, Event as Heard, Failure, Incomplete, Input, Outcome},
    sockets::Event,
    store::{Commit, Removal},
};

use crate::history;

const RENEWED_EVERY: Duration = Duration::from_secs(10);

/// How often a model may call functions before it has to answer.
const ROUNDS: usize = 4;

/// How often a thread may be taken over from a dead run before a person is asked.
const ATTEMPTS: u32 = 3;

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

/// What the model said.
struct Spoken {
    text: String,
    origin: Origin,
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
        known: Vec<Message>,
    ) -> Self {
        let (in_doubt, details_at) = (before.openai.dirty, thread.version);
        Self { app, id, thread, details, details_at, chatbot, known, in_doubt, removals: Vec::new() }
    }

    /// Answers what the customer said, and goes on for as long as more has come meanwhile. The first reply is the
    /// caller's.
    pub(crate) async fn answer(mut self) -> Result<Ending, Error> {
        let mut first = None;
        let ending = loop {
            match self.turn().await {
                Ok(reply) => {
                    first.get_or_insert(reply);
                    if self.thread.run.is_none() {
                        break Ending::Lost;
                    }
                }
                Err(Trouble::Lost) => {
                    self.lost().await?;
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
        Ok(match first {
            Some(reply) => Ending::Replied { reply: Box::new(reply), thread: Box::new(self.thread) },
            None => ending,
        })
    }

    /// One reply, to all that has been said so far.
    async fn turn(&mut self) -> Result<Message, Trouble> {
        let input_through = self.thread.seq;
        let spoken = self.speak().await?;
        let bot = self.chatbot()?.clone();
        let mut reply = self.message(self.app.message_id(), &bot, spoken);
        let (run, now) = (self.id.clone(), self.app.now());
        let written = self.app.store.run_commit(&self.thread, &self.id, |mut thread| {
            thread.reply(&run, &mut reply, input_through);
            if let Some(held) = &mut thread.run {
                held.lease_until = now + LEASE;
            }
            Commit::new(thread).message(reply.clone())
        });
        let (thread, logged) = written.await?.ok_or(Trouble::Lost)?;
        self.thread = thread;
        self.known = Vec::new();
        let reply = logged.into_iter().next().unwrap_or(reply);
        self.app.tell(&self.thread, &[Event::message(&reply)]).await;
        Ok(reply)
    }

    /// Lets the model speak. A conversation that turns out to be unusable is built anew from the log, once.
    async fn speak(&mut self) -> Result<Spoken, Trouble> {
        if self.thread.run.as_ref().is_some_and(|run| run.attempt > ATTEMPTS) {
            return Err(Trouble::HandOver { reason: Reason::Failure, comment: None });
        }
        let conversation = self.conversation().await?;
        match self.converse(conversation.as_deref()).await {
            Err(Trouble::OpenAi(Failure::Missing | Failure::OrphanCall | Failure::Locked))
                if conversation.is_some() =>
            {
                self.in_doubt = true;
                let anew = self.conversation().await?;
                self.converse(anew.as_deref()).await
            }
            spoken => spoken,
        }
    }

    /// The conversation to speak in: none with local memory, a new one where the thread's is in doubt or was never
    /// made. A new one's id is saved under the run before anything goes into it.
    async fn conversation(&mut self) -> Result<Option<String>, Trouble> {
        if self.app.memory_of(self.chatbot()?) == Memory::Local {
            return Ok(None);
        }
        let current = self.thread.openai.conversation_id.clone();
        if let Some(current) = current.clone().filter(|_| !self.in_doubt) {
            self.mirror(&current).await?;
            return Ok(Some(current));
        }
        let metadata = self.details.mirrored(&self.thread.id);
        let created = self.holding(self.app.openai.conversation_create(&metadata)).await?;
        let old = current.map(|old| Removal::of_conversation(&self.thread, old, self.app.after_lease()));
        let details_at = self.details_at;
        let saved = self.app.store.run_commit(&self.thread, &self.id, |mut thread| {
            thread.openai.conversation_id = Some(created.clone());
            thread.openai.synced_through = 0;
            // Whatever came between may have changed the title.
            thread.openai.stale = thread.version != details_at;
            let mut commit = Commit::new(thread);
            commit.removal.clone_from(&old);
            commit
        });
        match saved.await {
            Ok(Some((thread, _))) => {
                self.details_at = thread.version;
                self.thread = thread;
                self.in_doubt = false;
                self.removals.extend(old);
                Ok(Some(created))
            }
            refused => {
                // Nothing points to it. One that cannot be deleted now is lost.
                let _ = self.app.openai.conversation_delete(&created).await;
                refused?;
                Err(Trouble::Lost)
            }
        }
    }

    /// Tells OpenAI of a title or metadata that it has missed. Nothing depends on it, so a failure waits for the next run.
    async fn mirror(&mut self, conversation: &str) -> Result<(), Trouble> {
        if !self.thread.openai.stale {
            return Ok(());
        }
        let metadata: BTreeMap<_, _> = self.details.mirrored(&self.thread.id);
        match self.holding(self.app.openai.conversation_update(conversation, &metadata)).await {
            Err(Trouble::OpenAi(_)) => return Ok(()),
            told => told?,
        }
        let details_at = self.details_at;
        let saved = self.app.store.run_commit(&self.thread, &self.id, |mut thread| {
            thread.openai.stale = thread.version != details_at;
            Commit::new(thread)
        });
        let (thread, _) = saved.await?.ok_or(Trouble::Lost)?;
        self.details_at = thread.version;
        self.thread = thread;
        Ok(())
    }

    /// Asks the model, answers the functions it calls, and asks again.
    async fn converse(&self, conversation: Option<&str>) -> Result<Spoken, Trouble> {
        let chatbot = self.chatbot()?;
        let after = conversation.map_or(0, |_| self.thread.openai.synced_through);
        let mut input = history::input(&self.app, &self.thread, after, &self.known, conversation).await?;
        let tools = self.tools(chatbot, conversation).await?;
        let instructions = self.instructions(chatbot, conversation).await?;
        let customer = http::fingerprint(&[self.thread.tenant.as_bytes(), self.thread.customer_id.as_bytes()]);
        for _ in 0..=ROUNDS {
            let ask = Ask {
                model: &chatbot.character.model,
                conversation,
                instructions: &instructions,
                input: input.clone(),
                tools: tools.clone(),
                temperature: chatbot.character.temperature,
                max_output_tokens: chatbot.character.max_output_tokens,
                store: conversation.is_some(),
                safety_identifier: Some(&customer),
                prompt_cache_key: Some(self.thread.id.as_str()),
            };
            let outcome = self.holding(self.listen(&ask)).await?;
            if outcome.calls.is_empty() {
                return spoken(outcome, conversation);
            }
            if let Some(call) = outcome.calls.iter().find(|call| call.name == ESCALATE) {
                return Err(Trouble::HandOver { reason: Reason::Bot, comment: reason_of(call) });
            }
            if conversation.is_some() {
                input.clear();
            }
            for call in outcome.calls {
                let output = Input::CallOutput { call_id: call.call_id.clone(), output: unavailable(&call) };
                if conversation.is_none() {
                    input.push(Input::Call(call));
                }
                input.push(output);
            }
        }
        Err(Trouble::HandOver { reason: Reason::Failure, comment: None })
    }

    /// Reads the model's answer to its end.
    async fn listen(&self, ask: &Ask<'_>) -> Result<Outcome, Failure> {
        let mut answer = self.app.openai.respond(ask).await?;
        while let Some(heard) = answer.next().await {
            if let Heard::Completed(outcome) = heard? {
                return Ok(outcome);
            }
        }
        Err(Failure::Interrupted { code: None })
    }

    /// Does something at OpenAI while it holds the line. Where the line is lost the work is still brought to its end,
    /// for a conversation that is left in mid-stream is in doubt, but nobody waits for what comes of it.
    async fn holding<T>(&self, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Trouble> {
        match select(pin!(work), pin!(self.renew())).await {
            Either::Left((done, _)) => done.map_err(Trouble::OpenAi),
            Either::Right(((), work)) => {
                let _ = work.await;
                Err(Trouble::Lost)
            }
        }
    }

    /// Renews the lease until it is lost.
    async fn renew(&self) {
        loop {
            tokio::time::sleep(RENEWED_EVERY).await;
            let until = self.app.now() + LEASE;
            // A renewal that fails otherwise is tried again: the lease outlives two of them.
            if let Ok(false) = self.app.store.run_renew(&self.thread, &self.id, until).await {
                return;
            }
        }
    }

    /// Asks for a person, in place of a reply.
    async fn hand_over(&mut self, reason: Reason, comment: Option<String>) -> Result<Ending, Error> {
        let (id, at) = (self.app.message_id(), self.app.now());
        let by = match &self.chatbot {
            Ok(Some(bot)) => author(bot),
            _ => Person { id: self.thread.chatbot_id.to_string(), name: None },
        };
        let text = if reason == Reason::Failure { APOLOGY } else { "" };
        let mut changed = None;
        let written = self.app.store.run_commit(&self.thread, &self.id, |thread| {
            let event = status::Event::Escalate { at, reason };
            changed = thread.change(event, by.clone(), text, comment.clone(), id.clone()).ok().flatten();
            let Some(changed) = &changed else { return Commit::new(thread) };
            Commit::new(changed.thread.clone()).message(changed.message.clone())
        });
        let Some((thread, _)) = written.await? else {
            self.lost().await?;
            return Ok(Ending::Lost);
        };
        self.thread = thread.clone();
        if let Some(mut changed) = changed {
            changed.thread = thread.clone();
            self.app.tell_change(&changed, &self.details).await;
        }
        Ok(Ending::HandedOver { thread: Box::new(thread) })
    }

    /// After the line was lost: the listeners are told, and a conversation that nobody points to any more is removed.
    async fn lost(&self) -> Result<(), Error> {
        let thread_id = self.thread.id.clone();
        let reason = "the line changed hands";
        let discarded = Event::MessageDiscarded { thread_id, run_id: self.id.clone(), reason };
        self.app.tell(&self.thread, &[discarded]).await;
        let Some(ours) = &self.thread.openai.conversation_id else { return Ok(()) };
        let now = self.app.store.thread_alone(&self.thread.tenant, &self.thread.id).await?;
        if now.is_none_or(|now| now.openai.conversation_id.as_ref() != Some(ours)) {
            self.app.remove(&Removal::of_conversation(&self.thread, ours.clone(), self.app.now())).await;
        }
        Ok(())
    }

    fn chatbot(&self) -> Result<&Chatbot, Trouble> {
        match &self.chatbot {
            Ok(Some(chatbot)) => Ok(chatbot),
            // Deleted: its threads go to people. Not read: better a person than silence.
            Ok(None) | Err(_) => Err(Trouble::HandOver { reason: Reason::Failure, comment: None }),
        }
    }

    async fn tools(&self, chatbot: &Chatbot, conversation: Option<&str>) -> Result<Vec<Value>, Error> {
        let mut tools = vec![escalate()];
        tools.extend(chatbot.character.tools.iter().map(|tool| {
            json!({
                "type": "function", "name": tool.name, "description": tool.description,
                "parameters": tool.parameters, "strict": tool.strict,
            })
        }));
        if conversation.is_some()
            && let Some(knowledge) = self.app.knowledge_of(chatbot).await?
        {
            tools.push(json!({ "type": "file_search", "vector_store_ids": [knowledge.vector_store_id] }));
        }
        Ok(tools)
    }

    /// A server without conversations has no vector stores either: there the documents go along, as far as they fit.
    async fn instructions(&self, chatbot: &Chatbot, conversation: Option<&str>) -> Result<String, Error> {
        let mut instructions = chatbot.character.instructions.clone();
        if conversation.is_none() && !chatbot.document_names.is_empty() {
            for document in self.app.store.documents_get(chatbot).await? {
                if instructions.len() + document.text.len() > history::BUDGET_BYTES {
                    break;
                }
                instructions += &format!("\n\n# {}\n\n{}", document.name, document.text);
            }
        }
        Ok(instructions)
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

/// A refusal in the model's own words is an answer; silence and filtered words are not.
fn spoken(outcome: Outcome, conversation: Option<&str>) -> Result<Spoken, Trouble> {
    let text = if outcome.text.trim().is_empty() { outcome.refusal.unwrap_or_default() } else { outcome.text };
    if text.trim().is_empty() || outcome.incomplete == Some(Incomplete::ContentFilter) {
        return Err(Trouble::HandOver { reason: Reason::Failure, comment: None });
    }
    let response_id = conversation.map(|_| outcome.response_id);
    Ok(Spoken { text, origin: Origin { conversation_id: conversation.map(str::to_owned), response_id } })
}

fn escalate() -> Value {
    json!({
        "type": "function",
        "name": ESCALATE,
        "description": "Hand the conversation to a human agent: when the customer asks for one, or when you cannot help.",
        "parameters": {
            "type": "object",
            "properties": {
                "reason": { "type": "string", "description": "Why, in one short sentence for the agent." },
            },
            "required": ["reason"],
            "additionalProperties": false,
        },
        "strict": true,
    })
}

/// The model's reason, as far as it can be read: at most 500 characters.
fn reason_of(call: &Call) -> Option<String> {
    let arguments: Value = serde_json::from_str(&call.arguments).ok()?;
    let reason: String = arguments.get("reason")?.as_str()?.chars().take(500).collect();
    Some(reason).filter(|reason| !reason.trim().is_empty())
}

/// Every call gets an output, or each later turn of its conversation fails.
fn unavailable(call: &Call) -> String {
    json!({ "error": format!("the function {} cannot be called here", call.name) }).to_string()
}
