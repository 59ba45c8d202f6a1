//! The sweep: background work, once a minute by a schedule's event.
//!
//! The index says what is due; the decision is made anew on the item itself, and each step is a conditional write. So a
//! lagging index, two sweeps at the same time, or a sweep that ends half-way do no harm: the rest is due in a minute.
//! The sweep never answers a customer; it invokes `chat` for that.

mod chatbot;
mod outbox;
mod thread;
mod tombstone;

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use futures::{StreamExt, stream};
use lambda_http::{Body, Request, Response, run, service_fn};
use shared::{
    App, Error,
    domain::{At, ChatbotId, ThreadId},
    http,
    metrics::Metric,
    store::key::{self, Key},
    time_left,
};
use tokio::time::Instant;

use chatbot::ModelChecks;

/// The page size, and the page limit of a shard; the next sweep continues.
const PAGE_SIZE: usize = 100;
const MAX_PAGES: usize = 10;

const MAX_CONCURRENT_SHARDS: usize = 4;
const MAX_CONCURRENT_ITEMS: usize = 8;

/// The part of the function's time that is reserved for work in progress: a cleanup takes 15 s at most, the checks of a
/// chatbot's two models 16 s.
const RESERVED_FOR_WORK_IN_PROGRESS: Duration = Duration::from_secs(20);

/// The time of a sweep whose function has no deadline.
const DEFAULT_TIME_LEFT: Duration = Duration::from_mins(1);

/// Reads the environment and serves Lambda's events.
pub async fn serve() -> Result<(), lambda_http::Error> {
    let app = App::from_env_invoking().await?;
    run(service_fn(|request| handle(&app, request))).await
}

pub async fn handle(app: &App, request: Request) -> Result<Response<Body>, lambda_http::Error> {
    let left = time_left(&request).unwrap_or(DEFAULT_TIME_LEFT);
    let until = Instant::now() + left.saturating_sub(RESERVED_FOR_WORK_IN_PROGRESS);
    let sweep = Sweep { app, until, model_checks: ModelChecks::default(), found: Found::default() };
    let (began_at, swept) = (app.now(), sweep.run().await);
    sweep.found.record(app, began_at);
    swept?;
    Ok(http::no_content())
}

/// Work that the index lists.
struct Due {
    work: Work,
    since: At,
}

/// A due item, classified by its sort key.
enum Work {
    Thread { tenant: String, id: ThreadId },
    Outbox(Key),
    Chatbot { tenant: String, id: ChatbotId },
    Erasure { tenant: String, customer: String },
}

impl Work {
    fn at(key: Key) -> Option<Self> {
        if key.sk == key::THREAD {
            let (tenant, id) = key.thread()?;
            return Some(Self::Thread { tenant: tenant.to_owned(), id });
        }
        if let Some((tenant, id)) = key.chatbot() {
            return Some(Self::Chatbot { tenant: tenant.to_owned(), id });
        }
        if let Some((tenant, customer)) = key.pending_erasure() {
            return Some(Self::Erasure { tenant: tenant.to_owned(), customer: customer.to_owned() });
        }
        key.outbox_kind().is_some().then_some(Self::Outbox(key))
    }

    /// True for work that waits for other servers, which may be slow. It comes last: no customer waits for it.
    fn is_slow(&self) -> bool {
        matches!(self, Self::Outbox(_) | Self::Chatbot { .. } | Self::Erasure { .. })
    }

    /// Does the work. False: nothing was to be done, since a run is alive; renewing its lease does not move the thread
    /// in the index.
    async fn run(&self, Sweep { app, until, model_checks, .. }: &Sweep<'_>) -> Result<bool, Error> {
        match self {
            Self::Thread { tenant, id } => return thread::run(app, tenant, id).await,
            Self::Outbox(key) => outbox::retry(app, key).await?,
            Self::Chatbot { tenant, id } => chatbot::check(app, model_checks, tenant, id).await?,
            Self::Erasure { tenant, customer } => app.erase(tenant, customer, *until).await?,
        }
        Ok(true)
    }
}

/// One sweep: starts no work after `until`.
struct Sweep<'a> {
    app: &'a App,
    until: Instant,
    model_checks: ModelChecks,
    found: Found,
}

/// The findings of a sweep.
#[derive(Default)]
struct Found {
    due: AtomicUsize,
    failed: AtomicUsize,
    /// The time since which the oldest work had been due.
    oldest: Mutex<Option<At>>,
}

impl Found {
    fn add(&self, due: &Due) {
        self.due.fetch_add(1, Relaxed);
        let mut oldest = self.oldest.lock().unwrap_or_else(PoisonError::into_inner);
        *oldest = Some(oldest.map_or(due.since, |known| known.min(due.since)));
    }

    fn record(&self, app: &App, began_at: At) {
        let oldest = *self.oldest.lock().unwrap_or_else(PoisonError::into_inner);
        app.record(Metric::Sweep {
            due: self.due.load(Relaxed),
            failed: self.failed.load(Relaxed),
            oldest: oldest.map_or(Duration::ZERO, |due| began_at.since(due)),
        });
    }
}

impl Sweep<'_> {
    /// Runs all due work. A shard that cannot be read is an error, after all the others are done.
    async fn run(&self) -> Result<(), Error> {
        let shards = stream::iter(key::due_shards()).map(async |shard| {
            let mut slow = Vec::new();
            let read = self.run_shard(&shard, &mut slow).await;
            (read, slow)
        });
        let (mut failed, mut slow) = (None, Vec::new());
        for (read, left) in shards.buffer_unordered(MAX_CONCURRENT_SHARDS).collect::<Vec<_>>().await {
            failed = read.err().or(failed);
            slow.extend(left);
        }
        // The checks of models last: they are a matter of days.
        slow.sort_by_key(|due| matches!(due.work, Work::Chatbot { .. }));
        self.run_all(slow).await;
        failed.map_or(Ok(()), Err)
    }

    /// Runs a shard's due work, and adds what may be slow to `slow`.
    async fn run_shard(&self, shard: &str, slow: &mut Vec<Due>) -> Result<(), Error> {
        let (now, mut from) = (self.app.now(), None);
        for _ in 0..MAX_PAGES {
            let page = self.app.store.due_page(shard, now, from, PAGE_SIZE).await?;
            let due =
                page.items.into_iter().filter_map(|item| Some(Due { work: Work::at(item.key)?, since: item.since }));
            let (later, urgent) = due.partition(|due| due.work.is_slow());
            slow.extend::<Vec<_>>(later);
            self.run_all(urgent).await;
            from = page.next;
            if from.is_none() || Instant::now() >= self.until {
                break;
            }
        }
        Ok(())
    }

    /// Runs the work, several items at a time. An item that fails stays due.
    async fn run_all(&self, due: Vec<Due>) {
        let each = stream::iter(due).for_each_concurrent(MAX_CONCURRENT_ITEMS, async |due| {
            if Instant::now() >= self.until {
                return self.found.add(&due);
            }
            let done = due.work.run(self).await;
            if !matches!(done, Ok(false)) {
                self.found.add(&due);
            }
            match done {
                Ok(_) => {}
                Err(Error::Busy) => tracing::warn!("due work was postponed: the table is busy"),
                Err(error) => {
                    self.found.failed.fetch_add(1, Relaxed);
                    let cause = std::error::Error::source(&error).map(ToString::to_string);
                    tracing::error!(%error, cause, "due work failed; the next sweep will retry");
                }
            }
        });
        each.await;
    }
}
