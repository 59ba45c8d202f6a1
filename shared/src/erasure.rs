//! Erasing a customer: threads, connections, and whatever else names them, here and at OpenAI.
//!
//! A request begins it and works as long as it may; the sweep goes on. Each look deletes what it finds, and no look
//! relies on what an earlier one has done, so a function that dies in the middle leaves the rest to the next.
//!
//! A request that was under way when the erasure began may still write: a thread that was being created, a read marker,
//! a subscription. It ends within 30 s, so [`SETTLES_AFTER`] the request a look finds all of it, and only such a look
//! finishes the erasure. Threads that the customer creates later are a new beginning, and stay.

use std::{slice, time::Duration};

use futures::{StreamExt, future::BoxFuture, stream};
use tokio::time::Instant;

use crate::{
    App, Error,
    domain::{Person, Status, Thread, ThreadId, ThreadMetadata, erasure::ErasedCounts},
    retry_on_conflict,
    sockets::Event,
    store::{Cleanup, PendingErasure},
};

/// The time after which no request from before the erasure is under way, and the index lists all that they wrote.
pub const SETTLES_AFTER: Duration = Duration::from_mins(1);

/// The shortest time between two looks of the sweep.
const LOOK_EVERY: Duration = Duration::from_mins(1);

const PAGE_SIZE: usize = 50;
const MAX_CONCURRENT_PURGES: usize = 8;

impl App {
    /// Looks at a customer's erasure once: deletes what there is, starting nothing after `until`, and finishes the
    /// erasure if nothing is left. Does nothing if there is none under way. Boxed, because the futures within are deep.
    pub fn erase<'a>(&'a self, tenant: &'a str, customer: &'a str, until: Instant) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(self.look(tenant, customer, until))
    }

    async fn look(&self, tenant: &str, customer: &str, until: Instant) -> Result<(), Error> {
        let Some(pending) = self.store.erasure_pending(tenant, customer).await? else { return Ok(()) };
        let is_settled = pending.requested_at + SETTLES_AFTER <= self.now();
        let look = Look { app: self, pending: &pending, is_settled, until };
        look.connections().await?;
        let is_left = look.threads().await?;
        look.records(is_settled && !is_left).await?;
        match (is_settled, is_left) {
            (false, _) => Ok(()),
            (true, true) => self.store.erasure_postpone(&pending, self.now() + LOOK_EVERY).await,
            (true, false) => self.store.erasure_finish(&pending, self.now()).await,
        }
    }
}

/// One look at an erasure.
struct Look<'a> {
    app: &'a App,
    pending: &'a PendingErasure,
    /// True if no request from before the erasure is under way any more.
    is_settled: bool,
    until: Instant,
}

impl Look<'_> {
    /// Deletes and closes the customer's connections.
    async fn connections(&self) -> Result<(), Error> {
        let PendingErasure { tenant, customer_id, requested_at, .. } = self.pending;
        let ids = self.app.store.connections_of_customer(tenant, customer_id, *requested_at).await?;
        for id in &ids {
            self.disconnect(id).await?;
        }
        Ok(())
    }

    async fn disconnect(&self, id: &str) -> Result<(), Error> {
        let PendingErasure { tenant, customer_id, .. } = self.pending;
        self.app.disconnect(tenant, customer_id, id).await?;
        self.count(ErasedCounts { connections: 1, ..ErasedCounts::default() }).await
    }

    /// Deletes the customer's threads. True if one is left: it waits for OpenAI, it failed, or the time is over.
    async fn threads(&self) -> Result<bool, Error> {
        let PendingErasure { tenant, customer_id, requested_at, .. } = self.pending;
        let (mut cursor, mut is_left, mut failed) = (None, false, None);
        loop {
            let page = self.app.store.customer_threads_page(tenant, customer_id, cursor, PAGE_SIZE).await?;
            let (mut threads, next) = page;
            threads.retain(|found| found.thread.created_at <= *requested_at);
            // One at a time: each counts in the same receipt.
            for found in threads.iter().filter(|found| !found.is_tombstone) {
                if Instant::now() >= self.until {
                    return Ok(true);
                }
                self.tombstone(&found.thread.id).await?;
            }
            let purges = stream::iter(threads.into_iter().map(|found| found.thread.id)).map(|id| self.purge(id));
            for purged in purges.buffer_unordered(MAX_CONCURRENT_PURGES).collect::<Vec<_>>().await {
                match purged {
                    Ok(is_gone) => is_left |= !is_gone,
                    // The others go on; the sweep reports it and looks again.
                    Err(error) => failed = Some(error),
                }
            }
            cursor = next;
            if cursor.is_none() {
                return failed.map_or(Ok(is_left), Err);
            }
        }
    }

    /// Replaces a thread by a tombstone, whoever holds its line, and tells the agents who see it.
    async fn tombstone(&self, id: &ThreadId) -> Result<(), Error> {
        let (app, tenant) = (self.app, &self.pending.tenant);
        let erased = retry_on_conflict(|| async {
            let Some(before) = app.store.thread_get_bare(tenant, id).await? else { return Ok(Some(None)) };
            let cleanup = Cleanup::of_thread(&before, app.now()).map(Cleanup::required);
            let counts = ErasedCounts {
                threads: 1,
                messages: before.seq,
                notes: app.store.note_count(tenant, id).await?,
                openai_objects: cleanup.is_some().into(),
                ..ErasedCounts::default()
            };
            // The tombstone stays as long as a late write may come.
            let due = (self.pending.requested_at + SETTLES_AFTER).max(app.now());
            let done = app.store.thread_erase(&before, cleanup, due, self.pending, &counts).await?;
            Ok(done.then_some(Some(before)))
        });
        if let Some(before) = erased.await? {
            self.announce(before).await?;
        }
        Ok(())
    }

    /// Broadcasts an ended thread without title and metadata, and closes sockets of the customer that have no entry of
    /// their own, because they are older than such entries.
    async fn announce(&self, mut thread: Thread) -> Result<(), Error> {
        thread.status = Status::Ended { since: self.app.now(), by: Person::system() };
        let gone = Event::thread(thread.view(&ThreadMetadata::default()));
        let listeners = self.app.broadcast(&thread, slice::from_ref(&gone)).await;
        self.app.broadcast_to_inbox(&thread.tenant, &gone).await;
        for listener in listeners.iter().filter(|it| it.is_of(&thread.customer_id) && !it.staff) {
            self.disconnect(&listener.connection).await?;
        }
        Ok(())
    }

    /// Deletes a tombstone's objects at OpenAI, then its log, which names them, and when no late write can come,
    /// itself. False if it is not gone yet.
    async fn purge(&self, id: ThreadId) -> Result<bool, Error> {
        if Instant::now() >= self.until {
            return Ok(false);
        }
        let (app, tenant) = (self.app, &self.pending.tenant);
        let now = app.now();
        let mut waits = false;
        for cleanup in app.store.cleanups_of_thread(tenant, &id).await? {
            // After the first look, the outbox tries again by its own schedule.
            let is_done = !self.is_settled && app.clean_up(&cleanup).await;
            // One from before the erasure would be given up after a day.
            if !is_done && !cleanup.is_required {
                app.store.cleanup_require(&cleanup).await?;
            }
            waits |= !is_done || cleanup.schedule.due > now;
        }
        if waits {
            return Ok(false);
        }
        if self.is_settled {
            app.store.thread_purge(tenant, &id).await?;
        } else {
            app.store.thread_purge_log(tenant, &id).await?;
        }
        Ok(self.is_settled)
    }

    /// Deletes idempotency records and what else is in the customer's partition; the counters of budgets only where
    /// nothing else is left.
    async fn records(&self, is_last: bool) -> Result<(), Error> {
        let PendingErasure { tenant, customer_id, requested_at, .. } = self.pending;
        let store = &self.app.store;
        let idempotency_records = store.idempotency_of_customer_delete(tenant, customer_id, *requested_at).await?;
        self.count(ErasedCounts { idempotency_records, ..ErasedCounts::default() }).await?;
        store.customer_partition_delete(self.pending, is_last).await
    }

    async fn count(&self, counts: ErasedCounts) -> Result<(), Error> {
        self.app.store.erasure_count(self.pending, &counts).await
    }
}
