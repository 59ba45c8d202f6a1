//! Creations that may be repeated: the same key gives the same answer.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Store,
    commit::token,
    key,
    row::{self, Item},
    write::{Condition, Transacted, Transaction},
};
use crate::{
    Error,
    domain::{At, Identity},
    fingerprint,
};

/// How long a key is remembered: a day.
const KEPT_SECONDS: i64 = 24 * 60 * 60;

/// A creation, under the key that its caller gave it, if any.
#[derive(Clone, Debug)]
pub struct Creation {
    pub key: Option<Idempotency>,
}

/// What a key was used for. Enough to give the first answer again, word for word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Idempotency {
    pub tenant: String,
    pub subject: String,
    pub key: String,
    /// A digest of the request.
    pub fingerprint: String,
    /// The first answer, as JSON.
    pub answer: String,
    /// Unix seconds. The table forgets a key some time after this, we at once.
    pub expires_at: i64,
}

#[derive(Debug)]
pub enum Created {
    New,
    /// It was created before, under the same key.
    Before(Idempotency),
}

impl Idempotency {
    /// The first answer.
    pub fn answer(&self) -> Result<Value, Error> {
        serde_json::from_str(&self.answer).map_err(Error::internal)
    }

    fn place(&self) -> key::Key {
        key::idempotency(&self.tenant, &self.subject, &self.key)
    }

    /// When it was made, in Unix seconds.
    fn made(&self) -> i64 {
        self.expires_at - KEPT_SECONDS
    }

    /// The earlier use, if it was for the same request.
    fn same_as(&self, earlier: Item) -> Result<Self, Error> {
        let earlier: Self = row::read(earlier)?;
        if earlier.fingerprint == self.fingerprint { Ok(earlier) } else { Err(Error::Mismatch("this Idempotency-Key")) }
    }
}

impl Creation {
    /// A creation by `identity`, under the key that the request has, if it has one. `request` is all that makes it the
    /// same request or another.
    pub fn under(identity: &Identity, key: Option<&str>, request: &[&[u8]], now: At) -> Self {
        let key = key.map(|key| Idempotency {
            tenant: identity.tenant.clone(),
            subject: identity.subject.clone(),
            key: key.into(),
            fingerprint: fingerprint(request),
            answer: String::new(),
            expires_at: now.seconds() + KEPT_SECONDS,
        });
        Self { key }
    }

    /// Keeps the answer with the key, and gives it back.
    pub fn answers(&mut self, view: &impl Serialize) -> Result<Value, Error> {
        let answer = serde_json::to_value(view).map_err(Error::internal)?;
        if let Some(key) = &mut self.key {
            key.answer = answer.to_string();
        }
        Ok(answer)
    }

    /// The beginning of the creation's transaction: its key, if it has one, must be unused.
    pub(super) fn guard(&self, table: &str) -> Result<Transaction, Error> {
        let Some(key) = &self.key else { return Ok(Transaction::default()) };
        let unused = Condition {
            expression: "attribute_not_exists(#pk) OR #expires <= :now".into(),
            names: HashMap::from([("#pk".into(), "pk".into()), ("#expires".into(), "expires_at".into())]),
            values: HashMap::from([(":now".into(), row::number(key.made()))]),
        };
        Transaction::default().put(table, row::row(key.place(), key)?, Some(unused))
    }
}

impl Store {
    /// The answer that was given before under the creation's key. Spares OpenAI what would only be undone.
    pub async fn answer_before(&self, creation: &Creation) -> Result<Option<Value>, Error> {
        let Some(key) = &creation.key else { return Ok(None) };
        let found = self.get(key.place()).await?;
        let live = |item: &Item| row::read::<Idempotency>(item.clone()).is_ok_and(|it| it.expires_at > key.made());
        found.filter(live).map(|item| key.same_as(item)?.answer()).transpose()
    }

    pub(super) async fn create(&self, transaction: Transaction, creation: &Creation) -> Result<Created, Error> {
        match self.transact(transaction, &token()).await? {
            Transacted::Done => Ok(Created::New),
            Transacted::Refused(reasons) => match (&creation.key, reasons.into_iter().next().flatten()) {
                (Some(key), Some(earlier)) => Ok(Created::Before(key.same_as(earlier)?)),
                _ => Err(Error::internal("the new id already exists")),
            },
        }
    }
}
