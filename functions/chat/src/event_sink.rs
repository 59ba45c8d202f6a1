//! The event sink: sends a turn's events to the caller's stream.

use shared::{
    App,
    domain::{Message, ThreadMetadata, thread::Changed},
    sockets::Event,
    store::OutboxItem,
};
use tokio::sync::mpsc;

/// Sends a turn's events to the caller's stream; the default has no stream and drops them.
#[derive(Clone, Default)]
pub(crate) struct EventSink(Option<mpsc::UnboundedSender<Event>>);

impl EventSink {
    /// A sink, and the stream of its events until its last clone is dropped.
    pub(crate) fn open() -> (Self, mpsc::UnboundedReceiver<Event>) {
        let (sender, events) = mpsc::unbounded_channel();
        (Self(Some(sender)), events)
    }

    /// Sends an event; a caller who has disconnected misses it, and nothing else happens.
    pub(crate) fn send(&self, event: Event) {
        if let Some(sender) = &self.0 {
            let _ = sender.send(event);
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        self.0.as_ref().is_some_and(|sender| !sender.is_closed())
    }

    /// Announces a change of owner that has been saved, with the message that was posted in the same transaction: to
    /// the caller, the sockets, and those that its outbox names.
    pub(crate) async fn announce(
        &self,
        app: &App,
        changed: &Changed,
        metadata: &ThreadMetadata,
        posted: Option<&Message>,
        outbox: &[OutboxItem],
    ) {
        self.send(Event::message(&changed.message));
        self.send(Event::thread(changed.thread.view(metadata)));
        if let Some(posted) = posted {
            self.send(Event::message(posted));
        }
        app.announce(changed, metadata, posted).await;
        app.attempt_at_once(outbox).await;
    }
}
