//! The objects that the stand-in keeps, as OpenAI keeps them for an account.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{error::ApiError, item::Item, stamp::now};

/// All objects of the account. Ids are ULIDs, so an ordered map lists in the order of creation.
#[derive(Default)]
pub(super) struct Account {
    pub(super) conversations: HashMap<String, Conversation>,
    /// The items of each conversation, apart from it because deleting a conversation leaves its items.
    pub(super) items: HashMap<String, Vec<Item>>,
    /// Stored responses as JSON, which takes a tenth of the memory of the same as values.
    pub(super) responses: HashMap<String, Box<str>>,
    pub(super) files: HashMap<String, File>,
    pub(super) vector_stores: BTreeMap<String, VectorStore>,
    /// The shutdown date (`YYYY-MM-DD`) of each model that has one.
    pub(super) shutdown_dates: HashMap<String, String>,
}

/// The number of objects of each kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Counts {
    pub conversations: usize,
    /// Items of all conversations, including deleted conversations.
    pub items: usize,
    /// Items whose conversation is deleted, so that no call can list them any more.
    pub orphaned_items: usize,
    pub responses: usize,
    pub files: usize,
    pub vector_stores: usize,
    /// Conversations that are locked by a running response.
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

    /// All objects with their contents, as text.
    pub(super) fn contents(&self) -> String {
        let conversations = self.conversations.iter().map(|(id, conversation)| conversation.resource(id));
        let stores = self.vector_stores.values().map(VectorStore::resource);
        let mut objects: Vec<String> = conversations.chain(stores).map(|object| object.to_string()).collect();
        objects.extend(self.items.values().flatten().map(|item| json!(item).to_string()));
        objects.extend(self.responses.values().map(ToString::to_string));
        for (id, file) in &self.files {
            objects.push(file.resource(id).to_string());
            objects.push(String::from_utf8_lossy(&file.content).into_owned());
        }
        objects.join("\n")
    }

    pub(super) fn conversation(&mut self, id: &str) -> Result<&mut Conversation, ApiError> {
        let found = self.conversations.get_mut(id);
        found.ok_or_else(|| ApiError::not_found("Conversation", id))
    }

    /// The items of an existing conversation, oldest first.
    pub(super) fn items(&mut self, conversation: &str) -> Result<&mut Vec<Item>, ApiError> {
        self.conversation(conversation)?;
        Ok(self.items.entry(conversation.to_owned()).or_default())
    }

    pub(super) fn vector_store(&mut self, id: &str) -> Result<&mut VectorStore, ApiError> {
        let found = self.vector_stores.get_mut(id);
        found.ok_or_else(|| ApiError::not_found("Vector store", id))
    }

    /// The membership of an uploaded file in a vector store.
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
    /// Locked by a running response: no other may start, and no item may be added.
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
    /// The files of the store, oldest first.
    pub(super) files: Vec<VectorStoreFile>,
}

/// A file in a vector store, indexed as soon as it is added.
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
    /// Removes a file from the store. Returns false if it was not in it.
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
