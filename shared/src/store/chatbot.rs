//! Chatbots and their documents.
//!
//! New documents are written beside the old ones, as a set with a new name. One conditional write then points the
//! chatbot's own item to that set, so a reader never gets a mixture of both.

use aws_sdk_dynamodb::types::AttributeValue::S;
use futures::{StreamExt, TryStreamExt, stream};

use super::{
    Cleanup, Created, Creation, OutboxItem, Store,
    commit::token,
    key,
    outcome::condition_met,
    read::Query,
    row::{self, text},
    write::{Condition, Transacted, Transaction},
};
use crate::{
    Error,
    domain::{
        Chatbot, ChatbotId,
        chatbot::{Document, Knowledge},
    },
};

/// Documents that are written concurrently.
const MAX_CONCURRENT_PUTS: usize = 8;

/// A change of a chatbot, written as a whole or not at all.
pub struct ChatbotWrite<'a> {
    pub chatbot: &'a Chatbot,
    /// The chatbot as it was read.
    pub before: &'a Chatbot,
    /// The cleanup of the objects at OpenAI that the change makes unused.
    pub cleanup: Option<Cleanup>,
}

impl Store {
    /// Writes a new chatbot and its documents.
    pub async fn chatbot_create(
        &self,
        chatbot: &Chatbot,
        documents: &[Document],
        creation: &Creation,
    ) -> Result<Created, Error> {
        self.documents_put(chatbot, documents).await?;
        let key = key::chatbot(&chatbot.tenant, &chatbot.id);
        let transaction =
            creation.guard(&self.table)?.put(&self.table, row::row(key, chatbot)?, Some(Condition::absent()))?;
        let created = self.create(transaction, creation).await;
        if !matches!(created, Ok(Created::New)) {
            self.documents_delete(chatbot, &key::documents(&chatbot.documents_set)).await?;
        }
        created
    }

    pub async fn chatbot_get(&self, tenant: &str, id: &ChatbotId) -> Result<Option<Chatbot>, Error> {
        let found = self.get(key::chatbot(tenant, id)).await?;
        found.map(row::read).transpose()
    }

    /// A tenant's chatbots, newest first: at most `limit` that are older than `before`, and whether there are more.
    pub async fn chatbot_list(
        &self,
        tenant: &str,
        before: Option<&ChatbotId>,
        limit: usize,
    ) -> Result<(Vec<Chatbot>, bool), Error> {
        let mut start = before.map(|id| key::chatbot(tenant, id).attributes());
        let mut chatbots: Vec<Chatbot> = Vec::new();
        loop {
            let query = Query {
                partition: key::chatbots_partition(tenant),
                newest_first: true,
                limit: Some(limit + 1 - chatbots.len()),
                start,
                ..Query::default()
            };
            let page = self.query(query).await?;
            let read = page.items.into_iter().map(row::read);
            chatbots.extend(read.collect::<Result<Vec<_>, _>>()?);
            start = page.next;
            if chatbots.len() > limit {
                chatbots.truncate(limit);
                return Ok((chatbots, true));
            }
            if start.is_none() {
                return Ok((chatbots, false));
            }
        }
    }

    /// Writes a changed chatbot over the version at which it was read, with its new documents, if any.
    /// Returns `false`, and writes nothing, if the chatbot was changed in the meantime.
    pub async fn chatbot_update(
        &self,
        write: &ChatbotWrite<'_>,
        documents: Option<&[Document]>,
    ) -> Result<bool, Error> {
        let chatbot = write.chatbot;
        if let Some(documents) = documents {
            self.documents_put(chatbot, documents).await?;
        }
        let key = key::chatbot(&chatbot.tenant, &chatbot.id);
        let unchanged = Some(Condition::at_version(write.before.version));
        let mut transaction = Transaction::default().put(&self.table, row::row(key, chatbot)?, unchanged)?;
        if let Some(cleanup) = write.cleanup.clone() {
            transaction = transaction.put(&self.table, OutboxItem::from(cleanup).row()?, None)?;
        }
        let done = matches!(self.transact(transaction, &token()).await?, Transacted::Done);
        if documents.is_some() {
            // The set that the chatbot does not, or no longer does, point to.
            let unused = if done { &write.before.documents_set } else { &chatbot.documents_set };
            self.documents_delete(chatbot, &key::documents(unused)).await?;
        }
        Ok(done)
    }

    /// Stub.
    pub async fn chatbot_refused(&self, _chatbot: &Chatbot, _parameter: &str) -> Result<(), Error> {
        Ok(())
    }

    /// Records the chatbot's documents at OpenAI. Returns `false` if that was already done, or if the documents have
    /// changed in the meantime.
    pub async fn chatbot_set_knowledge(&self, chatbot: &Chatbot, knowledge: &Knowledge) -> Result<bool, Error> {
        let updated = self
            .dynamo
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key::chatbot(&chatbot.tenant, &chatbot.id).attributes()))
            .update_expression("SET #knowledge = :knowledge")
            .condition_expression("#documents = :documents AND attribute_not_exists(#knowledge)")
            .expression_attribute_names("#knowledge", "knowledge")
            .expression_attribute_names("#documents", "documents_set")
            .expression_attribute_values(":documents", S(chatbot.documents_set.clone()))
            .expression_attribute_values(
                ":knowledge",
                serde_dynamo::to_attribute_value(knowledge).map_err(Error::internal)?,
            )
            .send()
            .await;
        condition_met(updated)
    }

    /// Deletes a chatbot at the version at which it was read, then its documents. Returns `false` if it was changed in
    /// the meantime.
    pub async fn chatbot_delete(&self, chatbot: &Chatbot, cleanup: Option<Cleanup>) -> Result<bool, Error> {
        let key = key::chatbot(&chatbot.tenant, &chatbot.id);
        let mut transaction =
            Transaction::default().delete_if(&self.table, key, Condition::at_version(chatbot.version))?;
        if let Some(cleanup) = cleanup {
            transaction = transaction.put(&self.table, OutboxItem::from(cleanup).row()?, None)?;
        }
        if !matches!(self.transact(transaction, &token()).await?, Transacted::Done) {
            return Ok(false);
        }
        self.documents_delete(chatbot, key::DOCUMENTS).await?;
        Ok(true)
    }

    /// The chatbot's documents, in the order in which they were given.
    pub async fn documents_get(&self, chatbot: &Chatbot) -> Result<Vec<Document>, Error> {
        let partition = key::chatbot_partition(&chatbot.tenant, &chatbot.id);
        let items = self.get_beginning(&partition, &key::documents(&chatbot.documents_set)).await?;
        let read = |item: &row::Item| Document { name: text(item, "name").into(), text: text(item, "text").into() };
        Ok(items.iter().map(read).collect())
    }

    async fn documents_put(&self, chatbot: &Chatbot, documents: &[Document]) -> Result<(), Error> {
        let put = |(place, document): (usize, &Document)| {
            let key = key::document(&chatbot.tenant, &chatbot.id, &chatbot.documents_set, place);
            let item = row::row(key, document);
            async move { self.put(item?).await }
        };
        stream::iter(documents.iter().enumerate().map(put)).buffer_unordered(MAX_CONCURRENT_PUTS).try_collect().await
    }

    async fn documents_delete(&self, chatbot: &Chatbot, prefix: &str) -> Result<(), Error> {
        let keys = self.partition_keys(&key::chatbot_partition(&chatbot.tenant, &chatbot.id)).await?;
        self.delete_all(keys.into_iter().filter(|key| key.sk.starts_with(prefix)).collect()).await
    }
}
