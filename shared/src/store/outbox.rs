//! The outbox: work for other servers, written in the transaction of the change that causes it.
//!
//! An item is attempted at once and deleted when it has succeeded. Until then it is due, and the sweep retries it by
//! its [`RetrySchedule`].

use super::{
    Cleanup, Store, TopicNotice, WebhookDelivery,
    key::{self, Key},
    outcome::{condition_met, into_error},
    row::{self, Item},
    write::Condition,
};
use crate::{
    Error,
    domain::{At, RetrySchedule},
};

/// One piece of work for another server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OutboxItem {
    /// Objects to delete at OpenAI.
    Cleanup(Cleanup),
    /// A change of owner to post to a chatbot's webhook.
    Delivery(WebhookDelivery),
    /// A thread that waits for a person, to publish to the topic.
    Notice(TopicNotice),
}

impl From<Cleanup> for OutboxItem {
    fn from(cleanup: Cleanup) -> Self {
        Self::Cleanup(cleanup)
    }
}

impl From<WebhookDelivery> for OutboxItem {
    fn from(delivery: WebhookDelivery) -> Self {
        Self::Delivery(delivery)
    }
}

impl From<TopicNotice> for OutboxItem {
    fn from(notice: TopicNotice) -> Self {
        Self::Notice(notice)
    }
}

impl OutboxItem {
    pub fn schedule(&self) -> &RetrySchedule {
        match self {
            Self::Cleanup(cleanup) => &cleanup.schedule,
            Self::Delivery(delivery) => &delivery.schedule,
            Self::Notice(notice) => &notice.schedule,
        }
    }

    /// The item after one more attempt at `now`: due again later.
    fn attempted(&self, now: At) -> Self {
        let mut attempted = self.clone();
        let schedule = match &mut attempted {
            Self::Cleanup(cleanup) => &mut cleanup.schedule,
            Self::Delivery(delivery) => &mut delivery.schedule,
            Self::Notice(notice) => &mut notice.schedule,
        };
        *schedule = schedule.after_attempt(now);
        attempted
    }

    /// True where an erasure waits for it: it is never given up.
    pub fn is_required(&self) -> bool {
        matches!(self, Self::Cleanup(cleanup) if cleanup.is_required)
    }

    /// The item is as it was read: nobody has attempted or completed it since, and no erasure has come to wait for it.
    fn unchanged(&self) -> Condition {
        let mut condition = Condition::due(self.schedule().due);
        if !self.is_required() {
            condition.expression.push_str(" AND attribute_not_exists(#required)");
            condition.names.insert("#required".into(), "is_required".into());
        }
        condition
    }

    fn key(&self) -> Key {
        match self {
            Self::Cleanup(cleanup) => cleanup.key(),
            Self::Delivery(delivery) => delivery.key(),
            Self::Notice(notice) => notice.key(),
        }
    }

    pub(super) fn row(&self) -> Result<Item, Error> {
        let key = self.key();
        let mut item = match self {
            Self::Cleanup(cleanup) => row::row(key.clone(), cleanup)?,
            Self::Delivery(delivery) => row::row(key.clone(), delivery)?,
            Self::Notice(notice) => row::row(key.clone(), notice)?,
        };
        row::make_due(&mut item, &key.pk, self.schedule().due);
        Ok(item)
    }
}

impl Store {
    /// Has the outbox never give a cleanup up. Written even where it is gone: one that was given up a moment ago is due
    /// again, and for one that succeeded another attempt finds nothing.
    pub async fn cleanup_require(&self, cleanup: &Cleanup) -> Result<(), Error> {
        self.put(OutboxItem::from(cleanup.clone().required()).row()?).await
    }

    /// The item at `key`, read consistently; `None` when it has succeeded or `key` is not an outbox item's.
    pub async fn outbox_get(&self, key: &Key) -> Result<Option<OutboxItem>, Error> {
        let Some(item) = self.get(key.clone()).await? else { return Ok(None) };
        Ok(match key.outbox_kind() {
            Some(key::OutboxKind::Cleanup) => Some(OutboxItem::Cleanup(row::read(item)?)),
            Some(key::OutboxKind::Delivery) => Some(OutboxItem::Delivery(row::read(item)?)),
            Some(key::OutboxKind::Notice) => Some(OutboxItem::Notice(row::read(item)?)),
            None => None,
        })
    }

    /// Takes the item for one more attempt: nobody else attempts it until it is due again. `None` when somebody else
    /// took it, or it has succeeded.
    pub async fn outbox_take(&self, item: &OutboxItem, now: At) -> Result<Option<OutboxItem>, Error> {
        let attempted = item.attempted(now);
        let taken = self.put_if(attempted.row()?, item.unchanged()).await?;
        Ok(taken.then_some(attempted))
    }

    /// Gives an item up, as it was taken for its last attempt. `false` where an erasure has come to wait for it
    /// meanwhile: it stays.
    pub async fn outbox_give_up(&self, taken: &OutboxItem) -> Result<bool, Error> {
        let Condition { expression, names, values } = taken.unchanged();
        let deleted = self
            .dynamo
            .delete_item()
            .table_name(&self.table)
            .set_key(Some(taken.key().attributes()))
            .condition_expression(expression)
            .set_expression_attribute_names(Some(names))
            .set_expression_attribute_values(Some(values))
            .send()
            .await;
        condition_met(deleted)
    }

    /// Deletes an item that has succeeded.
    pub async fn outbox_delete(&self, item: &OutboxItem) -> Result<(), Error> {
        let delete = self.dynamo.delete_item().table_name(&self.table).set_key(Some(item.key().attributes()));
        delete.send().await.map(|_| ()).map_err(into_error)
    }
}
