//! Deltas: the model's text while it is written, sent to the caller's stream at once and to each socket at most ten
//! times a second.

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
use tokio::time::{Instant, sleep};

use super::Run;

/// The shortest time between two frames to one socket.
const MIN_FRAME_INTERVAL: Duration = Duration::from_millis(100);

/// A chunk of the text as it goes to the sockets, written once for all who have come as far.
pub(super) struct Chunk {
    from: usize,
    until: usize,
    frame: Arc<str>,
}

impl Run {
    /// Starts a reply: no text yet.
    pub(super) fn begin_deltas(&self) {
        let mut progress = self.progress();
        progress.text.clear();
        progress.chunk = None;
        progress.first_word_at = None;
        self.text_bytes.send_replace(0);
    }

    /// Starts the reply over: the text so far was no part of it.
    pub(super) fn restart_deltas(&self) {
        self.begin_deltas();
        self.sink.send(self.delta(0, String::new()));
    }

    /// Adds text to the reply.
    pub(super) fn add_delta(&self, text: &str) {
        let mut progress = self.progress();
        if self.sink.is_open() && !progress.is_withdrawn {
            let index = progress.text.encode_utf16().count();
            self.sink.send(self.delta(index, text.to_owned()));
        }
        progress.first_word_at.get_or_insert_with(Instant::now);
        progress.text += text;
        self.text_bytes.send_replace(progress.text.len());
    }

    /// Sends the text to each socket from its beginning, each at its own pace: a slow one delays nobody, and a late one
    /// gets all of it. Never ends: the caller drops it when the model has ended, because then the message is sent.
    pub(super) async fn send_deltas(&self) -> Infallible {
        let mut listeners = self.listeners.subscribe();
        let (mut known, mut sending) = (HashSet::new(), FuturesUnordered::new());
        loop {
            for listener in listeners.borrow_and_update().iter() {
                if known.insert(listener.connection.clone()) {
                    sending.push(self.send_to(listener.clone()));
                }
            }
            let mut more = pin!(listeners.changed());
            loop {
                match select(more.as_mut(), sending.next()).await {
                    Either::Right((Some(()), _)) => {}
                    Either::Left(_) => break,
                    // Nobody listens now, but somebody may subscribe.
                    Either::Right((None, _)) => {
                        let _ = more.as_mut().await;
                        break;
                    }
                }
            }
        }
    }

    async fn send_to(&self, listener: Subscriber) {
        let (mut sent, mut text_bytes) = (0, self.text_bytes.subscribe());
        // The sender is this run's, so it lives as long as this loop.
        while let Ok(until) = text_bytes.wait_for(|length| *length > sent).await.map(|length| *length) {
            if self.app.is_past(listener.expires) {
                return;
            }
            let Some(frame) = self.chunk(sent, until) else { return };
            if self.app.post(&self.thread.tenant, &listener, &frame).await == Posted::Gone {
                return;
            }
            sent = until;
            sleep(MIN_FRAME_INTERVAL).await;
        }
    }

    /// The frame with the text from `from` until `until`; `None` where the answer is withdrawn.
    fn chunk(&self, from: usize, until: usize) -> Option<Arc<str>> {
        let mut progress = self.progress();
        if progress.is_withdrawn {
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

    pub(super) fn delta(&self, index: usize, text: String) -> Event {
        Event::MessageDelta { thread_id: self.thread.id.clone(), run_id: self.id.clone(), index, text }
    }
}
