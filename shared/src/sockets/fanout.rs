//! Broadcast: one event, many sockets.
//!
//! Each event is written once. Each listener gets those meant for them, in order, and none waits for another: at most
//! [`MAX_CONCURRENT_POSTS`] posts are under way, and one that takes long gives its place away and goes on without.

use std::{borrow::Cow, pin::pin, slice, time::Duration};

use futures::{
    StreamExt,
    future::{Either, select},
    stream,
};
use tokio::{sync::Semaphore, time::sleep};

use super::{Event, Posted};
use crate::{
    App, Error,
    domain::{Thread, ThreadId},
    store::Subscriber,
};

/// The most posts under way at once, of one broadcast: a thousand at 20 ms each take 160 ms.
const MAX_CONCURRENT_POSTS: usize = 128;

/// A post that takes longer is slow, and holds nobody else up.
const SLOW_POST_AFTER: Duration = Duration::from_millis(250);

/// An event as it is sent: written once for all who hear the same.
struct Frame {
    text: String,
    audience: Audience,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Audience {
    Everybody,
    Staff,
    Customers,
}

impl Frame {
    fn of(event: &Event) -> Result<Vec<Self>, Error> {
        let frame = |event: &Event, audience| Ok(Self { text: event.frame()?, audience });
        match event.for_customers() {
            Some(Cow::Borrowed(_)) => Ok(vec![frame(event, Audience::Everybody)?]),
            Some(Cow::Owned(theirs)) => Ok(vec![frame(event, Audience::Staff)?, frame(&theirs, Audience::Customers)?]),
            None => Ok(vec![frame(event, Audience::Staff)?]),
        }
    }

    fn is_for(&self, subscriber: &Subscriber) -> bool {
        match self.audience {
            Audience::Everybody => true,
            Audience::Staff => subscriber.staff,
            Audience::Customers => !subscriber.staff,
        }
    }
}

impl App {
    /// Tells a thread's listeners. After the save, and whatever comes of it: nothing is undone. Gives who they were.
    pub async fn broadcast(&self, thread: &Thread, events: &[Event]) -> Vec<Subscriber> {
        match self.store.subscribers(&thread.tenant, &thread.id).await {
            Ok(subscribers) => {
                self.broadcast_to(&thread.tenant, &subscribers, events).await;
                subscribers
            }
            Err(error) => {
                tracing::warn!(thread.id = %thread.id, %error, "the listeners could not be read");
                Vec::new()
            }
        }
    }

    /// Tells a thread's listeners, but for those of one person, what that person does.
    pub async fn broadcast_to_others(
        &self,
        tenant: &str,
        thread: &ThreadId,
        of: &str,
        event: &Event,
    ) -> Result<(), Error> {
        let mut others = self.store.subscribers(tenant, thread).await?;
        others.retain(|listener| !listener.is_of(of));
        self.broadcast_to(tenant, &others, slice::from_ref(event)).await;
        Ok(())
    }

    /// Tells a tenant's inbox of a change of owner.
    pub async fn broadcast_to_inbox(&self, tenant: &str, event: &Event) {
        match self.store.inbox_subscribers(tenant).await {
            Ok(subscribers) => self.broadcast_to(tenant, &subscribers, slice::from_ref(event)).await,
            Err(error) => tracing::warn!(tenant, %error, "the inbox's listeners could not be read"),
        }
    }

    /// Whatever comes of it: who could not be told asks again.
    pub async fn broadcast_to(&self, tenant: &str, subscribers: &[Subscriber], events: &[Event]) {
        if subscribers.is_empty() {
            return;
        }
        let frames: Vec<Frame> = events.iter().filter_map(|event| Frame::of(event).ok()).flatten().collect();
        let (now, places) = (self.now(), Semaphore::new(MAX_CONCURRENT_POSTS));
        let (frames, places, live) = (&frames, &places, subscribers.iter().filter(|it| it.expires > now));
        let all = stream::iter(live).for_each_concurrent(None, async |subscriber| {
            // Never closed.
            let Ok(place) = places.acquire().await else { return };
            let delivery = pin!(self.deliver(tenant, subscriber, frames));
            if let Either::Right(((), slow)) = select(delivery, pin!(sleep(SLOW_POST_AFTER))).await {
                drop(place);
                slow.await;
            }
        });
        all.await;
    }

    async fn deliver(&self, tenant: &str, subscriber: &Subscriber, frames: &[Frame]) {
        for frame in frames.iter().filter(|frame| frame.is_for(subscriber)) {
            if self.post(tenant, subscriber, &frame.text).await == Posted::Gone {
                return;
            }
        }
    }
}
