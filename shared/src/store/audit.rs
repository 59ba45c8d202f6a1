//! The audit trail: appended to, read by day, and deleted by the table's TTL alone.

use super::{
    Store, key,
    read::{Query, SortKey},
    row::{self, Item},
    write::Transaction,
};
use crate::{Error, domain::audit::AuditEntry};

impl Store {
    /// Appends an entry. Does nothing where no trail is kept.
    pub async fn audit_put(&self, tenant: &str, entry: &AuditEntry) -> Result<(), Error> {
        match self.audit_row(tenant, entry)? {
            Some(item) => self.put(item).await,
            None => Ok(()),
        }
    }

    /// A page of one day's entries, newest first: at most `limit`, older than `before`, which is the sort key of the
    /// last entry of the page before. `true`: there may be more.
    pub async fn audit_page(
        &self,
        tenant: &str,
        day: &str,
        before: Option<String>,
        limit: usize,
    ) -> Result<(Vec<AuditEntry>, bool), Error> {
        let query = Query {
            partition: key::audit_partition(tenant, day),
            // One more than asked for: the condition includes `before` itself.
            limit: Some(limit + usize::from(before.is_some())),
            sort: before.clone().map(SortKey::AtMost),
            newest_first: true,
            ..Query::default()
        };
        let page = self.query(query).await?;
        let older = page.items.into_iter().filter(|item| before.as_deref() != Some(row::text(item, "sk")));
        Ok((older.map(row::read).collect::<Result<_, _>>()?, page.next.is_some()))
    }

    fn audit_row(&self, tenant: &str, entry: &AuditEntry) -> Result<Option<Item>, Error> {
        let Some(kept_for) = self.timeouts.audit else { return Ok(None) };
        let mut item = row::row(key::audit(tenant, entry.at, &entry.id), entry)?;
        item.insert("expires_at".into(), row::number((entry.at + kept_for).seconds()));
        Ok(Some(item))
    }

    /// The transaction with an entry, where there is one and a trail is kept.
    pub(super) fn audited(
        &self,
        transaction: Transaction,
        tenant: &str,
        entry: Option<&AuditEntry>,
    ) -> Result<Transaction, Error> {
        match entry.map(|entry| self.audit_row(tenant, entry)).transpose()?.flatten() {
            Some(item) => transaction.put(&self.table, item, None),
            None => Ok(transaction),
        }
    }
}
