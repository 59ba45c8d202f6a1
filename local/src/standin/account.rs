//! All that the stand-in keeps.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{error::ApiError, item::Item, stamp::now};

/// Ids are ULIDs, so an ordered map lists in the order of creation.
#[derive(Default)]
pub(super) struct Account {
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

impl Account {
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

    pub(super) fn conversation(&mut self, id: &str) -> Result<&mut Conversation, ApiError> {
        let found = self.conversations.get_mut(id);
        found.ok_or_else(|| ApiError::not_found("Conversation", id))
    }

    /// The items of a conversation that exists, oldest first.
    pub(super) fn items(&mut self, conversation: &str) -> Result<&mut Vec<Item>, ApiError> {
        self.conversation(conversation)?;
        Ok(self.items.entry(conversation.to_owned()).or_default())
    }

    pub(super) fn vector_store(&mut self, id: &str) -> Result<&mut VectorStore, ApiError> {
        let found = self.vector_stores.get_mut(id);
        found.ok_or_else(|| ApiError::not_found("Vector store", id))
    }

    /// The file as a member of the store.
    pub(super) fn vector_store_file(
        &self,
        store: &str,
        file: &str,
        attributes: Map<String, Value>,
    ) -> Result<VectorStoreFile, ApiError> {
        let usage_bytes = self.files.get(file).map(|file| file.content.len());
        Ok(VectorStoreFile {
            id: file.to_owned(),
            object: "vector_store.file",
            usage_bytes: usage_bytes.ok_or_else(|| ApiError::not_found("File", file))?,
            created_at: now(),
            vector_store_id: store.to_owned(),
            status: "completed",
            last_error: None,
            attributes,
        })
    }
}

pub(super) struct Conversation {
    pub(super) created_at: u64,
    pub(super) metadata: Map<String, Value>,
    /// A response is under way: no other may start, nothing may be added.
    pub(super) running: bool,
}

impl Conversation {
    pub(super) fn resource(&self, id: &str) -> Value {
        json!({"id": id, "object": "conversation", "created_at": self.created_at, "metadata": self.metadata})
    }
}

pub(super) struct File {
    pub(super) name: String,
    pub(super) purpose: String,
    pub(super) created_at: u64,
    pub(super) content: Vec<u8>,
}

impl File {
    pub(super) fn resource(&self, id: &str) -> Value {
        json!({
            "id": id,
            "object": "file",
            "bytes": self.content.len(),
            "created_at": self.created_at,
            "filename": self.name,
            "purpose": self.purpose,
            "status": "processed",
        })
    }
}

pub(super) struct VectorStore {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) metadata: Map<String, Value>,
    pub(super) expires_after: Option<Value>,
    pub(super) created_at: u64,
    /// Oldest first.
    pub(super) files: Vec<VectorStoreFile>,
}

/// A file within a store, indexed as soon as it is there.
#[derive(Clone, Serialize)]
pub(super) struct VectorStoreFile {
    pub(super) id: String,
    pub(super) object: &'static str,
    pub(super) usage_bytes: usize,
    pub(super) created_at: u64,
    pub(super) vector_store_id: String,
    pub(super) status: &'static str,
    pub(super) last_error: Option<Value>,
    pub(super) attributes: Map<String, Value>,
}

impl VectorStore {
    /// Whether it was there.
    pub(super) fn remove(&mut self, file: &str) -> bool {
        let before = self.files.len();
        self.files.retain(|present| present.id != file);
        self.files.len() < before
    }

    pub(super) fn resource(&self) -> Value {
        let files = self.files.len();
        let mut resource = json!({
            "id": self.id,
            "object": "vector_store",
            "created_at": self.created_at,
            "last_active_at": self.created_at,
            "name": self.name,
            "metadata": self.metadata,
            "usage_bytes": self.files.iter().map(|file| file.usage_bytes).sum::<usize>(),
            "status": "completed",
            "file_counts": {"in_progress": 0, "completed": files, "failed": 0, "cancelled": 0, "total": files},
        });
        if let Some(expires_after) = &self.expires_after {
            resource["expires_after"] = expires_after.clone();
        }
        resource
    }
}
