//! Telling the sockets: one vocabulary of events, sent to whoever listens.
//!
//! Delivery is at least once and unordered, and a delivery that fails changes nothing: what matters has been saved
//! before. A client orders by `seq` and asks again for what it misses.

use std::borrow::Cow;

use aws_sdk_apigatewaymanagement::{
    Client, error::DisplayErrorContext, operation::post_to_connection::PostToConnectionError, primitives::Blob,
};
use futures::{StreamExt, stream};
use serde::Serialize;

use crate::{
    App, Error,
    domain::{At, Message, Note, RunId, Thread, ThreadId, thread},
    store::Subscriber,
};

/// The most posts under way at once, of one broadcast.
const AT_ONCE: usize = 64;

/// API Gateway takes messages of 128 KB; beyond this an event goes without its text.
const EVENT_MAX: usize = 120 * 1024;

#[derive(Clone)]
pub struct Sockets {
    management: Client,
}

/// What happened, as sockets and streams tell it.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type")]
pub enum Event {
    #[serde(rename = "message.created")]
    MessageCreated {
        thread_id: ThreadId,
        seq: u64,
        message: Message,
        /// The text was too long to send; it can be read by REST.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        truncated: bool,
    },
    /// What a run has said so far is void: it lost the line.
    #[serde(rename = "message.discarded")]
    MessageDiscarded {
        thread_id: ThreadId,
        run_id: RunId,
        reason: &'static str,
        /// What it had said by then, for the agent who took over to go on with. Staff alone are told.
        #[serde(skip_serializing_if = "Option::is_none")]
        draft: Option<String>,
    },
    #[serde(rename = "note.created")]
    NoteCreated {
        thread_id: ThreadId,
        note: Note,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        truncated: bool,
    },
    #[serde(rename = "thread.updated")]
    ThreadUpdated { thread_id: ThreadId, thread: thread::View },
    #[serde(rename = "subscribed")]
    Subscribed {
        #[serde(skip_serializing_if = "Option::is_none")]
        thread_id: Option<ThreadId>,
        #[serde(skip_serializing_if = "Option::is_none")]
        seq: Option<u64>,
        more: bool,
    },
    #[serde(rename = "pong")]
    Pong,
    #[serde(rename = "error")]
    Error {
        #[serde(skip_serializing_if = "Option::is_none")]
        thread_id: Option<ThreadId>,
        code: &'static str,
        detail: String,
    },
}

impl Event {
    pub fn message(message: &Message) -> Self {
        Self::MessageCreated {
            thread_id: message.thread_id.clone(),
            seq: message.seq,
            message: message.clone(),
            truncated: false,
        }
    }

    pub fn note(note: &Note) -> Self {
        Self::NoteCreated { thread_id: note.thread_id.clone(), note: note.clone(), truncated: false }
    }

    pub fn thread(thread: thread::View) -> Self {
        Self::ThreadUpdated { thread_id: thread.id.clone(), thread }
    }

    pub fn discarded(thread: &Thread, run: &RunId, reason: &'static str) -> Self {
        Self::MessageDiscarded { thread_id: thread.id.clone(), run_id: run.clone(), reason, draft: None }
    }

    /// The same, with what had been said for the agents.
    #[must_use]
    pub fn with_draft(mut self, offered: Option<String>) -> Self {
        if let Self::MessageDiscarded { draft, .. } = &mut self {
            *draft = offered;
        }
        self
    }

    /// What a customer is told of it: never a note, never a draft.
    fn for_customers(&self) -> Option<Cow<'_, Self>> {
        match self {
            Self::NoteCreated { .. } => None,
            Self::MessageDiscarded { draft: Some(_), .. } => Some(Cow::Owned(self.clone().with_draft(None))),
            _ => Some(Cow::Borrowed(self)),
        }
    }

    /// The frame that goes over the wire.
    pub fn frame(&self) -> Result<String, Error> {
        let frame = serde_json::to_string(self).map_err(Error::internal)?;
        if frame.len() <= EVENT_MAX {
            return Ok(frame);
        }
        let mut short = self.clone();
        match &mut short {
            Self::MessageCreated { message: Message { text, .. }, truncated, .. }
            | Self::NoteCreated { note: Note { text, .. }, truncated, .. } => {
                text.clear();
                *truncated = true;
            }
            Self::MessageDiscarded { draft, .. } => *draft = None,
            _ => {}
        }
        serde_json::to_string(&short).map_err(Error::internal)
    }
}

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

/// What became of a post.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Posted {
    Sent,
    /// There is no such connection any more.
    Gone,
    /// Not delivered; the client will ask again.
    Failed,
}

impl Sockets {
    pub fn new(management: Client) -> Self {
        Self { management }
    }

    pub async fn post(&self, connection: &str, frame: &str) -> Posted {
        let sent = self.management.post_to_connection().connection_id(connection).data(Blob::new(frame)).send().await;
        let Err(error) = sent else { return Posted::Sent };
        if error.as_service_error().is_some_and(PostToConnectionError::is_gone_exception) {
            return Posted::Gone;
        }
        tracing::warn!(connection, error = %DisplayErrorContext(&error), "a post to a socket failed");
        Posted::Failed
    }

    pub async fn close(&self, connection: &str) {
        // One that is gone already is as good as closed.
        let _ = self.management.delete_connection().connection_id(connection).send().await;
    }
}

impl App {
    /// Tells a thread's listeners. After the save, and whatever comes of it: nothing is undone.
    pub async fn tell(&self, thread: &Thread, events: &[Event]) {
        match self.store.subscribers(&thread.tenant, &thread.id).await {
            Ok(subscribers) => self.broadcast(&thread.tenant, &subscribers, events).await,
            Err(error) => tracing::warn!(thread.id = %thread.id, %error, "the listeners could not be read"),
        }
    }

    /// Tells a tenant's inbox of a change of owner.
    pub async fn tell_inbox(&self, tenant: &str, event: &Event) {
        match self.store.inbox_subscribers(tenant).await {
            Ok(subscribers) => self.broadcast(tenant, &subscribers, std::slice::from_ref(event)).await,
            Err(error) => tracing::warn!(tenant, %error, "the inbox's listeners could not be read"),
        }
    }

    /// Each event is written once; each listener gets those meant for them, in order; none waits for another.
    async fn broadcast(&self, tenant: &str, subscribers: &[Subscriber], events: &[Event]) {
        if subscribers.is_empty() {
            return;
        }
        let frames: Vec<Frame> = events.iter().filter_map(|event| Frame::of(event).ok()).flatten().collect();
        let now = self.now();
        let (frames, live) = (&frames, subscribers.iter().filter(|subscriber| subscriber.expires > now));
        stream::iter(live).for_each_concurrent(AT_ONCE, |subscriber| self.deliver(tenant, subscriber, frames)).await;
    }

    async fn deliver(&self, tenant: &str, subscriber: &Subscriber, frames: &[Frame]) {
        for frame in frames.iter().filter(|frame| frame.is_for(subscriber)) {
            if self.sockets.post(&subscriber.connection, &frame.text).await == Posted::Gone {
                // Forgotten where it is found: nobody else will tell us.
                if let Err(error) = self.store.connection_delete(tenant, &subscriber.connection).await {
                    tracing::warn!(%error, "a dead connection could not be forgotten");
                }
                return;
            }
        }
    }

    /// Whether a token that ends then still counts.
    pub fn is_past(&self, expires: At) -> bool {
        expires <= self.now()
    }
}
