//! What a thread must be, whatever has happened to it: the invariants of one voice, checked against its log.
//!
//! It replays the log by the same [`Status::on`] that made it, and trusts nothing else. Tests use it after everything they
//! do; an operator uses it on live data (`switchboard verify`), for it only reads.

use std::{collections::HashSet, fmt, time::Duration};

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

/// How long after its run's lease a customer's message may wait: the sweep comes each minute, and may miss once.
const TWO_SWEEPS: Duration = Duration::from_mins(2);

/// How often a thread that changes while it is read is read again.
const MAX_READINGS: usize = 10;

/// The first item that breaks an invariant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Its place in the log; `None` where the thread's own item is at fault.
    pub seq: Option<u64>,
    pub what: String,
}

/// A thread that was looked at.
#[derive(Clone, Debug)]
pub struct Report {
    pub thread: ThreadId,
    /// How many messages its log has.
    pub messages: usize,
    pub violation: Option<Violation>,
}

/// Checks a thread and the whole of its log, as both were at one moment.
pub fn verify(thread: &Thread, log: &[Message]) -> Result<(), Violation> {
    let mut replay = Replay::of(thread);
    for message in log {
        replay.take(message).map_err(|what| Violation { seq: Some(message.seq), what })?;
    }
    replay.agrees(thread).map_err(|what| Violation { seq: None, what })
}

/// Checks that nobody waits for the bot longer than a dead run may make them: a lease and two sweeps.
pub fn verify_answered(thread: &Thread, now: At) -> Result<(), Violation> {
    let held_until = thread.run.as_ref().map_or(thread.status.since(), |run| run.lease_until);
    if !thread.awaits_bot() || now <= held_until + LEASE + TWO_SWEEPS {
        return Ok(());
    }
    Err(Violation { seq: Some(thread.asked_through), what: format!("nobody has answered it since {held_until}") })
}

impl Store {
    /// Reads a thread with its log and checks both. `None`: there is no such thread.
    pub async fn thread_verify(&self, tenant: &str, id: &ThreadId, now: At) -> Result<Option<Report>, Error> {
        for _ in 0..MAX_READINGS {
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

/// A thread as its log alone tells it.
struct Replay<'a> {
    thread: &'a ThreadId,
    status: Status,
    epoch: u64,
    seq: u64,
    asked: u64,
    answered: u64,
    /// The last bot message that answers something.
    replied: u64,
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
            asked: 0,
            answered: 0,
            replied: 0,
            ids: HashSet::new(),
            client_ids: HashSet::new(),
        }
    }

    fn take(&mut self, message: &'a Message) -> Result<(), String> {
        self.seq += 1;
        require(message.seq == self.seq, || format!("the log goes on here with {}", self.seq))?;
        require(message.thread_id == *self.thread, || "it belongs to another thread".into())?;
        require(self.ids.insert(message.id.as_str()), || format!("{} is in the log twice", message.id))?;
        if let Some(client_id) = &message.client_id {
            let first = self.client_ids.insert((&message.author.id, client_id));
            require(first, || format!("client_id {client_id} of {} is in the log twice", message.author.id))?;
        }
        let has_ended = matches!(self.status, Status::Ended { .. });
        require(!has_ended, || "the thread had ended".into())?;
        require(message.event.is_some() == (message.role == Role::System), || {
            "a change of owner is a system message, and no other is".into()
        })?;
        match message.role {
            Role::Customer => self.asked = message.seq,
            Role::Bot => self.reply(message)?,
            Role::Agent => {
                let holds = matches!(self.status, Status::Agent { .. });
                require(holds, || format!("an agent speaks while the line is {}", self.status.word()))?;
                self.answered = message.seq;
            }
            Role::System => self.change(message)?,
        }
        Ok(())
    }

    fn reply(&mut self, message: &Message) -> Result<(), String> {
        let Status::Bot { .. } = self.status else {
            return Err(format!("the bot speaks while the line is {}", self.status.word()));
        };
        let Some(answers) = message.answers else {
            return require(message.seq == 1, || "the bot speaks unasked".into());
        };
        let (from, through) = (answers.from, answers.through);
        require(from == self.answered + 1, || {
            format!("it answers from {from}, and all through {} was answered", self.answered)
        })?;
        require(from <= through && through <= self.asked, || {
            format!("it answers {from} through {through}, and the customer's last message is {}", self.asked)
        })?;
        (self.answered, self.replied) = (through, message.seq);
        Ok(())
    }

    fn change(&mut self, message: &Message) -> Result<(), String> {
        let (at, author) = (message.at, message.author.clone());
        let event = match message.event.clone().ok_or("it has no event")? {
            Change::Escalated { reason, .. } => Event::Escalate { at, reason, comment: None },
            // Who may take the line from an agent was checked when it was taken; the log does not tell roles.
            Change::Claimed { agent } => Event::Claim { at, agent, admin: true },
            Change::Released { to } => Event::Release { at, to },
            Change::TimedOut { to } => Event::TimeOut { at, to },
            Change::Ended => Event::End { at, by: author },
        };
        let after = self.status.clone().on(event).map_err(|refusal| refusal.to_string())?;
        require(after != self.status, || "it changes nothing".into())?;
        self.status = after;
        self.epoch += 1;
        if matches!(self.status, Status::Ended { .. }) {
            self.answered = message.seq;
        }
        Ok(())
    }

    fn agrees(&self, thread: &Thread) -> Result<(), String> {
        let same = |what: &str, log: u64, thread: u64| {
            require(log == thread, || format!("{what} is {thread}, and by the log it is {log}"))
        };
        same("seq", self.seq, thread.seq)?;
        same("epoch", self.epoch, thread.epoch)?;
        same("asked_through", self.asked, thread.asked_through)?;
        same("answered_through", self.answered, thread.answered_through)?;
        same("last_reply", self.replied, thread.last_reply.as_ref().map_or(0, |reply| reply.seq))?;
        require(self.status == thread.status, || {
            format!("the line is {}, and by the log it is {}", thread.status.word(), self.status.word())
        })?;
        require(thread.openai.synced_through <= thread.seq, || "OpenAI knows more than there is".into())?;
        if let Some(run) = &thread.run {
            require(run.epoch == thread.epoch, || format!("{} outlived a change of owner", run.id))?;
            require(matches!(thread.status, Status::Bot { .. }), || {
                format!("{} runs while the line is {}", run.id, thread.status.word())
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
            None => write!(f, "the thread's item: {}", self.what),
        }
    }
}
