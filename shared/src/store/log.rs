//! The log of a thread: its messages by `seq`, and the notes beside them.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::{
    ClientRow, Store,
    commit::Committed,
    key,
    read::{Query, SortKey},
    row::{self, text},
    write::{Condition, Transacted, Transaction, token},
};
use crate::{
    Error,
    domain::{Message, MessageId, Note, Thread, ThreadId, message::Role},
    weight::{MAX_PAGE_BYTES, response_bytes},
};

/// The log entries that are searched for the last message of a person or the bot: an escalation, a claim and the end
/// may follow it.
const MAX_ENTRIES_SEARCHED: u64 = 4;

/// A place in the log, and the direction of reading from it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum LogPlace {
    After(u64),
    Before(u64),
    /// Within the notes after the message of this `seq`: a page was full there.
    AfterNote(u64, MessageId),
    BeforeNote(u64, MessageId),
}

/// A page of the log, oldest first, with the notes within it. It ends where a response would grow too large.
#[derive(Clone, Debug, Default)]
pub struct LogPage {
    pub messages: Vec<Message>,
    pub notes: Vec<Note>,
    /// True where the log goes on in the direction of reading.
    pub more: bool,
    /// The place of the next page, if there is more.
    pub next: Option<LogPlace>,
}

/// The last messages of a thread.
#[derive(Default)]
pub struct LastMessages {
    /// Of a person or the bot; `None` where all of the last [`MAX_ENTRIES_SEARCHED`] entries are changes of owner, and
    /// the customer has written nothing.
    pub of_anyone: Option<Message>,
    pub of_customer: Option<Message>,
}

impl Store {
    /// At most `limit` messages after `after`, read consistently, without notes.
    pub async fn log_after(&self, tenant: &str, id: &ThreadId, after: u64, limit: usize) -> Result<LogPage, Error> {
        self.log_page(tenant, id, &LogPlace::After(after), limit, false).await
    }

    pub async fn message_get(&self, tenant: &str, id: &ThreadId, seq: u64) -> Result<Option<Message>, Error> {
        let found = self.get(key::message(tenant, id, seq)).await?;
        found.map(row::read_message).transpose()
    }

    /// The last messages of each of these threads. Read eventually consistently.
    pub async fn last_messages(&self, threads: &[&Thread]) -> Result<HashMap<ThreadId, LastMessages>, Error> {
        let entries = |thread: &&Thread| {
            let (tenant, id, seq, asked) = (thread.tenant.clone(), thread.id.clone(), thread.seq, thread.asked_through);
            let newest = seq.saturating_sub(MAX_ENTRIES_SEARCHED) + 1;
            // No key may be asked for twice.
            let customers = (asked > 0 && asked < newest).then_some(asked);
            customers.into_iter().chain(newest..=seq).map(move |seq| key::message(&tenant, &id, seq))
        };
        let mut last: HashMap<ThreadId, LastMessages> = HashMap::new();
        for item in self.get_all(threads.iter().flat_map(entries).collect(), false).await? {
            let message = row::read_message(item)?;
            let known = last.entry(message.thread_id.clone()).or_default();
            let is_newer = |known: &Option<Message>| known.as_ref().is_none_or(|known| known.seq < message.seq);
            if message.role == Role::Customer && is_newer(&known.of_customer) {
                known.of_customer = Some(message.clone());
            }
            if message.role != Role::System && is_newer(&known.of_anyone) {
                known.of_anyone = Some(message);
            }
        }
        Ok(last)
    }

    pub async fn note_get(
        &self,
        tenant: &str,
        id: &ThreadId,
        after: u64,
        note: &MessageId,
    ) -> Result<Option<Note>, Error> {
        let found = self.get(key::note(tenant, id, after, note)).await?;
        found.map(row::read).transpose()
    }

    /// The first bot message that answers the customer's message at `seq`.
    pub async fn reply_to(&self, tenant: &str, id: &ThreadId, seq: u64) -> Result<Option<Message>, Error> {
        let mut after = seq;
        loop {
            let page = self.log_after(tenant, id, after, 50).await?;
            let answers = |message: &Message| message.answers.is_some_and(|answers| answers.cover(seq));
            if let Some(found) = page.messages.iter().find(|message| answers(message)) {
                return Ok(Some(found.clone()));
            }
            match page.messages.last() {
                Some(last) if page.more => after = last.seq,
                _ => return Ok(None),
            }
        }
    }

    /// Writes a note after the last message, on condition that the thread is as it was read.
    pub async fn note_put(&self, thread: &Thread, note: &Note, client: Option<&ClientRow>) -> Result<Committed, Error> {
        let (tenant, id) = (&thread.tenant, &thread.id);
        let unchanged = Condition::at_version(thread.version);
        let mut transaction = Transaction::default().check(&self.table, key::thread(tenant, id), unchanged)?;
        if let Some(client) = client {
            let key = key::client(tenant, id, &client.author, &client.client_id);
            transaction = transaction.put(&self.table, row::row(key, client)?, Some(Condition::absent()))?;
        }
        let key = key::note(tenant, id, note.after, &note.id);
        transaction = transaction.put(&self.table, row::row(key, note)?, None)?;
        match self.transact(transaction, &token()).await? {
            Transacted::Done => Ok(Committed::Done(Box::new(thread.clone()))),
            Transacted::Refused(mut reasons) => match reasons.get_mut(1).and_then(Option::take) {
                Some(earlier) if client.is_some() => Ok(Committed::Repeat(row::read(earlier)?)),
                _ => Ok(Committed::Conflict),
            },
        }
    }

    /// A page of at most `limit` messages from a place, read consistently; with their notes if `has_notes`.
    pub async fn log_page(
        &self,
        tenant: &str,
        id: &ThreadId,
        place: &LogPlace,
        limit: usize,
        has_notes: bool,
    ) -> Result<LogPage, Error> {
        let (from, to) = place.sort_keys(tenant, id);
        let mut reading = Reading { forward: place.is_forward(), limit, page: LogPage::default(), bytes: 0 };
        let mut start = None;
        loop {
            let query = Query {
                partition: key::thread_partition(tenant, id),
                sort: Some(SortKey::Between(from.clone(), to.clone())),
                newest_first: !reading.forward,
                limit: Some(limit + 1 - reading.page.messages.len()),
                start,
                ..Query::default()
            };
            let found = self.query(query).await?;
            for item in found.items {
                let sk = text(&item, "sk");
                if [&from, &to].contains(&&sk.to_owned()) || key::is_note(sk) && !has_notes {
                    continue;
                }
                let entry = if key::is_note(sk) {
                    Entry::Note(row::read(item)?)
                } else {
                    Entry::Message(Box::new(row::read_message(item)?))
                };
                if !reading.take(entry) {
                    return Ok(reading.finish());
                }
            }
            start = found.next;
            if start.is_none() {
                return Ok(reading.finish());
            }
        }
    }
}

impl LogPlace {
    /// Before everything that is not yet there: the newest page.
    pub const END: Self = Self::Before(u64::MAX);

    const fn is_forward(&self) -> bool {
        matches!(self, Self::After(_) | Self::AfterNote(..))
    }

    /// The sort keys that the rest of the log lies between. An item that has one of them is not part of it.
    fn sort_keys(&self, tenant: &str, id: &ThreadId) -> (String, String) {
        let (start, end) = (key::LOG.to_owned(), key::LOG_END.to_owned());
        match self {
            // Without the message itself, but with the notes that come after it.
            Self::After(seq) => (key::after_message(*seq), end),
            Self::AfterNote(seq, note) => (key::note(tenant, id, *seq, note).sk, end),
            Self::Before(u64::MAX) => (start, end),
            Self::Before(seq) => (start, key::message(tenant, id, *seq).sk),
            Self::BeforeNote(seq, note) => (start, key::note(tenant, id, *seq, note).sk),
        }
    }
}

enum Entry {
    Message(Box<Message>),
    Note(Note),
}

/// A page as far as it was read, in the direction of reading.
struct Reading {
    forward: bool,
    limit: usize,
    page: LogPage,
    bytes: usize,
}

impl Reading {
    /// Adds an entry. Returns `false` if the page is full without it.
    fn take(&mut self, entry: Entry) -> bool {
        let is_full = self.page.messages.len() == self.limit;
        match &entry {
            Entry::Message(_) if is_full => {
                self.page.more = true;
                if self.forward {
                    // The next page begins with the notes after this page's newest message.
                    let newest = self.page.messages.last().map_or(0, |message| message.seq);
                    self.page.notes.retain(|note| note.after < newest);
                }
                self.page.next = self.page.messages.last().map(|last| self.beyond_message(last.seq));
                return false;
            }
            // Backwards, a note is read before its message: one before the page's oldest belongs to the next page.
            Entry::Note(note) if is_full && !self.forward && note.after > 0 => return true,
            _ => {}
        }
        let (bytes, next) = match &entry {
            Entry::Message(message) => (response_bytes(message), self.beyond_message(message.seq)),
            Entry::Note(note) => (response_bytes(note), self.beyond_note(note)),
        };
        self.bytes += bytes;
        if self.bytes > MAX_PAGE_BYTES && self.page.next.is_some() {
            self.page.more = true;
            return false;
        }
        self.page.next = Some(next);
        match entry {
            Entry::Message(message) => self.page.messages.push(*message),
            Entry::Note(note) => self.page.notes.push(note),
        }
        true
    }

    const fn beyond_message(&self, seq: u64) -> LogPlace {
        if self.forward { LogPlace::After(seq) } else { LogPlace::Before(seq) }
    }

    fn beyond_note(&self, note: &Note) -> LogPlace {
        let (after, id) = (note.after, note.id.clone());
        if self.forward { LogPlace::AfterNote(after, id) } else { LogPlace::BeforeNote(after, id) }
    }

    fn finish(mut self) -> LogPage {
        if !self.forward {
            self.page.messages.reverse();
            self.page.notes.reverse();
        }
        self.page.next.take_if(|_| !self.page.more);
        self.page
    }
}
