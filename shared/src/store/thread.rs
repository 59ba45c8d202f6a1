//! Threads: create, read, list, delete.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue::{Bool, S};
use futures::future::try_join_all;

use super::{
    Cleanup, Created, Creation, OutboxItem, Store,
    commit::Commit,
    cursor::Cursor,
    key,
    read::Query,
    row::{self, Item, text},
    usage,
    write::{Condition, Transacted, Transaction, token},
};
use crate::{
    Error,
    domain::{At, Message, Status, Thread, ThreadId, ThreadMetadata, audit::AuditEntry},
    store::Committed,
};

/// The threads that one page of a list examines at most, unless its limit is larger. Each is an index entry, an item
/// and its metadata: 198 items.
const MAX_EXAMINED_THREADS: usize = 66;

/// A page of threads, and the cursor of the next page.
pub struct ThreadPage {
    pub threads: Vec<(Thread, ThreadMetadata)>,
    pub next: Option<Cursor>,
}

/// A thread of a customer, or the tombstone of one.
pub struct CustomerThread {
    pub thread: Thread,
    pub is_tombstone: bool,
}

impl Store {
    /// Writes a new thread, its metadata and its greeting, under the creation's idempotency key if it has one.
    pub async fn thread_create(
        &self,
        thread: &Thread,
        metadata: &ThreadMetadata,
        greeting: Option<&Message>,
        creation: &Creation,
    ) -> Result<Created, Error> {
        let mut transaction = creation.guard(&self.table)?;
        transaction = transaction
            .put(&self.table, row::thread(thread, &self.timeouts)?, Some(Condition::absent()))?
            .put(&self.table, row::row(key::metadata(&thread.tenant, &thread.id), metadata)?, None)?;
        if let Some(greeting) = greeting {
            transaction = transaction.put(&self.table, row::message(&thread.tenant, greeting)?, None)?;
        }
        if let Some(entry) = creation.entry_of_customer(thread)? {
            transaction = transaction.put(&self.table, entry, None)?;
        }
        self.create(transaction, creation).await
    }

    /// The thread and its metadata, in one consistent read. `None` also where only a tombstone is left.
    pub async fn thread_get(&self, tenant: &str, id: &ThreadId) -> Result<Option<(Thread, ThreadMetadata)>, Error> {
        pair(self.get_beginning(&key::thread_partition(tenant, id), key::THREAD).await?)
    }

    /// The thread without its metadata, read consistently.
    pub async fn thread_get_bare(&self, tenant: &str, id: &ThreadId) -> Result<Option<Thread>, Error> {
        let found = self.get(key::thread(tenant, id)).await?;
        found.filter(|item| !row::is_tombstone(item)).map(row::read).transpose()
    }

    /// A customer's threads, newest first; only those of `status` where it is given. A page may have fewer threads than
    /// `limit`, even none, and still a next one: it ends after [`MAX_EXAMINED_THREADS`].
    pub async fn thread_list_of_customer(
        &self,
        tenant: &str,
        customer: &str,
        status: Option<&str>,
        cursor: Option<Cursor>,
        limit: usize,
    ) -> Result<ThreadPage, Error> {
        let partition = key::by_customer(tenant, customer);
        let mut start = cursor.map(|cursor| cursor.within(&[""])).transpose()?;
        let (mut threads, mut examined) = (Vec::new(), 0);
        loop {
            // Threads of another status are left out, so that a page of `limit` index entries may hold few or none.
            let wanted = if status.is_some() { limit.max(MAX_EXAMINED_THREADS) } else { limit - threads.len() };
            let (entries, next) = self.index_page("customer", &partition, tenant, false, start, wanted).await?;
            examined += entries.len();
            let ids: Vec<_> = entries.iter().map(|entry| entry.id.clone()).collect();
            let mut read = self.threads_get(tenant, &ids).await?;
            // The index lags behind the table, where a visitor's thread may be a customer's by now.
            read.retain(|(thread, _)| thread.customer_id == customer);
            threads.extend(read.into_iter().filter(|(thread, _)| status.is_none_or(|s| thread.status.word() == s)));
            if threads.len() > limit {
                threads.truncate(limit);
                let last = threads.last().map(|(thread, _)| &thread.id);
                let next = entries.into_iter().find(|entry| Some(&entry.id) == last);
                return Ok(ThreadPage { threads, next });
            }
            if threads.len() == limit || next.is_none() || examined >= MAX_EXAMINED_THREADS {
                return Ok(ThreadPage { threads, next });
            }
            start = next;
        }
    }

    /// A tenant's threads of one status, or of all: queued ones by the longest wait, all others by the newest change.
    pub async fn thread_list_of_tenant(
        &self,
        tenant: &str,
        status: Option<&str>,
        cursor: Option<Cursor>,
        limit: usize,
    ) -> Result<ThreadPage, Error> {
        let mut left: Vec<&str> = Status::WORDS.into_iter().filter(|word| status.is_none_or(|s| s == *word)).collect();
        let cursor = cursor.map(|cursor| cursor.within(&left)).transpose()?;
        if let Some(begun) = &cursor {
            left = left.into_iter().skip_while(|word| *word != begun.part).collect();
        }
        left.reverse();
        let mut start = cursor.filter(|cursor| !cursor.sk.is_empty());
        let (mut threads, mut examined) = (Vec::new(), 0);
        while let Some(word) = left.last().copied() {
            let partition = key::by_status(tenant, word);
            let wanted = limit - threads.len();
            let (entries, next) =
                self.index_page("status", &partition, tenant, word == "queued", start.take(), wanted).await?;
            examined += entries.len();
            let ids: Vec<_> = entries.into_iter().map(|entry| entry.id).collect();
            let read = self.threads_get(tenant, &ids).await?;
            // The index lags behind the table; a thread that has changed is found under its new status.
            threads.extend(read.into_iter().filter(|(thread, _)| thread.status.word() == word));
            match next {
                Some(next) => start = Some(next.of_part(word)),
                None => _ = left.pop(),
            }
            if threads.len() >= limit || examined >= limit.max(MAX_EXAMINED_THREADS) {
                break;
            }
        }
        let next = start.or_else(|| left.last().map(|word| Cursor::start_of(word)));
        Ok(ThreadPage { threads, next })
    }

    /// Replaces the thread by a tombstone: it cannot be read or appended to any more. Its log stays until
    /// [`Store::thread_purge`]. `cleanup` deletes its conversation at OpenAI. `false` on a conflict.
    pub async fn thread_tombstone(
        &self,
        before: &Thread,
        cleanup: Option<Cleanup>,
        now: At,
        audit: Option<&AuditEntry>,
    ) -> Result<bool, Error> {
        // The sweep purges it, unless the caller does so at once.
        let transaction = self.audited(self.tombstone(before, cleanup, now)?, &before.tenant, audit)?;
        let done = self.transact(transaction, &token()).await?;
        Ok(matches!(done, Transacted::Done))
    }

    /// The transaction that replaces a thread, as it was read, by a tombstone, which the sweep purges at `due`.
    pub(super) fn tombstone(&self, before: &Thread, cleanup: Option<Cleanup>, due: At) -> Result<Transaction, Error> {
        let mut deleted = before.clone();
        deleted.openai.forget();
        let report = usage::report(before, &mut deleted, true);
        let returned = deleted.take_returned(true);
        let key = key::thread(&before.tenant, &before.id);
        let mut tombstone = row::row(key.clone(), &deleted)?;
        tombstone.insert("version".into(), row::number(before.version + 1));
        tombstone.insert("tombstone".into(), Bool(true));
        tombstone.remove("run");
        row::make_due(&mut tombstone, &key.pk, due);
        // An erasure of the customer finds it until it is purged.
        for (name, value) in key::customer_index(before) {
            tombstone.insert(name.to_owned(), S(value));
        }
        let unchanged = Condition::at_version(before.version);
        let mut transaction = Transaction::default().put(&self.table, tombstone, Some(unchanged))?;
        if let Some(cleanup) = cleanup {
            transaction = transaction.put(&self.table, OutboxItem::from(cleanup).row()?, None)?;
        }
        if let Some(returned) = returned {
            transaction = transaction.update(self.returned(before, &returned)?);
        }
        Ok(match report {
            Some(report) => transaction.update(report.update(&self.table)?),
            None => transaction,
        })
    }

    /// Deletes what is left of a deleted thread, but for its tombstone and the cleanups that it still waits for.
    pub async fn thread_purge_log(&self, tenant: &str, id: &ThreadId) -> Result<(), Error> {
        let mut keys = self.partition_keys(&key::thread_partition(tenant, id)).await?;
        keys.retain(|key| key.sk != key::THREAD && !key.sk.starts_with(key::CLEANUP));
        self.delete_all(keys).await
    }

    /// A page of a customer's threads and tombstones, each read consistently, newest first.
    pub async fn customer_threads_page(
        &self,
        tenant: &str,
        customer: &str,
        cursor: Option<Cursor>,
        limit: usize,
    ) -> Result<(Vec<CustomerThread>, Option<Cursor>), Error> {
        let partition = key::by_customer(tenant, customer);
        let (entries, next) = self.index_page("customer", &partition, tenant, false, cursor, limit).await?;
        let keys = entries.iter().map(|entry| key::thread(tenant, &entry.id)).collect();
        let items = self.get_all(keys, true).await?;
        let read = |item: Item| {
            let is_tombstone = row::is_tombstone(&item);
            Ok(CustomerThread { is_tombstone, thread: row::read(item)? })
        };
        let mut found = items.into_iter().map(read).collect::<Result<Vec<_>, Error>>()?;
        // The index lags behind the table, where a visitor's thread may be a customer's by now.
        found.retain(|found| found.thread.customer_id == customer);
        Ok((found, next))
    }

    /// Deletes all that is left of a thread, its tombstone last.
    pub async fn thread_purge(&self, tenant: &str, id: &ThreadId) -> Result<(), Error> {
        let partition = key::thread_partition(tenant, id);
        let keys = self.partition_keys(&partition).await?;
        let (last, first): (Vec<_>, Vec<_>) = keys.into_iter().partition(|key| key.sk == key::THREAD);
        self.delete_all(first).await?;
        self.delete_all(last).await
    }

    /// A page of an index: the position of each of its threads, and the cursor of the next page.
    async fn index_page(
        &self,
        index: &'static str,
        partition: &str,
        tenant: &str,
        oldest_first: bool,
        cursor: Option<Cursor>,
        limit: usize,
    ) -> Result<(Vec<Cursor>, Option<Cursor>), Error> {
        let (hash_key, range_key) = (format!("{index}_pk"), format!("{index}_sk"));
        let start = cursor.map(|cursor| {
            let mut item = key::thread(tenant, &cursor.id).attributes();
            item.insert(hash_key.clone(), S(partition.into()));
            item.insert(range_key.clone(), S(cursor.sk));
            item
        });
        let query = Query {
            index: Some(index),
            partition: partition.to_owned(),
            newest_first: !oldest_first,
            limit: Some(limit),
            start,
            ..Query::default()
        };
        let page = self.query(query).await?;
        let position =
            |item| Some(Cursor { part: String::new(), sk: text(item, &range_key).to_owned(), id: id_of(item)? });
        Ok((page.items.iter().filter_map(position).collect(), page.next.as_ref().and_then(position)))
    }

    /// The threads of these ids, in their order, with their metadata; without deleted ones.
    async fn threads_get(&self, tenant: &str, ids: &[ThreadId]) -> Result<Vec<(Thread, ThreadMetadata)>, Error> {
        let batches = ids.chunks(50).map(|ids| {
            let keys = ids.iter().flat_map(|id| [key::thread(tenant, id), key::metadata(tenant, id)]);
            self.get_all(keys.collect(), true)
        });
        let mut by_partition: HashMap<String, Vec<Item>> = HashMap::new();
        for item in try_join_all(batches).await?.into_iter().flatten() {
            by_partition.entry(text(&item, "pk").to_owned()).or_default().push(item);
        }
        let mut take = |id| by_partition.remove(&key::thread_partition(tenant, id));
        ids.iter().filter_map(|id| pair(take(id)?).transpose()).collect()
    }
}

fn id_of(item: &Item) -> Option<ThreadId> {
    text(item, "pk").rsplit('#').next()?.parse().ok()
}

/// The thread and its metadata, from their items in any order.
fn pair(items: Vec<Item>) -> Result<Option<(Thread, ThreadMetadata)>, Error> {
    let (mut thread, mut metadata) = (None, None);
    for item in items {
        match text(&item, "sk") {
            key::THREAD if !row::is_tombstone(&item) => thread = Some(row::read(item)?),
            key::THREAD => return Ok(None),
            _ => metadata = Some(row::read(item)?),
        }
    }
    Ok(thread.map(|thread| (thread, metadata.unwrap_or_default())))
}

impl Store {
    /// Writes a changed thread and its metadata.
    pub async fn thread_update(
        &self,
        before: &Thread,
        after: Thread,
        metadata: ThreadMetadata,
    ) -> Result<Committed, Error> {
        let mut commit = Commit::new(after);
        commit.metadata = Some(metadata);
        self.thread_commit(before, commit).await
    }
}
