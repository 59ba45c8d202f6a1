//! A chatbot's knowledge: its documents, at OpenAI as files in a vector store.

use std::time::Duration;

use futures::{StreamExt, future::try_join_all, stream};
use tokio::time::{Instant, timeout_at};

use crate::{
    App, Error,
    domain::{
        Chatbot,
        chatbot::{Document, Knowledge, Memory},
    },
    openai::Failure,
    store::Cleanup,
};

/// The timeout of uploading all of a chatbot's documents: a request has 29 s in all.
const UPLOAD_TIMEOUT: Duration = Duration::from_secs(8);

/// The most uploads at the same time.
const MAX_CONCURRENT_UPLOADS: usize = 16;

const UPLOAD_TIMED_OUT: Failure = Failure::Unavailable { maybe_ran: true };

impl App {
    /// The memory of this chatbot's threads: a conversation at OpenAI where both the server and the chatbot allow it.
    pub fn memory_of(&self, chatbot: &Chatbot) -> Memory {
        if self.memory == Memory::Local { Memory::Local } else { chatbot.config.memory }
    }

    /// Uploads documents to OpenAI. After a failure the files that were uploaded are deleted again.
    pub async fn knowledge_create(&self, chatbot: &Chatbot, documents: &[Document]) -> Result<Knowledge, Failure> {
        let until = Instant::now() + UPLOAD_TIMEOUT;
        let upload = |it: Document| async move {
            timeout_at(until, self.openai.file_create(&it.name, &it.text)).await.unwrap_or(Err(UPLOAD_TIMED_OUT))
        };
        let files = stream::iter(documents.to_vec()).map(upload).buffered(MAX_CONCURRENT_UPLOADS);
        let files: Vec<Result<String, Failure>> = files.collect().await;
        let file_ids: Vec<String> = files.iter().flatten().cloned().collect();
        let store = if let Some(failure) = files.into_iter().find_map(Result::err) {
            Err(failure)
        } else {
            let store = self.openai.vector_store_create(chatbot.id.as_str(), &file_ids);
            timeout_at(until, store).await.unwrap_or(Err(UPLOAD_TIMED_OUT))
        };
        match store {
            Ok(vector_store_id) => Ok(Knowledge { vector_store_id, file_ids }),
            Err(failure) => {
                // Files that cannot be deleted now stay at OpenAI: nothing refers to them.
                let _ = self
                    .briefly(async {
                        let deletions = file_ids.iter().map(|file| self.openai.file_delete(file));
                        try_join_all(deletions).await
                    })
                    .await;
                Err(failure)
            }
        }
    }

    /// The knowledge that the model searches. Documents that could not be uploaded when they were set are uploaded now.
    pub async fn knowledge_of(&self, chatbot: &Chatbot) -> Result<Option<Knowledge>, Error> {
        if chatbot.knowledge.is_some() || chatbot.document_names.is_empty() {
            return Ok(chatbot.knowledge.clone());
        }
        let documents = self.store.documents_get(chatbot).await?;
        let Ok(knowledge) = self.knowledge_create(chatbot, &documents).await else { return Ok(None) };
        if !self.store.chatbot_set_knowledge(chatbot, &knowledge).await? {
            // Somebody else uploaded them, or changed the documents: nothing refers to this upload.
            let _ = self.delete_remote(&knowledge.into()).await;
            let now = self.store.chatbot_get(&chatbot.tenant, &chatbot.id).await?;
            return Ok(now.and_then(|now| now.knowledge));
        }
        Ok(Some(knowledge))
    }

    /// The cleanup of a chatbot's documents at OpenAI, to be written with the change that replaces them.
    pub fn knowledge_cleanup(&self, chatbot: &Chatbot) -> Option<Cleanup> {
        Some(Cleanup::of_knowledge(chatbot, chatbot.knowledge.clone()?, self.now()))
    }
}
