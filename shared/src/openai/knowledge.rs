//! A chatbot's knowledge: files, and the vector store that makes them searchable.

use reqwest::{
    Method,
    multipart::{Form, Part},
};
use serde_json::json;

use super::{
    client::OpenAi,
    failure::Failure,
    transport::{ObjectId, RequestKind},
};

impl OpenAi {
    /// Uploads a text for search and returns the file's id.
    pub async fn file_create(&self, name: &str, text: &str) -> Result<String, Failure> {
        let name = file_name(name);
        let form = || {
            let part = Part::text(text.to_owned()).file_name(name.clone());
            Form::new().text("purpose", "assistants").part("file", part)
        };
        let created: ObjectId = self
            .fetch(RequestKind::NotIdempotent, || self.request(Method::POST, &["files"], &[]).multipart(form()))
            .await?;
        Ok(created.id)
    }

    /// Deletes a file. Succeeds if it does not exist.
    pub async fn file_delete(&self, id: &str) -> Result<(), Failure> {
        self.remove(&["files", id]).await
    }

    /// Creates a vector store and returns its id. The files (at most 500) become searchable some seconds later.
    pub async fn vector_store_create(&self, name: &str, file_ids: &[String]) -> Result<String, Failure> {
        let body = json!({ "name": name, "file_ids": file_ids });
        let created: ObjectId = self
            .fetch(RequestKind::NotIdempotent, || self.request(Method::POST, &["vector_stores"], &[]).json(&body))
            .await?;
        Ok(created.id)
    }

    /// Deletes a vector store, but not its files. Succeeds if it does not exist.
    pub async fn vector_store_delete(&self, id: &str) -> Result<(), Failure> {
        self.remove(&["vector_stores", id]).await
    }
}

/// A file name with an extension that vector stores accept. They refuse a file that has none.
fn file_name(name: &str) -> String {
    let extension = name.rsplit_once('.').map(|(_, extension)| extension.to_lowercase());
    match extension.as_deref() {
        Some("md" | "txt" | "json" | "html") => name.to_owned(),
        _ => format!("{name}.txt"),
    }
}
