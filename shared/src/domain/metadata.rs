//! A thread's title and metadata, here and at OpenAI.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::ThreadId;
use crate::Error;

/// A thread's title and metadata. An item of its own, so that a turn does not read and write it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ThreadMetadata {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
}

impl ThreadMetadata {
    pub const MAX_TITLE_CHARS: usize = 200;
    /// The most metadata pairs: OpenAI keeps 16 with a conversation, and two of them are ours.
    pub const MAX_METADATA_PAIRS: usize = 14;
    /// The beginning of the keys that agents, admins and signed tokens write: what a customer says is not among them.
    const VERIFIED: &str = "verified.";
    const RESERVED: [&str; 2] = ["switchboard_thread", "title"];

    /// The key of what a customer's token vouches for under `name`.
    pub fn verified(name: &str) -> String {
        format!("{}{name}", Self::VERIFIED)
    }

    /// Checks that a customer may write, or remove, these keys.
    pub fn check_self_given<'a>(keys: impl IntoIterator<Item = &'a String>) -> Result<(), Error> {
        match keys.into_iter().find(|key| key.starts_with(Self::VERIFIED)) {
            Some(key) => Err(Error::invalid(field(key), "can be changed by agents, admins and signed tokens only")),
            None => Ok(()),
        }
    }

    pub fn validate(&self) -> Result<(), Error> {
        if self.title.as_ref().is_some_and(|title| title.chars().count() > Self::MAX_TITLE_CHARS) {
            return Err(Error::invalid("title", format!("must have at most {} characters", Self::MAX_TITLE_CHARS)));
        }
        if self.metadata.len() > Self::MAX_METADATA_PAIRS {
            return Err(Error::invalid("metadata", format!("must have at most {} pairs", Self::MAX_METADATA_PAIRS)));
        }
        for (key, value) in &self.metadata {
            let field = || field(key);
            if !(1..=64).contains(&key.chars().count()) {
                return Err(Error::invalid(field(), "must have a key of 1 to 64 characters"));
            }
            if Self::RESERVED.contains(&key.as_str()) {
                return Err(Error::invalid(field(), "is a reserved key"));
            }
            if value.chars().count() > 512 {
                return Err(Error::invalid(field(), "must have at most 512 characters"));
            }
        }
        Ok(())
    }

    /// The metadata of the conversation at OpenAI: the thread's pairs, its title, and its id.
    pub fn mirrored(&self, thread: &ThreadId) -> BTreeMap<String, String> {
        let mut pairs = self.metadata.clone();
        pairs.insert("switchboard_thread".into(), thread.to_string());
        if let Some(title) = &self.title {
            pairs.insert("title".into(), title.clone());
        }
        pairs
    }
}

/// The field of a request that a key stands for.
fn field(key: &str) -> String {
    format!("metadata.{}", key.chars().take(64).collect::<String>())
}
