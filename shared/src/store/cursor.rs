//! Where the next page of a list begins.
//!
//! A cursor names a place in an order, never a partition: that is always made from the caller's identity, so a forged
//! cursor leads at worst to another place in the caller's own list.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

use crate::{
    Error,
    domain::{At, ThreadId},
};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cursor {
    /// Which part of a list of several parts it lies in.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub part: String,
    /// The index's sort key of the last item shown; empty at the start of a part.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub sk: String,
    pub id: ThreadId,
}

impl Cursor {
    pub(super) fn of_part(mut self, part: &str) -> Self {
        part.clone_into(&mut self.part);
        self
    }

    /// Refuses a place that is in none of a list's `parts`, or nowhere in their order: it is another list's, or forged.
    pub(super) fn within(self, parts: &[&str]) -> Result<Self, Error> {
        let in_order = match self.sk.split_once('#') {
            Some((at, id)) => at.parse::<At>().is_ok() && id == self.id.as_str(),
            None => self.sk.is_empty() && !self.part.is_empty(),
        };
        if in_order && parts.contains(&self.part.as_str()) { Ok(self) } else { Err(wrong()) }
    }

    pub(super) fn start_of(part: &str) -> Self {
        Self { part: part.into(), sk: String::new(), id: ThreadId::new(ulid::Ulid::from_parts(0, 0)) }
    }
}

/// Makes a place opaque, so that nobody builds on its form.
pub fn encode(place: &impl Serialize) -> Result<String, Error> {
    Ok(BASE64_URL_SAFE_NO_PAD.encode(serde_json::to_vec(place).map_err(Error::internal)?))
}

pub fn decode<T: for<'de> Deserialize<'de>>(text: &str) -> Result<T, Error> {
    let json = BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|_| wrong())?;
    serde_json::from_slice(&json).map_err(|_| wrong())
}

fn wrong() -> Error {
    Error::invalid("cursor", "is not a valid cursor for this list")
}
