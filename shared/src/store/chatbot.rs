//! Chatbots and their documents.
//!
//! New documents are written beside the old ones, as a set with a new name. One conditional write then points the
//! chatbot's own item to that set, so a reader never gets a mixture of both.
//!
//! The status of its models and the parameters that they refuse are written beside its settings, on condition of their
//! version, which they do not raise. So they conflict with no admin's change, and one that comes first makes them void.

use aws_sdk_dynamodb::{
    operation::update_item::builders::UpdateItemFluentBuilder,
    types::AttributeValue::{self, L, S},
};
use futures::{StreamExt, TryStreamExt, stream};
use serde::Serialize;

use super::{
    Cleanup, Created, Creation, OutboxItem, Store, key,
    outcome::condition_met,
    read::Query,
    row::{self, text},
    write::{Condition, Transacted, Transaction, token},
};
use crate::{
    Error,
    domain::{
        Chatbot, ChatbotId,
        audit::AuditEntry,
        chatbot::{Document, Knowledge, ModelStatus},
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
    pub audit: Option<AuditEntry>,
}

impl Store {
    /// Writes a new chatbot and its documents.
    pub async fn chatbot_create(
        &self,
        chatbot: &Chatbot,
        documents: &[Document],
        creation: &Creation,
        audit: Option<&AuditEntry>,
    ) -> Result<Created, Error> {
        self.documents_put(chatbot, documents).await?;
        let transaction =
            creation.guard(&self.table)?.put(&self.table, row::chatbot(chatbot)?, Some(Condition::absent()))?;
        let transaction = self.audited(transaction, &chatbot.tenant, audit)?;
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
        let unchanged = Some(Condition::at_version(write.before.version));
        let mut transaction = Transaction::default().put(&self.table, row::chatbot(chatbot)?, unchanged)?;
        if let Some(cleanup) = write.cleanup.clone() {
            transaction = transaction.put(&self.table, OutboxItem::from(cleanup).row()?, None)?;
        }
        transaction = self.audited(transaction, &chatbot.tenant, write.audit.as_ref())?;
        let done = matches!(self.transact(transaction, &token()).await?, Transacted::Done);
        if documents.is_some() {
            // The set that the chatbot does not, or no longer does, point to.
            let unused = if done { &write.before.documents_set } else { &chatbot.documents_set };
            self.documents_delete(chatbot, &key::documents(unused)).await?;
        }
        Ok(done)
    }

    /// Records the chatbot's documents at OpenAI. Returns `false` if that was already done, or if the documents have
    /// changed in the meantime.
    pub async fn chatbot_set_knowledge(&self, chatbot: &Chatbot, knowledge: &Knowledge) -> Result<bool, Error> {
        let updated = self
            .chatbot_item(chatbot)
            .update_expression("SET #knowledge = :knowledge")
            .condition_expression("#documents = :documents AND attribute_not_exists(#knowledge)")
            .expression_attribute_names("#knowledge", "knowledge")
            .expression_attribute_names("#documents", "documents_set")
            .expression_attribute_values(":documents", S(chatbot.documents_set.clone()))
            .expression_attribute_values(":knowledge", attribute(knowledge)?)
            .send()
            .await;
        condition_met(updated)
    }

    /// Adds a request parameter that the server refused to those of this version of the chatbot, once. Does nothing if
    /// the chatbot was changed or deleted in the meantime.
    pub async fn chatbot_refused(&self, chatbot: &Chatbot, parameter: &str) -> Result<(), Error> {
        let parameter = S(parameter.to_owned());
        let updated = self
            .chatbot_item(chatbot)
            .update_expression("SET #refused = list_append(if_not_exists(#refused, :none), :added)")
            .condition_expression("#version = :version AND NOT contains(#refused, :parameter)")
            .expression_attribute_names("#refused", "refused_parameters")
            .expression_attribute_names("#version", "version")
            .expression_attribute_values(":none", L(Vec::new()))
            .expression_attribute_values(":added", L(vec![parameter.clone()]))
            .expression_attribute_values(":parameter", parameter)
            .expression_attribute_values(":version", row::number(chatbot.version))
            .send()
            .await;
        condition_met(updated).map(|_| ())
    }

    /// Records the status of the chatbot's model. Returns `false` if the chatbot was changed or deleted in the
    /// meantime.
    pub async fn chatbot_set_model_status(&self, chatbot: &Chatbot, status: &ModelStatus) -> Result<bool, Error> {
        let updated = self
            .chatbot_item(chatbot)
            .update_expression("SET #status = :status")
            .condition_expression("#version = :version")
            .expression_attribute_names("#status", "model_status")
            .expression_attribute_names("#version", "version")
            .expression_attribute_values(":status", attribute(status)?)
            .expression_attribute_values(":version", row::number(chatbot.version))
            .send()
            .await;
        condition_met(updated)
    }

    /// Records a model check: the status of both models, and the time of the next check, as in `checked`. Returns
    /// `false` if somebody else was first: the chatbot's version and due time have to be those of `before`.
    pub async fn chatbot_model_checked(&self, before: &Chatbot, checked: &Chatbot) -> Result<bool, Error> {
        let updated = self
            .chatbot_item(before)
            .update_expression("SET #status = :status, #fallback = :fallback, #next = :next, #index = :next")
            .condition_expression("#version = :version AND #next = :due")
            .expression_attribute_names("#status", "model_status")
            .expression_attribute_names("#fallback", "fallback_status")
            .expression_attribute_names("#next", "model_check_due")
            .expression_attribute_names("#index", "due_sk")
            .expression_attribute_names("#version", "version")
            .expression_attribute_values(":status", attribute(&checked.model_status)?)
            .expression_attribute_values(":fallback", attribute(&checked.fallback_status)?)
            .expression_attribute_values(":next", attribute(checked.model_check_due)?)
            .expression_attribute_values(":due", attribute(before.model_check_due)?)
            .expression_attribute_values(":version", row::number(before.version))
            .send()
            .await;
        condition_met(updated)
    }

    fn chatbot_item(&self, chatbot: &Chatbot) -> UpdateItemFluentBuilder {
        let key = key::chatbot(&chatbot.tenant, &chatbot.id);
        self.dynamo.update_item().table_name(&self.table).set_key(Some(key.attributes()))
    }

    /// Deletes a chatbot at the version at which it was read, then its documents. Returns `false` if it was changed in
    /// the meantime.
    pub async fn chatbot_delete(
        &self,
        chatbot: &Chatbot,
        cleanup: Option<Cleanup>,
        audit: Option<&AuditEntry>,
    ) -> Result<bool, Error> {
        let key = key::chatbot(&chatbot.tenant, &chatbot.id);
        let mut transaction =
            Transaction::default().delete_if(&self.table, key, Condition::at_version(chatbot.version))?;
        if let Some(cleanup) = cleanup {
            transaction = transaction.put(&self.table, OutboxItem::from(cleanup).row()?, None)?;
        }
        transaction = self.audited(transaction, &chatbot.tenant, audit)?;
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

fn attribute(value: impl Serialize) -> Result<AttributeValue, Error> {
    serde_dynamo::to_attribute_value(value).map_err(Error::internal)
}
