//! Log entries: what a model is told of a message, read without the rest of it.

use std::ops::RangeInclusive;

use serde::Deserialize;

use super::{
    Store, key,
    read::{Query, SortKey},
    row,
};
use crate::{
    Error,
    domain::{
        Message, ThreadId,
        message::{Answers, Change, Origin, Role},
    },
};

/// The attributes of a message that an entry consists of. A note has none of them but `text`.
const ATTRIBUTES: &[&str] = &["seq", "role", "text", "answers", "event", "origin"];

/// A message without its author, its time and its ids.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct LogEntry {
    pub seq: u64,
    pub role: Role,
    pub text: String,
    #[serde(default)]
    pub answers: Option<Answers>,
    #[serde(default)]
    pub event: Option<Change>,
    #[serde(default)]
    pub origin: Option<Origin>,
}

impl From<&Message> for LogEntry {
    fn from(message: &Message) -> Self {
        Self {
            seq: message.seq,
            role: message.role,
            text: message.text.clone(),
            answers: message.answers,
            event: message.event.clone(),
            origin: message.origin.clone(),
        }
    }
}

impl Store {
    /// Reads the entries of a range, newest first and consistently, and gives each to `take` until that returns false.
    /// Returns false then, else true. One query, but for a range of more than 1 MB.
    pub async fn log_entries(
        &self,
        tenant: &str,
        id: &ThreadId,
        range: RangeInclusive<u64>,
        mut take: impl FnMut(LogEntry) -> bool + Send,
    ) -> Result<bool, Error> {
        if range.is_empty() {
            return Ok(true);
        }
        let [from, to] = [*range.start(), *range.end()].map(|seq| key::message(tenant, id, seq).sk);
        let mut start = None;
        loop {
            let query = Query {
                partition: key::thread_partition(tenant, id),
                sort: Some(SortKey::Between(from.clone(), to.clone())),
                newest_first: true,
                attributes: ATTRIBUTES,
                start,
                ..Query::default()
            };
            let found = self.query(query).await?;
            // The notes between the messages are in the range too.
            for item in found.items.into_iter().filter(|item| item.contains_key("seq")) {
                if !take(row::read(item)?) {
                    return Ok(false);
                }
            }
            start = found.next;
            if start.is_none() {
                return Ok(true);
            }
        }
    }
}
