//! An erasure: the request to delete everything of one customer, and its receipt. Nothing in it names the customer.

use serde::{Deserialize, Serialize};

use super::{At, ErasureId};

/// The receipt of an erasure, as it is in the table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erasure {
    pub id: ErasureId,
    /// The time of the request: all that existed then is erased. Threads that the customer begins later are not.
    pub requested_at: At,
    /// The time at which nothing was left. `None` while the erasure is under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done_at: Option<At>,
    #[serde(flatten)]
    pub counts: ErasedCounts,
}

/// The numbers of things that an erasure has deleted so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ErasedCounts {
    pub threads: u64,
    /// Messages of all authors in these threads, changes of owner included.
    pub messages: u64,
    /// Agents' notes in these threads.
    pub notes: u64,
    /// Open or expired WebSocket connections.
    pub connections: u64,
    /// Answers kept for repeats under an `Idempotency-Key`.
    pub idempotency_records: u64,
    /// Conversations at OpenAI, each with its items and responses.
    pub openai_objects: u64,
}

impl ErasedCounts {
    /// The counts by the names of their fields.
    pub fn named(&self) -> [(&'static str, u64); 6] {
        let Self { threads, messages, notes, connections, idempotency_records, openai_objects } = *self;
        [
            ("threads", threads),
            ("messages", messages),
            ("notes", notes),
            ("connections", connections),
            ("idempotency_records", idempotency_records),
            ("openai_objects", openai_objects),
        ]
    }
}

/// An erasure as the API shows it.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Erasure"))]
pub struct View {
    pub id: ErasureId,
    pub status: ErasureStatus,
    pub requested_at: At,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub done_at: Option<At>,
    pub counts: ErasedCounts,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum ErasureStatus {
    /// Under way: begun at once, and finished by the sweep.
    Pending,
    /// Nothing is left.
    Done,
}

impl Erasure {
    pub fn new(id: ErasureId, requested_at: At) -> Self {
        Self { id, requested_at, done_at: None, counts: ErasedCounts::default() }
    }

    pub fn view(&self) -> View {
        View {
            id: self.id.clone(),
            status: if self.done_at.is_some() { ErasureStatus::Done } else { ErasureStatus::Pending },
            requested_at: self.requested_at,
            done_at: self.done_at,
            counts: self.counts,
        }
    }
}
