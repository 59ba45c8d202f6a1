//! Cursors: the position at which the next page of a list begins.
//!
//! A cursor names a position, never a partition. The partition always comes from the caller's identity, so a forged
//! cursor leads at worst to another position in the caller's own list.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

use super::key;
use crate::{
    Error,
    domain::{At, ThreadId},
};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cursor {
    /// The part of the list, if the list has several parts.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub part: String,
    /// The sort key of the last item shown, in the index; empty at the start of a part.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub sk: String,
    pub id: ThreadId,
}

impl Cursor {
    /// The position after a thread in the list of its customer's threads.
    pub fn of_customer(id: &ThreadId, created_at: At) -> Self {
        Self { part: String::new(), sk: key::by_time(created_at, id), id: id.clone() }
    }

    pub(super) fn of_part(mut self, part: &str) -> Self {
        part.clone_into(&mut self.part);
        self
    }

    /// Rejects a cursor that is in none of the list's `parts`, or that is no position in their order: it belongs to
    /// another list, or is forged.
    pub(super) fn within(self, parts: &[&str]) -> Result<Self, Error> {
        let in_order = match self.sk.split_once('#') {
            Some((at, id)) => at.parse::<At>().is_ok() && id == self.id.as_str(),
            None => self.sk.is_empty() && !self.part.is_empty(),
        };
        if in_order && parts.contains(&self.part.as_str()) { Ok(self) } else { Err(invalid()) }
    }

    pub(super) fn start_of(part: &str) -> Self {
        Self { part: part.into(), sk: String::new(), id: ThreadId::new(ulid::Ulid::from_parts(0, 0)) }
    }
}

/// Encodes a position as opaque text, so that no client depends on its format.
pub fn encode(position: &impl Serialize) -> Result<String, Error> {
    Ok(BASE64_URL_SAFE_NO_PAD.encode(serde_json::to_vec(position).map_err(Error::internal)?))
}

pub fn decode<T: for<'de> Deserialize<'de>>(text: &str) -> Result<T, Error> {
    let json = BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|_| invalid())?;
    serde_json::from_slice(&json).map_err(|_| invalid())
}

fn invalid() -> Error {
    Error::invalid("cursor", "is not a valid cursor for this list")
}
