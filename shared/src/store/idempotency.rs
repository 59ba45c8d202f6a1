//! Idempotent creations: a repeat with the same key gets the same response.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Store,
    key::{self, Key},
    row::{self, Item, text},
    write::{Condition, Transacted, Transaction, token},
};
use crate::{
    Error,
    domain::{At, Identity, Thread},
    fingerprint,
};

/// Lifetime of an idempotency key: a day.
const KEY_LIFETIME_SECONDS: i64 = 24 * 60 * 60;

/// A creation, with the idempotency key that its caller chose, if any.
#[derive(Clone, Debug)]
pub struct Creation {
    pub key: Option<Idempotency>,
}

/// The use of an idempotency key, with the first response, which a repeat gets unchanged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Idempotency {
    pub tenant: String,
    pub subject: String,
    pub key: String,
    /// The fingerprint of the request.
    pub fingerprint: String,
    /// The first response, as JSON.
    #[serde(rename = "answer")]
    pub response: String,
    /// Unix seconds. The table deletes the key some time later, but it counts as unused from this second on.
    pub expires_at: i64,
}

/// The entry by which a record of an idempotency key is found.
#[derive(Serialize)]
struct CreationEntry {
    record_pk: String,
    record_sk: String,
    expires_at: i64,
}

#[derive(Debug)]
pub enum Created {
    New,
    /// The same key was used for an earlier creation.
    Before(Idempotency),
}

impl Idempotency {
    /// The first response.
    pub fn response(&self) -> Result<Value, Error> {
        serde_json::from_str(&self.response).map_err(Error::internal)
    }

    fn place(&self) -> key::Key {
        key::idempotency(&self.tenant, &self.subject, &self.key)
    }

    /// The time of the creation, in Unix seconds.
    fn created(&self) -> i64 {
        self.expires_at - KEY_LIFETIME_SECONDS
    }

    /// Returns the earlier use if it was for the same request, and an error otherwise.
    fn same_request(&self, earlier: Item) -> Result<Self, Error> {
        let earlier: Self = row::read(earlier)?;
        if earlier.fingerprint == self.fingerprint { Ok(earlier) } else { Err(Error::Mismatch("this Idempotency-Key")) }
    }
}

impl Creation {
    /// A creation by `identity` with the request's key, if it has one. `request` is everything that distinguishes it
    /// from another request.
    pub fn under(identity: &Identity, key: Option<&str>, request: &[&[u8]], now: At) -> Self {
        let key = key.map(|key| Idempotency {
            tenant: identity.tenant.clone(),
            subject: identity.subject.clone(),
            key: key.into(),
            fingerprint: fingerprint(request),
            response: String::new(),
            expires_at: now.seconds() + KEY_LIFETIME_SECONDS,
        });
        Self { key }
    }

    /// Stores the response with the key and returns it.
    pub fn record(&mut self, view: &impl Serialize) -> Result<Value, Error> {
        let response = serde_json::to_value(view).map_err(Error::internal)?;
        if let Some(key) = &mut self.key {
            key.response = response.to_string();
        }
        Ok(response)
    }

    /// The entry by which an erasure of the customer finds the key of an agent or admin who creates their thread.
    pub(super) fn entry_of_customer(&self, thread: &Thread) -> Result<Option<Item>, Error> {
        let Some(key) = self.key.as_ref().filter(|key| key.subject != thread.customer_id) else { return Ok(None) };
        let Key { pk, sk } = key.place();
        let entry = CreationEntry { record_pk: pk, record_sk: sk, expires_at: key.expires_at };
        let place = key::customer_creation(&thread.tenant, &thread.customer_id, &key.subject, &key.key);
        row::row(place, entry).map(Some)
    }

    /// Begins the creation's transaction, with the condition that its key, if it has one, is unused.
    pub(super) fn guard(&self, table: &str) -> Result<Transaction, Error> {
        let Some(key) = &self.key else { return Ok(Transaction::default()) };
        let unused = Condition {
            expression: "attribute_not_exists(#pk) OR #expires <= :now".into(),
            names: HashMap::from([("#pk".into(), "pk".into()), ("#expires".into(), "expires_at".into())]),
            values: HashMap::from([(":now".into(), row::number(key.created()))]),
        };
        Transaction::default().put(table, row::row(key.place(), key)?, Some(unused))
    }
}

impl Store {
    /// The earlier response under the creation's key, if there is one. Checked first, so that a repeat creates nothing
    /// at OpenAI that would have to be deleted again.
    pub async fn earlier_response(&self, creation: &Creation) -> Result<Option<Value>, Error> {
        let Some(key) = &creation.key else { return Ok(None) };
        let found = self.get(key.place()).await?;
        let live = |item: &Item| row::read::<Idempotency>(item.clone()).is_ok_and(|it| it.expires_at > key.created());
        found.filter(live).map(|item| key.same_request(item)?.response()).transpose()
    }

    /// Deletes the records of idempotency keys whose creations, until `until`, were a customer's own or made threads
    /// for them. Returns the number of records.
    pub async fn idempotency_of_customer_delete(&self, tenant: &str, customer: &str, until: At) -> Result<u64, Error> {
        let is_old = |item: &Item| {
            let expires = item.get("expires_at").and_then(|value| value.as_n().ok()?.parse::<i64>().ok());
            expires.is_none_or(|expires| expires - KEY_LIFETIME_SECONDS <= until.seconds())
        };
        let place = |item: &Item, [pk, sk]: [&str; 2]| Key { pk: text(item, pk).into(), sk: text(item, sk).into() };
        let own = self.query_all(key::idempotency(tenant, customer, "").pk, None).await?;
        let made_for = self.get_beginning(&key::customer_partition(tenant, customer), key::CUSTOMER_CREATION).await?;
        let own: Vec<_> = own.iter().filter(|item| is_old(item)).map(|item| place(item, ["pk", "sk"])).collect();
        let made_for: Vec<_> = made_for.iter().filter(|item| is_old(item)).collect();
        let deleted = own.len() + made_for.len();
        self.delete_all(own).await?;
        self.delete_all(made_for.iter().map(|item| place(item, ["record_pk", "record_sk"])).collect()).await?;
        // The entries last: until then, a repeat finds the records.
        self.delete_all(made_for.iter().map(|item| place(item, ["pk", "sk"])).collect()).await?;
        Ok(deleted as u64)
    }

    pub(super) async fn create(&self, transaction: Transaction, creation: &Creation) -> Result<Created, Error> {
        match self.transact(transaction, &token()).await? {
            Transacted::Done => Ok(Created::New),
            Transacted::Refused(reasons) => match (&creation.key, reasons.into_iter().next().flatten()) {
                (Some(key), Some(earlier)) => Ok(Created::Before(key.same_request(earlier)?)),
                _ => Err(Error::internal("the new id already exists")),
            },
        }
    }
}
