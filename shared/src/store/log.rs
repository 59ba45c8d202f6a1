//! The log of a thread: its messages by `seq`, and the notes beside them.

use std::collections::HashMap;

use super::{
    ClientRow, Store,
    commit::{Committed, token},
    key,
    read::{Query, SortKey},
    row::{self, text},
    write::{Condition, Transacted, Transaction},
};
use crate::{
    Error,
    domain::{Message, MessageId, Note, Thread, ThreadId, message::Role},
};

/// The log entries that are searched for the last message of a person or the bot: an escalation, a claim and the end
/// may follow it.
const MAX_ENTRIES_SEARCHED: u64 = 4;

/// A page of the log, oldest first, with the notes within it.
#[derive(Clone, Debug, Default)]
pub struct LogPage {
    pub messages: Vec<Message>,
    pub notes: Vec<Note>,
    /// True where the log goes on in the direction of reading.
    pub more: bool,
}

impl Store {
    /// At most `limit` messages after `after`, read consistently.
    pub async fn log_after(&self, tenant: &str, id: &ThreadId, after: u64, limit: usize) -> Result<LogPage, Error> {
        // Without the message `after` itself, but with the notes that come after it.
        self.log_page(tenant, id, (key::after_message(after), key::LOG_END.into()), true, limit).await
    }

    /// At most `limit` messages before `before`; the newest where that is `None`.
    pub async fn log_before(
        &self,
        tenant: &str,
        id: &ThreadId,
        before: Option<u64>,
        limit: usize,
    ) -> Result<LogPage, Error> {
        let to = before.map_or(key::LOG_END.into(), |seq| key::message(tenant, id, seq).sk);
        let mut page = self.log_page(tenant, id, (key::LOG.into(), to.clone()), false, limit).await?;
        page.messages.retain(|message| before.is_none_or(|seq| message.seq < seq));
        page.messages.reverse();
        page.notes.reverse();
        Ok(page)
    }

    pub async fn message_get(&self, tenant: &str, id: &ThreadId, seq: u64) -> Result<Option<Message>, Error> {
        let found = self.get(key::message(tenant, id, seq)).await?;
        found.map(row::read_message).transpose()
    }

    /// The last message of a person or the bot in each of these threads, without threads whose last
    /// [`MAX_ENTRIES_SEARCHED`] entries are all changes of owner. Read eventually consistently.
    pub async fn last_messages(&self, threads: &[&Thread]) -> Result<HashMap<ThreadId, Message>, Error> {
        let entries = |thread: &&Thread| {
            let (tenant, id, seq) = (thread.tenant.clone(), thread.id.clone(), thread.seq);
            (seq.saturating_sub(MAX_ENTRIES_SEARCHED)..seq).map(move |before| key::message(&tenant, &id, before + 1))
        };
        let mut last: HashMap<ThreadId, Message> = HashMap::new();
        for item in self.get_all(threads.iter().flat_map(entries).collect(), false).await? {
            let message = row::read_message(item)?;
            let newer = |known: &Message| known.seq < message.seq;
            if message.role != Role::System && last.get(&message.thread_id).is_none_or(newer) {
                last.insert(message.thread_id.clone(), message);
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

    async fn log_page(
        &self,
        tenant: &str,
        id: &ThreadId,
        (from, to): (String, String),
        forward: bool,
        limit: usize,
    ) -> Result<LogPage, Error> {
        let mut page = LogPage::default();
        let mut start = None;
        loop {
            let query = Query {
                partition: key::thread_partition(tenant, id),
                sort: Some(SortKey::Between(from.clone(), to.clone())),
                newest_first: !forward,
                limit: Some(limit + 1 - page.messages.len()),
                start,
                ..Query::default()
            };
            let found = self.query(query).await?;
            for item in found.items {
                let sk = text(&item, "sk");
                if sk == to {
                    continue;
                }
                if key::is_note(sk) {
                    let note: Note = row::read(item)?;
                    // Backwards, a note is read before its message: one before the page's oldest belongs to the next
                    // page.
                    if forward || page.messages.len() < limit || note.after == 0 {
                        page.notes.push(note);
                    }
                } else if page.messages.len() == limit {
                    page.more = true;
                    // Forwards, the next page begins with the notes after this page's newest message.
                    let newest = page.messages.last().map_or(0, |message| message.seq);
                    page.notes.retain(|note| !forward || note.after < newest);
                    return Ok(page);
                } else {
                    page.messages.push(row::read_message(item)?);
                }
            }
            start = found.next;
            if start.is_none() {
                return Ok(page);
            }
        }
    }
}
