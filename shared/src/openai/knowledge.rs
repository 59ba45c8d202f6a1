//! A chatbot's knowledge: files, and the vector store that finds things in them.

use reqwest::{
    Method,
    multipart::{Form, Part},
};
use serde_json::json;

use super::{Failure, OpenAi, conversation::Created, transport::Resend};

impl OpenAi {
    /// Uploads a text for searching; answers the file's id.
    pub async fn file_create(&self, name: &str, text: &str) -> Result<String, Failure> {
        let name = file_name(name);
        let form = || {
            let part = Part::text(text.to_owned()).file_name(name.clone());
            Form::new().text("purpose", "assistants").part("file", part)
        };
        let created: Created =
            self.fetch(Resend::OnlyIfToldTo, || self.request(Method::POST, &["files"], &[]).multipart(form())).await?;
        Ok(created.id)
    }

    /// A file that is gone already is success.
    pub async fn file_delete(&self, id: &str) -> Result<(), Failure> {
        self.remove(&["files", id]).await
    }

    /// Answers the new store's id. The files (at most 500) are searchable some seconds later.
    pub async fn vector_store_create(&self, name: &str, file_ids: &[String]) -> Result<String, Failure> {
        let body = json!({ "name": name, "file_ids": file_ids });
        let created: Created = self
            .fetch(Resend::OnlyIfToldTo, || self.request(Method::POST, &["vector_stores"], &[]).json(&body))
            .await?;
        Ok(created.id)
    }

    /// Leaves the files in it alone. A store that is gone already is success.
    pub async fn vector_store_delete(&self, id: &str) -> Result<(), Failure> {
        self.remove(&["vector_stores", id]).await
    }
}

/// A vector store takes a file by its extension, and refuses one without.
fn file_name(name: &str) -> String {
    let extension = name.rsplit_once('.').map(|(_, extension)| extension.to_lowercase());
    match extension.as_deref() {
        Some("md" | "txt" | "json" | "html") => name.to_owned(),
        _ => format!("{name}.txt"),
    }
}
