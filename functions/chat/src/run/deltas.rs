//! What the model says, told as it comes: to the caller's stream at once, to the sockets at most ten times a second.

use std::{collections::HashSet, convert::Infallible, pin::pin, sync::Arc, time::Duration};

use futures::{
    StreamExt,
    future::{Either, select},
    stream::FuturesUnordered,
};
use shared::{
    sockets::{Event, Posted},
    store::Subscriber,
};
use tokio::time::sleep;

use super::Run;

/// Between two frames to one listener.
const MIN_FRAME_INTERVAL: Duration = Duration::from_millis(100);

/// A chunk of the text as it goes to the sockets, written once for all who have come as far.
pub(super) struct Chunk {
    from: usize,
    until: usize,
    frame: Arc<str>,
}

impl Run {
    /// The model begins to speak, anew.
    pub(super) fn begin_deltas(&self) {
        let mut progress = self.progress();
        progress.text.clear();
        progress.chunk = None;
        self.said.send_replace(0);
    }

    /// The model has said more.
    pub(super) fn add_delta(&self, text: &str) {
        let mut progress = self.progress();
        if self.sink.is_open() && !progress.withdrawn {
            let index = progress.text.encode_utf16().count();
            self.sink.send(self.delta(index, text.to_owned()));
        }
        progress.text += text;
        self.said.send_replace(progress.text.len());
    }

    /// Tells each listener what has been said, from the beginning, each at their own pace: a slow one delays nobody, and
    /// who comes late is told all of it. Has no end: it is dropped when the model has spoken, for then comes the message.
    pub(super) async fn send_deltas(&self) -> Infallible {
        let mut listeners = self.listeners.subscribe();
        let (mut known, mut fed) = (HashSet::new(), FuturesUnordered::new());
        loop {
            for listener in listeners.borrow_and_update().iter() {
                if known.insert(listener.connection.clone()) {
                    fed.push(self.feed(listener.clone()));
                }
            }
            let mut more = pin!(listeners.changed());
            loop {
                match select(more.as_mut(), fed.next()).await {
                    Either::Right((Some(()), _)) => {}
                    Either::Left(_) => break,
                    // Nobody is fed now, but somebody may come.
                    Either::Right((None, _)) => {
                        let _ = more.as_mut().await;
                        break;
                    }
                }
            }
        }
    }

    async fn feed(&self, listener: Subscriber) {
        let (mut told, mut said) = (0, self.said.subscribe());
        // Whoever says it lives as long as this.
        while let Ok(until) = said.wait_for(|length| *length > told).await.map(|length| *length) {
            if self.app.is_past(listener.expires) {
                return;
            }
            let Some(frame) = self.chunk(told, until) else { return };
            if self.app.post(&self.thread.tenant, &listener, &frame).await == Posted::Gone {
                return;
            }
            told = until;
            sleep(MIN_FRAME_INTERVAL).await;
        }
    }

    /// `None` where the words are void.
    fn chunk(&self, from: usize, until: usize) -> Option<Arc<str>> {
        let mut progress = self.progress();
        if progress.withdrawn {
            return None;
        }
        if let Some(chunk) = progress.chunk.as_ref().filter(|chunk| (chunk.from, chunk.until) == (from, until)) {
            return Some(Arc::clone(&chunk.frame));
        }
        let (before, text) = (progress.text.get(..from)?, progress.text.get(from..until)?.to_owned());
        let frame: Arc<str> = self.delta(before.encode_utf16().count(), text).frame().ok()?.into();
        progress.chunk = Some(Chunk { from, until, frame: Arc::clone(&frame) });
        Some(frame)
    }

    fn delta(&self, index: usize, text: String) -> Event {
        Event::MessageDelta { thread_id: self.thread.id.clone(), run_id: self.id.clone(), index, text }
    }
}
