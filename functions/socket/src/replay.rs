//! Replaying messages that a client has missed.
//!
//! A replay costs far more than the frame that asks for it, so it is bounded twice: a connection is replayed a message
//! at most once a second ([`shared::store::Store::replay_claim`]), and one frame brings at most [`MAX_ROUND_BYTES`].

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use shared::{
    App, Error,
    domain::ThreadId,
    sockets::{Event, Posted},
    store::Connection,
};

use crate::send;

/// Maximum number of messages per replay. A client asks for more with the last `seq` that it received.
const MAX_REPLAYED_MESSAGES: usize = 200;

/// Maximum size of all events that are replayed for one frame of the client: 1 MB.
const MAX_ROUND_BYTES: usize = 1024 * 1024;

/// The replays for one frame of a client, which may name many threads.
pub(crate) struct Round<'a> {
    app: &'a App,
    connection: &'a Connection,
    bytes_left: AtomicUsize,
}

/// The extent of a replay: the last `seq` that the client now has, and true if there are more messages.
struct Replayed {
    through: u64,
    more: bool,
}

impl<'a> Round<'a> {
    pub(crate) fn new(app: &'a App, connection: &'a Connection) -> Self {
        Self { app, connection, bytes_left: AtomicUsize::new(MAX_ROUND_BYTES) }
    }

    /// Replays the messages after `after`, if given, then sends `subscribed` with the last `seq` that the client now
    /// has. `seq` is the thread's when it was read, before the subscription was stored.
    pub(crate) async fn on_subscribe(&self, id: &ThreadId, seq: u64, after: Option<u64>) -> Result<(), Error> {
        let replayed = match after {
            Some(after) => self.replay(id, seq, after).await?.unwrap_or(Replayed { through: after, more: true }),
            None => Replayed { through: self.app.thread(&self.connection.identity, id).await?.0.seq, more: false },
        };
        self.send_subscribed(id, &replayed).await;
        Ok(())
    }

    /// Replays the messages after `after`, if the caller has access to the thread. If there are more, a subscriber is
    /// told so by `subscribed`.
    pub(crate) async fn on_ping(&self, id: &ThreadId, after: u64) -> Result<(), Error> {
        let identity = &self.connection.identity;
        let (thread, _) = self.app.thread(identity, id).await?;
        if thread.seq <= after {
            return Ok(());
        }
        self.app.audit_read(identity, id).await?;
        if let Some(replayed) = self.replay(id, thread.seq, after).await?
            && replayed.more
            && self.connection.threads.contains(id)
        {
            self.send_subscribed(id, &replayed).await;
        }
        Ok(())
    }

    /// Sends the next messages after `after`. `None` if they were replayed less than a second ago.
    async fn replay(&self, id: &ThreadId, seq: u64, after: u64) -> Result<Option<Replayed>, Error> {
        let (store, connection) = (&self.app.store, self.connection);
        if self.bytes_left.load(Relaxed) == 0 {
            return Ok(Some(Replayed { through: after, more: true }));
        }
        let claimed = seq.min(after.saturating_add(MAX_REPLAYED_MESSAGES as u64));
        if seq > after && !store.replay_claim(connection, id, after, claimed, self.app.now()).await? {
            return Ok(None);
        }
        let page = store.log_after(&connection.identity.tenant, id, after, MAX_REPLAYED_MESSAGES).await?;
        let mut replayed = Replayed { through: after, more: page.more };
        for message in &page.messages {
            if !self.send(&Event::message(message)).await? {
                replayed.more = true;
                break;
            }
            replayed.through = message.seq;
        }
        if replayed.through < claimed {
            store.replay_ended(connection, id, replayed.through).await?;
        }
        Ok(Some(replayed))
    }

    /// Returns false if the event was not delivered, or is too large for what is left of the round: then the round is
    /// over for the other threads too.
    async fn send(&self, event: &Event) -> Result<bool, Error> {
        let frame = event.frame()?;
        let spend = |left: usize| left.checked_sub(frame.len());
        if self.bytes_left.fetch_update(Relaxed, Relaxed, spend).is_err() {
            self.bytes_left.store(0, Relaxed);
            return Ok(false);
        }
        Ok(self.app.sockets.post(&self.connection.id, &frame).await == Posted::Sent)
    }

    async fn send_subscribed(&self, id: &ThreadId, &Replayed { through, more }: &Replayed) {
        let event = Event::Subscribed { thread_id: Some(id.clone()), seq: Some(through), more };
        send::event(self.app, &self.connection.id, &event).await;
    }
}
