//! A thread: its status, its log's length, its run, and its conversation at OpenAI.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use super::{
    At, ChatbotId, Identity, Message, MessageId, Note, Person, Reason, RunId, Status, ThreadId, ThreadMetadata, Usage,
    budget::{Reservation, ReservedTurn},
    message::{self, Answers, Change},
    status::Event,
    usage::{self, UnreportedTurns},
};
use crate::Error;

/// The length of a run's lease, unless it is renewed.
pub const LEASE: Duration = Duration::from_secs(30);

/// The text of the log item that hands a thread over because the bot failed.
const APOLOGY: &str = "Sorry, I cannot answer right now. A person will take over.";

/// The same because a budget is used up.
const BUDGET_USED_UP: &str = "I have answered as much as I may for now. A person will take over.";

/// The item of a thread that each turn reads and writes. Small, because each turn pays for it twice.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Thread {
    pub tenant: String,
    pub id: ThreadId,
    pub chatbot_id: ChatbotId,
    pub customer_id: String,
    /// The name in the customer's token, when they last wrote: its signature vouches for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer_name: Option<String>,
    pub status: Status,
    /// The number of owners so far. A change of owner raises it, and the table refuses every write of a run of an older
    /// epoch.
    pub epoch: u64,
    /// The `seq` of the last message in the log; 0 while there is none.
    pub seq: u64,
    /// The number of writes so far, without renewals of a lease.
    pub version: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<Run>,
    /// The last bot message. A run that finds its own here knows that its reply was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_reply: Option<LastReply>,
    /// The `seq` of the customer's last message; 0 while there is none.
    pub asked_through: u64,
    /// The `seq` of the last message that is answered, by the bot or by a person.
    pub answered_through: u64,
    /// The time of the first message that waits for an answer; meaningless while none does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_at: Option<At>,
    /// The `updated_at` of the thread when the sweep last found it in use instead of idle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stirred_at: Option<At>,
    /// The sweep has reported that the customer waits in the queue for long; about this wait it reports no more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_wait_told: bool,
    /// The time from which the customer waits for a person. Kept over changes of the agent, until one has answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting_since: Option<At>,
    pub openai: Conversation,
    /// The tokens of all bot messages.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "usage::in_table")]
    pub usage: Option<Usage>,
    /// The turns and hand-overs that are not in the tenant's usage of the day yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unreported: Option<UnreportedTurns>,
    /// Uses that the customer's account has counted for the thread, besides the turn of its run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reservation: Option<Reservation>,
    pub created_at: At,
    pub updated_at: At,
}

/// A run: the right to answer while its lease holds. A thread has at most one live run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    pub id: RunId,
    pub epoch: u64,
    pub lease_until: At,
    /// 1, plus one for each run that died before it.
    pub attempt: u32,
    /// Its turn, as the customer's account has counted it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turn: Option<ReservedTurn>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastReply {
    pub run_id: RunId,
    pub message_id: MessageId,
    pub seq: u64,
}

/// The conversation at OpenAI: a cache of the log, which may vanish and be rebuilt.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conversation {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation_id: Option<String>,
    /// The last `seq` that the conversation holds, as input or as its own output.
    pub synced_through: u64,
    /// True from the start of a run until the conversation holds its reply: until then it may hold anything.
    #[serde(rename = "dirty")]
    pub in_doubt: bool,
    /// The thread's title or metadata changed and has not been sent to OpenAI.
    #[serde(rename = "stale", default, skip_serializing_if = "std::ops::Not::not")]
    pub metadata_dirty: bool,
}

impl Conversation {
    /// Clears the reference to the conversation; `synced_through` is kept.
    pub fn forget(&mut self) {
        *self = Self { synced_through: self.synced_through, ..Self::default() };
    }
}

/// A thread as the API shows it.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Thread"))]
pub struct View {
    pub id: ThreadId,
    pub chatbot_id: ChatbotId,
    pub customer_id: String,
    /// The name in the customer's token. Absent where the token has none; a name in the metadata is what they say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer_name: Option<String>,
    pub title: Option<String>,
    pub metadata: BTreeMap<String, String>,
    #[cfg_attr(feature = "schema", schemars(extend("enum" = Status::WORDS)))]
    pub status: &'static str,
    pub status_since: At,
    /// The time from which the customer waits for a person, until one has answered: over transfers and absences too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting_since: Option<At>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<Person>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_by: Option<Person>,
    pub seq: u64,
    /// The number of messages that the caller has not read; absent in broadcasts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unread: Option<u64>,
    /// The tokens of all bot messages; absent in broadcasts, and for customers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    pub created_at: At,
    pub updated_at: At,
}

impl View {
    #[must_use]
    pub fn with_unread(self, unread: u64) -> Self {
        Self { unread: Some(unread), ..self }
    }

    #[must_use]
    pub fn with_usage(self, usage: Option<Usage>) -> Self {
        Self { usage, ..self }
    }
}

impl Thread {
    pub fn new(tenant: &str, id: ThreadId, chatbot_id: ChatbotId, customer_id: String, at: At) -> Self {
        Self {
            tenant: tenant.into(),
            id,
            chatbot_id,
            customer_id,
            customer_name: None,
            status: Status::Bot { since: at },
            epoch: 1,
            seq: 0,
            version: 1,
            run: None,
            last_reply: None,
            asked_through: 0,
            answered_through: 0,
            asked_at: None,
            stirred_at: None,
            is_wait_told: false,
            waiting_since: None,
            openai: Conversation::default(),
            usage: None,
            unreported: None,
            reservation: None,
            created_at: at,
            updated_at: at,
        }
    }

    pub fn view(&self, metadata: &ThreadMetadata) -> View {
        let (mut reason, mut agent, mut ended_by) = (None, None, None);
        match &self.status {
            Status::Bot { .. } => {}
            Status::Queued { reason: why, .. } => reason = Some(*why),
            Status::Agent { agent: who, .. } => agent = Some(who.clone()),
            Status::Ended { by, .. } => ended_by = Some(by.clone()),
        }
        View {
            id: self.id.clone(),
            chatbot_id: self.chatbot_id.clone(),
            customer_id: self.customer_id.clone(),
            customer_name: self.customer_name.clone(),
            title: metadata.title.clone(),
            metadata: metadata.metadata.clone(),
            status: self.status.word(),
            status_since: self.status.since(),
            waiting_since: self.waiting_since,
            reason,
            agent,
            ended_by,
            seq: self.seq,
            unread: None,
            usage: None,
            created_at: self.created_at,
            updated_at: self.updated_at,
        }
    }

    /// The number of messages after the caller's read marker. A customer, and the agent who holds the line, have also
    /// read everything before their own last message.
    pub fn unread(&self, identity: &Identity, read_through: u64) -> u64 {
        let said_through = match &self.status {
            _ if self.customer_id == identity.subject => self.asked_through,
            Status::Agent { agent, .. } if agent.id == identity.subject => self.answered_through,
            _ => 0,
        };
        self.seq.saturating_sub(read_through.max(said_through))
    }

    /// True while a run's lease holds.
    pub fn run_is_live(&self, now: At) -> bool {
        self.run.as_ref().is_some_and(|run| run.lease_until > now)
    }

    pub fn is_held_by(&self, run: &RunId) -> bool {
        self.run.as_ref().is_some_and(|held| held.id == *run && held.epoch == self.epoch)
    }

    /// True while a customer's message waits for the bot.
    pub fn awaits_bot(&self) -> bool {
        matches!(self.status, Status::Bot { .. }) && self.asked_through > self.answered_through
    }

    /// The time by which the thread stands in the list of its status: in the queue the beginning of the wait, which one
    /// from before there was [`waiting_since`](Self::waiting_since) does not have.
    pub fn listed_at(&self) -> At {
        let since = self.status.since();
        if matches!(self.status, Status::Queued { .. }) { self.waiting_since.unwrap_or(since) } else { since }
    }

    /// Appends `message` to the log.
    pub fn log(&mut self, message: &mut Message) {
        self.seq += 1;
        self.updated_at = message.at;
        message.seq = self.seq;
        match message.role {
            message::Role::Customer => {
                if self.asked_through <= self.answered_through {
                    self.asked_at = Some(message.at);
                }
                self.asked_through = self.seq;
            }
            message::Role::Agent => {
                self.answered_through = self.seq;
                self.waiting_since = None;
            }
            message::Role::Bot | message::Role::System => {}
        }
    }

    /// Takes the line for a new run. The conversation is in doubt from here on, until the reply is written.
    pub fn begin_run(&mut self, id: RunId, now: At) {
        let dead = self.run.take();
        let attempt = dead.as_ref().map_or(1, |dead| dead.attempt + 1);
        if let Some(dead) = &dead {
            self.keep_lost_turn(dead);
        }
        self.run = Some(Run { id, epoch: self.epoch, lease_until: now + LEASE, attempt, turn: None });
        self.openai.in_doubt = true;
    }

    /// Logs a message of the bot that answers nothing by itself: the words with which it hands over.
    pub fn say(&mut self, message: &mut Message) {
        self.log(message);
        if let Some(usage) = message.usage {
            *self.usage.get_or_insert_default() += usage;
        }
        self.unreported =
            Some(UnreportedTurns::with_turn(self.unreported, message.at, message.usage.unwrap_or_default()));
    }

    /// Logs the bot's reply, and ends the run unless the customer has written more.
    ///
    /// The model's input was the log through `input_through`, in which the customer's last message is the one at
    /// `asked_through`. A conversation that made the reply holds it, so it is not in doubt once the run has ended; one
    /// that did not, with local memory, stays in doubt.
    pub fn reply(&mut self, run: &RunId, message: &mut Message, input_through: u64, asked_through: u64) {
        message.answers = Some(Answers { from: self.answered_through + 1, through: asked_through });
        let caught_up = self.seq == input_through;
        self.say(message);
        self.answered_through = asked_through;
        self.last_reply = Some(LastReply { run_id: run.clone(), message_id: message.id.clone(), seq: message.seq });
        let spoken_in = message.origin.as_ref().and_then(|origin| origin.conversation_id.as_ref());
        let is_known_there = spoken_in == self.openai.conversation_id.as_ref();
        if is_known_there {
            self.openai.synced_through = if caught_up { message.seq } else { input_through };
        }
        if !self.awaits_bot() {
            self.run = None;
            self.openai.in_doubt = !is_known_there;
        }
    }

    /// The thread of a visitor who has signed in as this customer.
    ///
    /// Uses that the visitor's account has counted ahead for it stay counted there: they must not become room in the
    /// customer's.
    #[must_use]
    pub fn given_to(&self, customer: &Identity, at: At) -> Self {
        let mut thread = self.clone();
        thread.customer_id.clone_from(&customer.subject);
        thread.customer_name.clone_from(&customer.name);
        thread.updated_at = at;
        thread.reservation = None;
        if let Some(run) = &mut thread.run {
            run.turn = None;
        }
        thread
    }

    /// Changes the owner and logs the change. `None` where the event changes nothing: nothing is to be written or
    /// announced.
    ///
    /// The new epoch takes the line from a run in progress: the table refuses everything that it writes from now on.
    pub fn change(&self, event: Event, by: Person, id: MessageId) -> Result<Option<Changed>, Error> {
        let mut text = "";
        let (at, change) = match &event {
            Event::Escalate { at, reason, comment } => {
                text = match reason {
                    Reason::Failure => APOLOGY,
                    Reason::Budget => BUDGET_USED_UP,
                    Reason::Asked | Reason::Bot | Reason::Released | Reason::Absent => "",
                };
                (*at, Change::Escalated { reason: *reason, comment: comment.clone() })
            }
            Event::Claim { at, agent, .. } => (*at, Change::Claimed { agent: agent.clone() }),
            Event::Release { at, to } => (*at, Change::Released { to: *to }),
            Event::TimeOut { at, to } => (*at, Change::TimedOut { to: *to }),
            Event::End { at, .. } => (*at, Change::Ended),
        };
        let status = self.status.clone().on(event)?;
        if status == self.status {
            return Ok(None);
        }
        let mut thread = self.clone();
        thread.status = status;
        thread.epoch += 1;
        thread.is_wait_told = false;
        let lost = thread.run.take();
        if let Some(run) = &lost {
            thread.keep_lost_turn(run);
        }
        let discarded = lost.filter(|run| run.lease_until > at);
        let mut message = Message {
            id,
            client_id: None,
            thread_id: self.id.clone(),
            seq: 0,
            role: message::Role::System,
            author: by,
            text: text.into(),
            at,
            answers: None,
            event: Some(change),
            cut: None,
            sources: Vec::new(),
            usage: None,
            origin: None,
        };
        thread.log(&mut message);
        match thread.status {
            Status::Queued { since, .. } => {
                thread.unreported = Some(UnreportedTurns::with_hand_over(thread.unreported, at));
                thread.waiting_since.get_or_insert(since);
            }
            Status::Bot { .. } | Status::Ended { .. } => thread.waiting_since = None,
            Status::Agent { .. } => {
                // A thread from before there was this field has it from its first claim on.
                if let Status::Queued { since, .. } = self.status {
                    thread.waiting_since.get_or_insert(since);
                }
            }
        }
        if matches!(thread.status, Status::Ended { .. }) {
            thread.answered_through = thread.seq;
        }
        Ok(Some(Changed { thread, message, note: None, discarded, before: self.status.clone() }))
    }
}

/// A change of owner that is not written yet.
#[derive(Clone, Debug)]
pub struct Changed {
    pub thread: Thread,
    pub message: Message,
    /// A note for the next agent from the person who changed the owner.
    pub note: Option<Note>,
    /// The live run that lost the line by the change.
    pub discarded: Option<Run>,
    /// The status that it ends.
    pub before: Status,
}

impl Changed {
    /// A note beside the change, from the one who made it.
    pub fn note(&self, id: MessageId, text: String) -> Note {
        let Message { thread_id, seq, author, at, .. } = self.message.clone();
        Note { id, client_id: None, thread_id, after: seq, author, text, at }
    }
}
