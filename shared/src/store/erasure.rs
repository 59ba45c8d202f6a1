//! Erasures: one under way, which names the customer and is due work, and the receipts, which name nobody.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{AttributeValue::S, Update};
use serde::{Deserialize, Serialize};

use super::{
    Cleanup, Store, key,
    outcome::{condition_met, into_error},
    row::{self, text},
    write::{Addition, Condition, Transacted, Transaction, token},
};
use crate::{
    Error,
    domain::{At, Erasure, ErasureId, Thread, ThreadId, audit::AuditEntry, erasure::ErasedCounts},
    retry_on_conflict,
};

/// An erasure under way. It is deleted when the erasure is done, so that nothing names the customer any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingErasure {
    pub tenant: String,
    pub customer_id: String,
    pub id: ErasureId,
    pub requested_at: At,
}

impl Store {
    /// Begins an erasure, due at `due`, and returns its receipt. One that is already under way is joined: it erases
    /// what there is now, and the receipt is its own.
    pub async fn erasure_begin(
        &self,
        tenant: &str,
        customer: &str,
        erasure: Erasure,
        due: At,
        audit: Option<&AuditEntry>,
    ) -> Result<Erasure, Error> {
        // It may be done, or joined by others, between the two.
        retry_on_conflict(|| async {
            match self.erasure_create(tenant, customer, &erasure, due, audit).await? {
                None => Ok(Some(erasure.clone())),
                Some(earlier) => self.erasure_join(&earlier, erasure.requested_at, due, audit).await,
            }
        })
        .await
    }

    /// Writes an erasure with its receipt, unless there is one under way: that is returned.
    async fn erasure_create(
        &self,
        tenant: &str,
        customer: &str,
        erasure: &Erasure,
        due: At,
        audit: Option<&AuditEntry>,
    ) -> Result<Option<PendingErasure>, Error> {
        let pending = PendingErasure {
            tenant: tenant.into(),
            customer_id: customer.into(),
            id: erasure.id.clone(),
            requested_at: erasure.requested_at,
        };
        let place = key::pending_erasure(tenant, customer);
        let mut item = row::row(place.clone(), &pending)?;
        row::make_due(&mut item, &place.pk, due);
        let receipt = row::row(key::erasure(tenant, &erasure.id), erasure)?;
        let both = Transaction::default().put(&self.table, item, Some(Condition::absent()))?.put(
            &self.table,
            receipt,
            Some(Condition::absent()),
        )?;
        let both = self.audited(both, tenant, audit)?;
        match self.transact(both, &token()).await? {
            Transacted::Done => Ok(None),
            Transacted::Refused(reasons) => {
                let Some(earlier) = reasons.into_iter().next().flatten() else {
                    return Err(Error::internal("the new id of an erasure already exists"));
                };
                row::read(earlier).map(Some)
            }
        }
    }

    /// Has an erasure under way erase what there is at `at`, and look again at `due`. Returns its receipt; `None` where
    /// it has changed since it was read.
    async fn erasure_join(
        &self,
        pending: &PendingErasure,
        at: At,
        due: At,
        audit: Option<&AuditEntry>,
    ) -> Result<Option<Erasure>, Error> {
        // The clock of another function may be ahead.
        let at = at.max(pending.requested_at);
        let place = key::pending_erasure(&pending.tenant, &pending.customer_id);
        let receipt = key::erasure(&pending.tenant, &pending.id);
        let both = Transaction::default()
            .update(set(&self.table, place, &[("requested_at", at), ("due_sk", due)], unchanged(pending))?)
            .update(set(&self.table, receipt, &[("requested_at", at)], has_id(&pending.id))?);
        let audit = audit.map(|entry| AuditEntry { erasure_id: Some(pending.id.clone()), ..entry.clone() });
        let both = self.audited(both, &pending.tenant, audit.as_ref())?;
        match self.transact(both, &token()).await? {
            Transacted::Done => self.erasure_get(&pending.tenant, &pending.id).await,
            Transacted::Refused(_) => Ok(None),
        }
    }

    pub async fn erasure_get(&self, tenant: &str, id: &ErasureId) -> Result<Option<Erasure>, Error> {
        self.get(key::erasure(tenant, id)).await?.map(row::read).transpose()
    }

    pub async fn erasure_pending(&self, tenant: &str, customer: &str) -> Result<Option<PendingErasure>, Error> {
        self.get(key::pending_erasure(tenant, customer)).await?.map(row::read).transpose()
    }

    /// Has the sweep look at the erasure again after `due`.
    pub async fn erasure_postpone(&self, pending: &PendingErasure, due: At) -> Result<(), Error> {
        let postponed = self
            .dynamo
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key::pending_erasure(&pending.tenant, &pending.customer_id).attributes()))
            .update_expression("SET #due = :due")
            .condition_expression("#id = :id")
            .expression_attribute_names("#due", "due_sk")
            .expression_attribute_names("#id", "id")
            .expression_attribute_values(":due", S(due.to_string()))
            .expression_attribute_values(":id", S(pending.id.to_string()))
            .send()
            .await;
        // One that another sweep has finished needs no other look.
        condition_met(postponed).map(|_| ())
    }

    /// Finishes an erasure, unless a repeat has joined it since it was read: its receipt is done, and nothing names the
    /// customer.
    pub async fn erasure_finish(&self, pending: &PendingErasure, now: At) -> Result<(), Error> {
        let receipt = self.erasure_get(&pending.tenant, &pending.id).await?;
        let mut receipt = receipt.ok_or_else(|| Error::internal("an erasure has no receipt"))?;
        receipt.done_at = Some(now);
        let place = key::pending_erasure(&pending.tenant, &pending.customer_id);
        let receipt = row::row(key::erasure(&pending.tenant, &pending.id), &receipt)?;
        let both = Transaction::default().delete_if(&self.table, place, unchanged(pending))?.put(
            &self.table,
            receipt,
            None,
        )?;
        // Refused where another sweep has finished it.
        self.transact(both, &token()).await.map(|_| ())
    }

    /// Adds to the counts of a receipt.
    pub async fn erasure_count(&self, pending: &PendingErasure, counts: &ErasedCounts) -> Result<(), Error> {
        let Some(addition) = Addition::of(&counts.named()) else { return Ok(()) };
        let added = self
            .dynamo
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key::erasure(&pending.tenant, &pending.id).attributes()))
            .update_expression(addition.expression)
            .set_expression_attribute_names(Some(addition.names))
            .set_expression_attribute_values(Some(addition.values))
            .send()
            .await;
        added.map(|_| ()).map_err(into_error)
    }

    /// Replaces a thread by a tombstone that is purged at `due`, and counts it in the receipt, in one transaction: no
    /// thread counts twice. `false` on a conflict.
    pub async fn thread_erase(
        &self,
        before: &Thread,
        cleanup: Option<Cleanup>,
        due: At,
        pending: &PendingErasure,
        counts: &ErasedCounts,
    ) -> Result<bool, Error> {
        let receipt = key::erasure(&pending.tenant, &pending.id);
        let transaction = self.tombstone(before, cleanup, due)?.add(&self.table, receipt, &counts.named())?;
        Ok(matches!(self.transact(transaction, &token()).await?, Transacted::Done))
    }

    /// The number of notes in a thread.
    pub async fn note_count(&self, tenant: &str, id: &ThreadId) -> Result<u64, Error> {
        let keys = self.partition_keys(&key::thread_partition(tenant, id)).await?;
        Ok(keys.iter().filter(|key| key::is_note(&key.sk)).count() as u64)
    }

    /// Deletes what is left in a customer's partition, but for the erasure itself and entries of connections made after
    /// it. `is_last`: nothing else is left. Before that, the counters of budgets stay, because they also count what the
    /// customer does meanwhile.
    pub async fn customer_partition_delete(&self, pending: &PendingErasure, is_last: bool) -> Result<(), Error> {
        let items = self.query_all(key::customer_partition(&pending.tenant, &pending.customer_id), None).await?;
        let stays = |sk: &str| {
            sk == key::ERASURE
                || [key::CUSTOMER_CONNECTION, key::CUSTOMER_CREATION].iter().any(|it| sk.starts_with(it))
                || sk.starts_with(key::BUDGET) && !is_last
        };
        let gone = items.iter().filter(|item| !stays(text(item, "sk")));
        let keys = gone.map(|item| key::Key { pk: text(item, "pk").into(), sk: text(item, "sk").into() }).collect();
        self.delete_all(keys).await
    }
}

/// The item is of this erasure.
fn has_id(id: &ErasureId) -> Condition {
    Condition {
        expression: "#id = :id".into(),
        names: HashMap::from([("#id".into(), "id".into())]),
        values: HashMap::from([(":id".into(), S(id.to_string()))]),
    }
}

/// The erasure is still under way, and no repeat has joined it since it was read.
fn unchanged(pending: &PendingErasure) -> Condition {
    let mut condition = has_id(&pending.id);
    condition.expression.push_str(" AND #at = :at");
    condition.names.insert("#at".into(), "requested_at".into());
    condition.values.insert(":at".into(), S(pending.requested_at.to_string()));
    condition
}

/// Sets times of the item at `key`, where the condition is met.
fn set(table: &str, key: key::Key, times: &[(&str, At)], condition: Condition) -> Result<Update, Error> {
    let Condition { expression, mut names, mut values } = condition;
    let terms: Vec<_> = (0..times.len()).map(|n| format!("#time{n} = :time{n}")).collect();
    for (n, (name, time)) in times.iter().enumerate() {
        names.insert(format!("#time{n}"), (*name).to_owned());
        values.insert(format!(":time{n}"), S(time.to_string()));
    }
    Update::builder()
        .table_name(table)
        .set_key(Some(key.attributes()))
        .update_expression(format!("SET {}", terms.join(", ")))
        .condition_expression(expression)
        .set_expression_attribute_names(Some(names))
        .set_expression_attribute_values(Some(values))
        .build()
        .map_err(Error::internal)
}
