//! Broadcast: one event to many sockets.
//!
//! Each event is serialised once. Each subscriber gets the events meant for them in order, and no subscriber waits for
//! another: at most [`MAX_CONCURRENT_POSTS`] posts are in flight at a time; a slow post stops counting and goes on.

use std::{borrow::Cow, pin::pin, slice, time::Duration};

use futures::{
    StreamExt,
    future::{Either, select},
    stream,
};
use tokio::{sync::Semaphore, time::sleep};

use super::{client::Posted, event::Event};
use crate::{
    App, Error,
    domain::{Thread, ThreadId},
    store::Subscriber,
};

/// Posts in flight per broadcast. A thousand posts of 20 ms each take 160 ms.
const MAX_CONCURRENT_POSTS: usize = 128;

/// Time after which a post counts as slow and releases its permit.
const SLOW_POST_AFTER: Duration = Duration::from_millis(250);

/// A serialised event, for all subscribers who get the same version of it.
struct Frame {
    text: String,
    audience: Audience,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Audience {
    All,
    Staff,
    Customers,
}

impl Frame {
    fn of(event: &Event) -> Result<Vec<Self>, Error> {
        let frame = |event: &Event, audience| Ok(Self { text: event.frame()?, audience });
        match event.for_customers() {
            Some(Cow::Borrowed(_)) => Ok(vec![frame(event, Audience::All)?]),
            Some(Cow::Owned(redacted)) => {
                Ok(vec![frame(event, Audience::Staff)?, frame(&redacted, Audience::Customers)?])
            }
            None => Ok(vec![frame(event, Audience::Staff)?]),
        }
    }

    fn is_for(&self, subscriber: &Subscriber) -> bool {
        match self.audience {
            Audience::All => true,
            Audience::Staff => subscriber.staff,
            Audience::Customers => !subscriber.staff,
        }
    }
}

impl App {
    /// Broadcasts events to a thread's subscribers and returns them. Call it after the save; a failure undoes nothing.
    pub async fn broadcast(&self, thread: &Thread, events: &[Event]) -> Vec<Subscriber> {
        match self.store.subscribers(&thread.tenant, &thread.id).await {
            Ok(subscribers) => {
                self.broadcast_to(&thread.tenant, &subscribers, events).await;
                subscribers
            }
            Err(error) => {
                tracing::warn!(thread.id = %thread.id, %error, "reading the thread's subscribers failed");
                Vec::new()
            }
        }
    }

    /// Broadcasts a person's event to the thread's other subscribers, not to that person's own sockets.
    pub async fn broadcast_to_others(
        &self,
        tenant: &str,
        thread: &ThreadId,
        subject: &str,
        event: &Event,
    ) -> Result<(), Error> {
        let mut others = self.store.subscribers(tenant, thread).await?;
        others.retain(|subscriber| !subscriber.is_of(subject));
        self.broadcast_to(tenant, &others, slice::from_ref(event)).await;
        Ok(())
    }

    /// Broadcasts a change of owner to the tenant's inbox.
    pub async fn broadcast_to_inbox(&self, tenant: &str, event: &Event) {
        match self.store.inbox_subscribers(tenant).await {
            Ok(subscribers) => self.broadcast_to(tenant, &subscribers, slice::from_ref(event)).await,
            Err(error) => tracing::warn!(tenant, %error, "reading the inbox's subscribers failed"),
        }
    }

    /// Broadcasts events to the given subscribers. Failures are ignored, since a client asks for what it missed.
    pub async fn broadcast_to(&self, tenant: &str, subscribers: &[Subscriber], events: &[Event]) {
        if subscribers.is_empty() {
            return;
        }
        let frames: Vec<Frame> = events.iter().filter_map(|event| Frame::of(event).ok()).flatten().collect();
        let (now, permits) = (self.now(), Semaphore::new(MAX_CONCURRENT_POSTS));
        let (frames, permits, live) = (&frames, &permits, subscribers.iter().filter(|it| it.expires > now));
        let all = stream::iter(live).for_each_concurrent(None, async |subscriber| {
            // The semaphore is never closed.
            let Ok(permit) = permits.acquire().await else { return };
            let delivery = pin!(self.deliver(tenant, subscriber, frames));
            if let Either::Right(((), slow)) = select(delivery, pin!(sleep(SLOW_POST_AFTER))).await {
                drop(permit);
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

    /// Posts a frame to one subscriber. A connection that no longer exists is deleted here, since nothing else reports
    /// it.
    pub async fn post(&self, tenant: &str, subscriber: &Subscriber, frame: &str) -> Posted {
        let posted = self.sockets.post(&subscriber.connection, frame).await;
        if posted == Posted::Gone
            && let Err(error) = self.forget(tenant, &subscriber.connection).await
        {
            tracing::warn!(%error, "deleting a closed connection failed");
        }
        posted
    }
}
