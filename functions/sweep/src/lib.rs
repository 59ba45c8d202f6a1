//! The schedule's event, each minute: do what is due and nobody has come for.
//!
//! What is due is found in the index and decided anew on the item itself, and each step is a conditional write. So it
//! does no harm that the index lags, that two sweeps meet, or that one ends half-way: the rest is due in a minute.
//! The sweep never answers a customer; it has `chat` do that.

mod cleanup;
mod delivery;
mod thread;
mod tombstone;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures::{StreamExt, stream};
use lambda_http::{Body, Request, RequestExt, Response};
use shared::{
    App, Error,
    domain::ThreadId,
    http,
    store::key::{self, Key},
};
use tokio::time::Instant;

/// What is read of a shard at once, and how often: a sweep leaves what is more to the next one.
const PAGE_SIZE: i32 = 100;
const MAX_PAGES: usize = 10;

const MAX_CONCURRENT_SHARDS: usize = 4;
const MAX_CONCURRENT_ITEMS: usize = 8;

/// The time that is kept for what has been begun: a removal at OpenAI takes 15 s at most.
const RESERVED_FOR_WORK_IN_PROGRESS: Duration = Duration::from_secs(20);

/// Where nobody says when the function would be stopped.
const DEFAULT_TIME_LEFT: Duration = Duration::from_mins(1);

pub async fn handle(app: &App, request: Request) -> Result<Response<Body>, lambda_http::Error> {
    sweep(app, Instant::now() + time_left(&request).saturating_sub(RESERVED_FOR_WORK_IN_PROGRESS)).await?;
    Ok(http::no_content())
}

fn time_left(request: &Request) -> Duration {
    let Some(context) = request.lambda_context_ref() else { return DEFAULT_TIME_LEFT };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Duration::from_millis(context.deadline).saturating_sub(now)
}

/// An item of the index, by what its sort key says it is.
enum Work {
    Thread { tenant: String, id: ThreadId },
    Cleanup(Key),
    WebhookDelivery(Key),
}

impl Work {
    fn at(key: Key) -> Option<Self> {
        if key.sk == key::THREAD {
            let (tenant, id) = key.thread()?;
            return Some(Self::Thread { tenant: tenant.to_owned(), id });
        }
        if key.sk.starts_with(key::DELIVERY) {
            return Some(Self::WebhookDelivery(key));
        }
        key.sk.starts_with(key::CLEANUP).then_some(Self::Cleanup(key))
    }

    /// Whether it waits for servers that may be slow. Such work comes last: no customer waits for it.
    fn is_slow(&self) -> bool {
        matches!(self, Self::Cleanup(_) | Self::WebhookDelivery(_))
    }

    async fn run(&self, app: &App) -> Result<(), Error> {
        match self {
            Self::Thread { tenant, id } => thread::settle(app, tenant, id).await,
            Self::Cleanup(key) => cleanup::remove(app, key).await,
            Self::WebhookDelivery(key) => delivery::deliver(app, key).await,
        }
    }
}

/// Begins nothing after `until`. A shard that cannot be read is an error, once all the others are done.
async fn sweep(app: &App, until: Instant) -> Result<(), Error> {
    let shards = stream::iter(key::due_shards()).map(async |shard| {
        let mut slow = Vec::new();
        let read = sweep_shard(app, &shard, until, &mut slow).await;
        (read, slow)
    });
    let (mut unread, mut slow) = (None, Vec::new());
    for (read, left) in shards.buffer_unordered(MAX_CONCURRENT_SHARDS).collect::<Vec<_>>().await {
        unread = read.err().or(unread);
        slow.extend(left);
    }
    work(app, slow, until).await;
    unread.map_or(Ok(()), Err)
}

/// Does what is due in a shard, and hands back what may take long.
async fn sweep_shard(app: &App, shard: &str, until: Instant, slow: &mut Vec<Work>) -> Result<(), Error> {
    let (now, mut from) = (app.now(), None);
    for _ in 0..MAX_PAGES {
        let page = app.store.due_page(shard, now, from, PAGE_SIZE).await?;
        let (later, urgent) = page.keys.into_iter().filter_map(Work::at).partition(Work::is_slow);
        slow.extend::<Vec<_>>(later);
        work(app, urgent, until).await;
        from = page.next;
        if from.is_none() || Instant::now() >= until {
            break;
        }
    }
    Ok(())
}

/// What fails stays due.
async fn work(app: &App, due: Vec<Work>, until: Instant) {
    let each = stream::iter(due).for_each_concurrent(MAX_CONCURRENT_ITEMS, async |work| {
        if Instant::now() >= until {
            return;
        }
        match work.run(app).await {
            Ok(()) => {}
            Err(Error::Busy) => tracing::warn!("something due has to wait: the table is busy"),
            Err(error) => {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                tracing::error!(%error, cause, "something due could not be done");
            }
        }
    });
    each.await;
}
