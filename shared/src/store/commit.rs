//! Commits: every change of a thread's contents is a transaction over the thread as it was read. Only lease renewals,
//! tombstones and their postponements are written otherwise.

use std::{collections::HashMap, mem};

use aws_sdk_dynamodb::types::{AttributeValue::S, Update};

use super::{
    ClientRow, OutboxItem, Store,
    budget::{self, Change, Counting},
    key::{self, Key},
    row, usage,
    write::{Condition, Transacted, Transaction, token},
};
use crate::{
    Error,
    conflict::MAX_ATTEMPTS,
    domain::{
        At, Message, Note, RunId, Thread, ThreadMetadata,
        audit::AuditEntry,
        budget::{Budget, BudgetAccount, CountedUses, ReturnedUses},
        thread::Changed,
    },
};

/// All that is written with a thread, in one transaction.
#[derive(Clone, Debug)]
pub struct Commit {
    pub thread: Thread,
    pub messages: Vec<Message>,
    pub note: Option<Note>,
    pub client: Option<ClientRow>,
    pub metadata: Option<ThreadMetadata>,
    pub outbox: Vec<OutboxItem>,
    /// Adds the thread's unreported turns to the usage of the day, and gives back what it has counted ahead. Other
    /// commits do so when it is time.
    pub reports_usage: bool,
    pub audit: Option<AuditEntry>,
    /// Uses to be counted in the budgets of the thread's customer.
    pub counted: Option<CountedUses>,
}

impl Commit {
    pub fn new(thread: Thread) -> Self {
        Self {
            thread,
            messages: Vec::new(),
            note: None,
            client: None,
            metadata: None,
            outbox: Vec::new(),
            reports_usage: false,
            audit: None,
            counted: None,
        }
    }

    /// The commit of a change of owner: its thread, its log item, its note, and the outbox items that tell others.
    pub fn of_change(changed: &Changed, outbox: Vec<OutboxItem>) -> Self {
        Self {
            messages: vec![changed.message.clone()],
            note: changed.note.clone(),
            outbox,
            ..Self::new(changed.thread.clone())
        }
    }

    #[must_use]
    pub fn message(mut self, message: Message) -> Self {
        self.messages.push(message);
        self
    }
}

/// The outcome of a write over a thread as it was read.
#[derive(Debug)]
pub enum Committed {
    /// Written; the thread as it is now.
    Done(Box<Thread>),
    /// Somebody else wrote first, and nothing was written. Read again and decide again.
    Conflict,
    /// This `client_id` was written before, and nothing was written.
    Repeat(ClientRow),
    /// A budget of the customer has no room for what the commit counts, and nothing was written.
    OverBudget(Budget),
}

/// The outcome of a run's write.
#[derive(Debug)]
pub enum RunCommitted {
    /// Written; the thread as it is now, and the messages of the commit as they are in the log.
    Done(Box<Thread>, Vec<Message>),
    /// The run has lost the line, and nothing was written.
    Lost,
    /// As [`Committed::OverBudget`].
    OverBudget(Budget),
}

/// The writes that a commit must not run into.
#[derive(Clone, Copy, Debug)]
enum Fence<'a> {
    /// Every write: the thread is as it was read, the lease of its run included.
    AsRead,
    /// Every write but the run's own renewals.
    HeldBy(&'a RunId),
}

impl Store {
    /// Writes a commit over the thread as it was read, `before`.
    pub async fn thread_commit(&self, before: &Thread, commit: Commit) -> Result<Committed, Error> {
        self.commit(before, commit, Fence::AsRead).await
    }

    /// Writes a run's commit while the run holds the line: fenced by its id, its epoch and the version as read. Where
    /// other messages have arrived, `change` is called again with the newer thread. A run that goes on has its lease
    /// until `until`, so that a thread read before a renewal does not undo it.
    pub async fn run_commit(
        &self,
        before: &Thread,
        run: &RunId,
        until: At,
        mut change: impl FnMut(Thread) -> Commit,
    ) -> Result<RunCommitted, Error> {
        let mut before = before.clone();
        // Not `retry_on_conflict`: each attempt goes on from the thread that the one before has read.
        for _ in 0..MAX_ATTEMPTS {
            let mut commit = change(before.clone());
            if let Some(held) = commit.thread.run.as_mut().filter(|held| held.id == *run) {
                held.lease_until = until;
            }
            let messages = commit.messages.clone();
            match self.commit(&before, commit, Fence::HeldBy(run)).await? {
                Committed::Done(thread) => return Ok(RunCommitted::Done(thread, messages)),
                Committed::OverBudget(budget) => return Ok(RunCommitted::OverBudget(budget)),
                Committed::Repeat(_) => return Err(Error::internal("a run wrote a client id")),
                Committed::Conflict => {}
            }
            let Some(now) = self.thread_get_bare(&before.tenant, &before.id).await? else {
                return Ok(RunCommitted::Lost);
            };
            if let (Some(ours), Some(last)) = (messages.first(), &now.last_reply)
                && last.message_id == ours.id
            {
                // Our own reply landed; only the response to that write was lost.
                let logged = self.message_get(&now.tenant, &now.id, last.seq).await?;
                let logged = logged.unwrap_or_else(|| ours.clone());
                return Ok(RunCommitted::Done(Box::new(now), vec![logged]));
            }
            if !now.is_held_by(run) {
                return Ok(RunCommitted::Lost);
            }
            before = now;
        }
        Err(Error::Busy)
    }

    async fn commit(&self, before: &Thread, mut commit: Commit, fence: Fence<'_>) -> Result<Committed, Error> {
        if before.chatbot_id != commit.thread.chatbot_id {
            commit.thread.forget_shared_tokens();
        }
        // What is counted is of the same item, of which a transaction has one write.
        let (kept, is_counted) = (commit.thread.reservation.clone(), commit.counted.is_some());
        let returned = if is_counted { None } else { commit.thread.take_returned(commit.reports_usage) };
        if returned.is_some() {
            match Box::pin(self.commit_with(before, commit.clone(), returned, fence)).await {
                // The customer's counters may be what is busy: what goes back to them waits for the next commit.
                Err(Error::Busy) => commit.thread.reservation = kept,
                committed => return committed,
            }
        }
        Box::pin(self.commit_with(before, commit, None, fence)).await
    }

    /// Writes a commit, and what it gives back to the customer's counters.
    async fn commit_with(
        &self,
        before: &Thread,
        mut commit: Commit,
        returned: Option<ReturnedUses>,
        fence: Fence<'_>,
    ) -> Result<Committed, Error> {
        let (tenant, id) = (&before.tenant, &before.id);
        commit.thread.version = before.version + 1;
        let report = usage::report(before, &mut commit.thread, commit.reports_usage);
        let mut transaction = Transaction::default().put(
            &self.table,
            row::thread(&commit.thread, &self.timeouts)?,
            Some(fence.over(before)),
        )?;
        if let Some(client) = &commit.client {
            let key = key::client(tenant, id, &client.author, &client.client_id);
            transaction = transaction.put(&self.table, row::row(key, client)?, Some(Condition::absent()))?;
        }
        for message in &commit.messages {
            transaction = transaction.put(&self.table, row::message(tenant, message)?, Some(Condition::absent()))?;
        }
        if let Some(note) = &commit.note {
            let key = key::note(tenant, id, note.after, &note.id);
            transaction = transaction.put(&self.table, row::row(key, note)?, None)?;
        }
        if let Some(metadata) = &commit.metadata {
            transaction = transaction.put(&self.table, row::row(key::metadata(tenant, id), metadata)?, None)?;
        }
        for item in &commit.outbox {
            transaction = transaction.put(&self.table, item.row()?, None)?;
        }
        if let Some(report) = report {
            transaction = transaction.update(report.update(&self.table)?);
        }
        if let Some(returned) = returned {
            transaction = transaction.update(self.returned(before, &returned)?);
        }
        transaction = self.audited(transaction, tenant, commit.audit.as_ref())?;
        self.write(before, commit, transaction).await
    }

    /// Sends the transaction of a commit, with what it counts as its last item.
    async fn write(&self, before: &Thread, commit: Commit, mut transaction: Transaction) -> Result<Committed, Error> {
        let mut counting = match commit.counted.as_ref().map(Counting::of).transpose() {
            Ok(counting) => counting,
            Err(over) => return Ok(Committed::OverBudget(over)),
        };
        for _ in 0..budget::MAX_ATTEMPTS {
            let sent = match &counting {
                None => mem::take(&mut transaction),
                Some(counting) => {
                    let counters = customers_counters(before, counting.at());
                    transaction.clone().update(counting.change().update(&self.table, counters)?)
                }
            };
            match self.transact(sent, &token()).await {
                Ok(Transacted::Done) => return Ok(Committed::Done(Box::new(commit.thread))),
                Ok(Transacted::Refused(mut reasons)) => {
                    let counters = counting.as_ref().and_then(|_| reasons.pop().flatten());
                    if commit.client.is_some()
                        && let Some(Some(earlier)) = reasons.get_mut(1).map(Option::take)
                    {
                        return Ok(Committed::Repeat(row::read(earlier)?));
                    }
                    if reasons.iter().any(Option::is_some) {
                        return Ok(Committed::Conflict);
                    }
                    let (Some(counting), Some(counters)) = (&mut counting, counters) else {
                        return Ok(Committed::Conflict);
                    };
                    if let Some(over) = counting.refused(&counters) {
                        return Ok(Committed::OverBudget(over));
                    }
                }
                Err(Error::Busy) if self.landed(before, &commit).await? => {
                    return Ok(Committed::Done(Box::new(commit.thread)));
                }
                Err(error) => return Err(error),
            }
        }
        Err(Error::Busy)
    }

    /// The update that gives uses back to the account of the thread's customer.
    pub(super) fn returned(&self, thread: &Thread, returned: &ReturnedUses) -> Result<Update, Error> {
        Change::of_returned(returned).update(&self.table, customers_counters(thread, returned.at))
    }

    /// True where a commit of unknown outcome was written: its first message is in the log.
    async fn landed(&self, before: &Thread, commit: &Commit) -> Result<bool, Error> {
        let Some(ours) = commit.messages.first() else { return Ok(false) };
        let there = self.message_get(&before.tenant, &before.id, ours.seq).await?;
        Ok(there.is_some_and(|there| there.id == ours.id))
    }
}

impl Fence<'_> {
    fn over(self, before: &Thread) -> Condition {
        let mut expression = "#version = :version".to_owned();
        let mut names = HashMap::from([("#version".to_owned(), "version".to_owned())]);
        let mut values = HashMap::from([(":version".to_owned(), row::number(before.version))]);
        match (self, &before.run) {
            (Fence::HeldBy(run), _) => {
                expression += " AND #run.#id = :run AND #epoch = :epoch";
                names.extend([("#run", "run"), ("#id", "id"), ("#epoch", "epoch")].map(owned));
                values.insert(":run".into(), S(run.to_string()));
                values.insert(":epoch".into(), row::number(before.epoch));
            }
            (Fence::AsRead, Some(run)) => {
                expression += " AND #run.#lease = :lease";
                names.extend([("#run", "run"), ("#lease", "lease_until")].map(owned));
                values.insert(":lease".into(), S(run.lease_until.to_string()));
            }
            (Fence::AsRead, None) => {}
        }
        Condition { expression, names, values }
    }
}

/// The counters of the thread's customer on the day of `at`.
fn customers_counters(thread: &Thread, at: At) -> Key {
    key::budget(&thread.tenant, &BudgetAccount::Customer(thread.customer_id.clone()), at)
}

fn owned((name, value): (&str, &str)) -> (String, String) {
    (name.to_owned(), value.to_owned())
}
