//! Verification of a thread against its log: the invariants that hold whatever has happened to the thread.
//!
//! The log is replayed with the same [`Status::on`] that wrote it, and nothing else is trusted. Tests verify every
//! thread at their end. Verification only reads, so an operator can run it on live data (`switchboard verify`).

use std::{collections::HashSet, fmt, mem, time::Duration};

use crate::{
    Error,
    domain::{
        At, Message, Status, Thread, ThreadId,
        message::{Change, Role},
        status::Event,
        thread::LEASE,
    },
    store::Store,
};

/// Time that a customer's message may wait after its run's lease: the sweep runs every minute and may miss once.
const TWO_SWEEPS: Duration = Duration::from_mins(2);

/// Attempts at reading a thread that changes while it is read.
const MAX_READ_ATTEMPTS: usize = 10;

/// A violated invariant. Only the first one in a thread is reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The message's `seq`; `None` if the violation is in the thread's own item.
    pub seq: Option<u64>,
    pub what: String,
}

/// The result of verifying a thread.
#[derive(Clone, Debug)]
pub struct Report {
    pub thread: ThreadId,
    /// The number of messages in its log.
    pub messages: usize,
    pub violation: Option<Violation>,
}

/// Checks a thread against its whole log. Both must be from the same moment.
pub fn verify(thread: &Thread, log: &[Message]) -> Result<(), Violation> {
    let mut replay = Replay::of(thread);
    for message in log {
        replay.apply(message).map_err(|what| Violation { seq: Some(message.seq), what })?;
    }
    replay.compare(thread).map_err(|what| Violation { seq: None, what })
}

/// Checks that no customer has waited for the bot longer than a dead run can cause: a lease and two sweeps.
pub fn verify_answered(thread: &Thread, now: At) -> Result<(), Violation> {
    let held_until = thread.run.as_ref().map_or(thread.status.since(), |run| run.lease_until);
    if !thread.awaits_bot() || now <= held_until + LEASE + TWO_SWEEPS {
        return Ok(());
    }
    Err(Violation { seq: Some(thread.asked_through), what: format!("unanswered since {held_until}") })
}

impl Store {
    /// Reads a thread with its log and verifies them. `None` if there is no such thread.
    pub async fn thread_verify(&self, tenant: &str, id: &ThreadId, now: At) -> Result<Option<Report>, Error> {
        for _ in 0..MAX_READ_ATTEMPTS {
            let Some(thread) = self.thread_get_bare(tenant, id).await? else { return Ok(None) };
            let log = self.log_whole(tenant, id).await?;
            let same = |after: &Thread| after.version == thread.version;
            if !self.thread_get_bare(tenant, id).await?.as_ref().is_some_and(same) {
                continue;
            }
            let violation = verify(&thread, &log).and_then(|()| verify_answered(&thread, now)).err();
            return Ok(Some(Report { thread: id.clone(), messages: log.len(), violation }));
        }
        Err(Error::Busy)
    }

    async fn log_whole(&self, tenant: &str, id: &ThreadId) -> Result<Vec<Message>, Error> {
        let mut log: Vec<Message> = Vec::new();
        loop {
            let page = self.log_after(tenant, id, log.last().map_or(0, |last| last.seq), 200).await?;
            log.extend(page.messages);
            if !page.more {
                return Ok(log);
            }
        }
    }
}

/// The state of a thread according to its log.
struct Replay<'a> {
    thread: &'a ThreadId,
    status: Status,
    epoch: u64,
    seq: u64,
    asked_through: u64,
    answered_through: u64,
    /// The `seq` of the last bot message that answers something; 0 if there is none.
    last_reply: u64,
    /// The message before was one of the bot that answers nothing and is no greeting: its words of hand-over, written
    /// in one transaction with the escalation that must follow.
    hands_over: bool,
    ids: HashSet<&'a str>,
    client_ids: HashSet<(&'a str, &'a str)>,
}

impl<'a> Replay<'a> {
    fn of(thread: &'a Thread) -> Self {
        Self {
            thread: &thread.id,
            status: Status::Bot { since: thread.created_at },
            epoch: 1,
            seq: 0,
            asked_through: 0,
            answered_through: 0,
            last_reply: 0,
            hands_over: false,
            ids: HashSet::new(),
            client_ids: HashSet::new(),
        }
    }

    fn apply(&mut self, message: &'a Message) -> Result<(), String> {
        self.seq += 1;
        require(message.seq == self.seq, || format!("expected seq {}", self.seq))?;
        require(message.thread_id == *self.thread, || "belongs to another thread".into())?;
        require(self.ids.insert(message.id.as_str()), || format!("duplicate message id {}", message.id))?;
        if let Some(client_id) = &message.client_id {
            let first = self.client_ids.insert((&message.author.id, client_id));
            require(first, || format!("duplicate client_id {client_id} of {}", message.author.id))?;
        }
        let has_ended = matches!(self.status, Status::Ended { .. });
        require(!has_ended, || "follows the end of the thread".into())?;
        require(message.event.is_some() == (message.role == Role::System), || {
            "system messages, and only they, must have an event".into()
        })?;
        let escalates = matches!(message.event, Some(Change::Escalated { .. }));
        require(!mem::take(&mut self.hands_over) || escalates, || {
            "follows words of hand-over, and is no escalation".into()
        })?;
        match message.role {
            Role::Customer => self.asked_through = message.seq,
            Role::Bot => self.reply(message)?,
            Role::Agent => {
                let holds = matches!(self.status, Status::Agent { .. });
                require(holds, || format!("agent message while the status is {}", self.status.word()))?;
                self.answered_through = message.seq;
            }
            Role::System => self.change(message)?,
        }
        Ok(())
    }

    fn reply(&mut self, message: &Message) -> Result<(), String> {
        let Status::Bot { .. } = self.status else {
            return Err(format!("bot message while the status is {}", self.status.word()));
        };
        let Some(answers) = message.answers else {
            self.hands_over = message.seq > 1;
            return Ok(());
        };
        let (from, through) = (answers.from, answers.through);
        let expected = self.answered_through + 1;
        require(from == expected, || format!("answers from {from}, expected from {expected}"))?;
        require(from <= through && through <= self.asked_through, || {
            let last = self.asked_through;
            format!("answers {from} through {through}, but the customer's last message is {last}")
        })?;
        (self.answered_through, self.last_reply) = (through, message.seq);
        Ok(())
    }

    fn change(&mut self, message: &Message) -> Result<(), String> {
        let (at, author) = (message.at, message.author.clone());
        let event = match message.event.clone().ok_or("system message without an event")? {
            Change::Escalated { reason, .. } => Event::Escalate { at, reason, comment: None },
            // The right to claim from an agent was checked at the claim. The log does not record roles.
            Change::Claimed { agent } => Event::Claim { at, agent, admin: true },
            Change::Released { to } => Event::Release { at, to },
            Change::TimedOut { to } => Event::TimeOut { at, to },
            Change::Ended => Event::End { at, by: author },
        };
        let after = self.status.clone().on(event).map_err(|refusal| refusal.to_string())?;
        require(after != self.status, || "the event does not change the status".into())?;
        self.status = after;
        self.epoch += 1;
        if matches!(self.status, Status::Ended { .. }) {
            self.answered_through = message.seq;
        }
        Ok(())
    }

    fn compare(&self, thread: &Thread) -> Result<(), String> {
        require(!self.hands_over, || "words of hand-over without an escalation".into())?;
        let same = |field: &str, log: u64, thread: u64| {
            require(log == thread, || format!("{field} is {thread}, but {log} according to the log"))
        };
        same("seq", self.seq, thread.seq)?;
        same("epoch", self.epoch, thread.epoch)?;
        same("asked_through", self.asked_through, thread.asked_through)?;
        same("answered_through", self.answered_through, thread.answered_through)?;
        same("last_reply", self.last_reply, thread.last_reply.as_ref().map_or(0, |reply| reply.seq))?;
        require(self.status == thread.status, || {
            format!("status is {}, but {} according to the log", thread.status.word(), self.status.word())
        })?;
        require(thread.openai.synced_through <= thread.seq, || {
            "openai.synced_through is beyond the end of the log".into()
        })?;
        if let Some(run) = &thread.run {
            require(run.epoch == thread.epoch, || format!("{} belongs to an earlier epoch", run.id))?;
            require(matches!(thread.status, Status::Bot { .. }), || {
                format!("{} is active while the status is {}", run.id, thread.status.word())
            })?;
        }
        Ok(())
    }
}

fn require(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise()) }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.seq {
            Some(seq) => write!(f, "message {seq}: {}", self.what),
            None => write!(f, "thread item: {}", self.what),
        }
    }
}
