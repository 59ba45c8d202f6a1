//! All that the stand-in keeps.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use super::{conversation::Conversation, file::File, item::Item, refused::Refused, vector_store::VectorStore};

/// Ids are ULIDs, so an ordered map lists in the order of creation.
#[derive(Default)]
pub(super) struct World {
    pub(super) conversations: HashMap<String, Conversation>,
    /// By conversation, and beside it: deleting a conversation leaves its items.
    pub(super) items: HashMap<String, Vec<Item>>,
    /// By id, as the JSON they are answered in: a tenth of the memory of the same as values.
    pub(super) responses: HashMap<String, Box<str>>,
    pub(super) files: HashMap<String, File>,
    pub(super) vector_stores: BTreeMap<String, VectorStore>,
}

/// How much of each kind exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Counts {
    pub conversations: usize,
    /// Items of all conversations, deleted ones included.
    pub items: usize,
    /// Those of them whose conversation is gone, so that no call can list them any more.
    pub orphaned_items: usize,
    pub responses: usize,
    pub files: usize,
    pub vector_stores: usize,
    /// Conversations with a response under way, and so locked.
    pub running: usize,
}

impl World {
    pub(super) fn counts(&self) -> Counts {
        let orphaned =
            |(id, items): (&String, &Vec<Item>)| (!self.conversations.contains_key(id)).then_some(items.len());
        Counts {
            conversations: self.conversations.len(),
            items: self.items.values().map(Vec::len).sum(),
            orphaned_items: self.items.iter().filter_map(orphaned).sum(),
            responses: self.responses.len(),
            files: self.files.len(),
            vector_stores: self.vector_stores.len(),
            running: self.conversations.values().filter(|c| c.running).count(),
        }
    }

    pub(super) fn conversation(&mut self, id: &str) -> Result<&mut Conversation, Refused> {
        let found = self.conversations.get_mut(id);
        found.ok_or_else(|| Refused::not_found("Conversation", id))
    }

    /// The items of a conversation that exists, oldest first.
    pub(super) fn items(&mut self, conversation: &str) -> Result<&mut Vec<Item>, Refused> {
        self.conversation(conversation)?;
        Ok(self.items.entry(conversation.to_owned()).or_default())
    }
}
