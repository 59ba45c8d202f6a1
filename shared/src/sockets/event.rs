//! Events, in the one vocabulary of sockets and streams.

use std::borrow::Cow;

use serde::Serialize;

use crate::{
    Error,
    domain::{At, Message, Note, Participant, RunId, Thread, ThreadId, thread},
};

/// The size limit of an event, above which it is sent without its text. API Gateway accepts messages of up to 128 KB.
const MAX_EVENT_BYTES: usize = 120 * 1024;

/// An event on a socket or a stream.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Event {
    #[serde(rename = "message.created")]
    MessageCreated {
        thread_id: ThreadId,
        seq: u64,
        message: Message,
        /// True if the text was too long to send. It can be read over REST.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        truncated: bool,
    },
    /// The next part of the bot's message. The deltas of one run arrive in order; a delta at `index` 0 starts over.
    #[serde(rename = "message.delta")]
    MessageDelta {
        thread_id: ThreadId,
        run_id: RunId,
        /// The length of the text before this part, in UTF-16 code units, as in JavaScript.
        index: usize,
        text: String,
    },
    /// The model's words before it uses a tool or answers: no part of the message. Each event is one such text, whole.
    #[serde(rename = "message.progress")]
    MessageProgress { thread_id: ThreadId, run_id: RunId, text: String },
    /// The deltas of a run so far are void: it lost the line, or it asks the model again, and its next delta is at
    /// `index` 0.
    #[serde(rename = "message.discarded")]
    MessageDiscarded {
        thread_id: ThreadId,
        run_id: RunId,
        reason: &'static str,
        /// The text up to then, for the agent who took over to continue. Sent to agents and admins only.
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
    /// A participant started or stopped typing. Expires after a few seconds if it is not repeated.
    #[serde(rename = "typing")]
    Typing { thread_id: ThreadId, who: Participant, on: bool },
    /// The participants who are subscribed, at most 50. The event with the newest `at` is the current one.
    #[serde(rename = "presence")]
    Presence { thread_id: ThreadId, present: Vec<Participant>, at: At },
    /// A participant's read marker.
    #[serde(rename = "read")]
    Read { thread_id: ThreadId, who: Participant, seq: u64 },
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
    /// The last event of a stream.
    #[serde(rename = "done")]
    Done {
        thread_id: ThreadId,
        /// True if the stream ends before the reply, which another run writes: read it from the log.
        joined: bool,
    },
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

    /// Adds the draft to a `message.discarded` event.
    #[must_use]
    pub fn with_draft(mut self, text: Option<String>) -> Self {
        if let Self::MessageDiscarded { draft, .. } = &mut self {
            *draft = text;
        }
        self
    }

    /// The customers' version of the event: never a note, never a draft. `None` if there is no such version.
    pub(super) fn for_customers(&self) -> Option<Cow<'_, Self>> {
        match self {
            Self::NoteCreated { .. } => None,
            Self::MessageDiscarded { draft: Some(_), .. } => Some(Cow::Owned(self.clone().with_draft(None))),
            _ => Some(Cow::Borrowed(self)),
        }
    }

    /// The event's `type` on the wire.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::MessageCreated { .. } => "message.created",
            Self::MessageDelta { .. } => "message.delta",
            Self::MessageProgress { .. } => "message.progress",
            Self::MessageDiscarded { .. } => "message.discarded",
            Self::NoteCreated { .. } => "note.created",
            Self::ThreadUpdated { .. } => "thread.updated",
            Self::Typing { .. } => "typing",
            Self::Presence { .. } => "presence",
            Self::Read { .. } => "read",
            Self::Subscribed { .. } => "subscribed",
            Self::Pong => "pong",
            Self::Done { .. } => "done",
            Self::Error { .. } => "error",
        }
    }

    /// The event's place in the log, if it has one.
    pub fn seq(&self) -> Option<u64> {
        match self {
            Self::MessageCreated { seq, .. } => Some(*seq),
            _ => None,
        }
    }

    /// Serialises the event for the wire.
    pub fn frame(&self) -> Result<String, Error> {
        let frame = serde_json::to_string(self).map_err(Error::internal)?;
        if frame.len() <= MAX_EVENT_BYTES {
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
