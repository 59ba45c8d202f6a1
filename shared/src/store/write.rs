//! Transactions and batches, which are retried, and writes of single items, which are not.

use std::collections::HashMap;

use aws_sdk_dynamodb::{
    error::SdkError,
    operation::transact_write_items::TransactWriteItemsError,
    types::{
        AttributeValue, Delete, DeleteRequest, Put, ReturnValuesOnConditionCheckFailure::AllOld, TransactWriteItem,
        Update, WriteRequest,
    },
};
use tokio::time::sleep;

use super::{
    Store,
    key::Key,
    outcome::{backoff, condition_met, into_error, is_retryable, wait},
    row::Item,
};
use crate::{Error, domain::At};

/// A transaction, built one put, update, delete or check at a time.
#[derive(Clone, Default)]
pub(super) struct Transaction(Vec<TransactWriteItem>);

/// A condition expression, with its names and values.
pub(super) struct Condition {
    pub(super) expression: String,
    pub(super) names: HashMap<String, String>,
    pub(super) values: HashMap<String, AttributeValue>,
}

impl Condition {
    /// The item has the version that was read.
    pub(super) fn at_version(version: u64) -> Self {
        Self {
            expression: "#version = :version".into(),
            names: HashMap::from([("#version".into(), "version".into())]),
            values: HashMap::from([(":version".into(), super::row::number(version))]),
        }
    }

    /// The item has the due time that was read: nobody has attempted or completed it since.
    pub(super) fn due(due: At) -> Self {
        Self {
            expression: "#due = :due".into(),
            names: HashMap::from([("#due".into(), "due".into())]),
            values: HashMap::from([(":due".into(), AttributeValue::S(due.to_string()))]),
        }
    }

    /// The item does not exist.
    pub(super) fn absent() -> Self {
        Self {
            expression: "attribute_not_exists(#pk)".into(),
            names: HashMap::from([("#pk".into(), "pk".into())]),
            values: HashMap::new(),
        }
    }
}

/// The outcome of a transaction.
pub(super) enum Transacted {
    Done,
    /// Nothing was written. One entry an item of the transaction: `Some`, with the item in the table, where its
    /// condition was not met.
    Refused(Vec<Option<Item>>),
}

impl Transaction {
    pub(super) fn put(mut self, table: &str, item: Item, condition: Option<Condition>) -> Result<Self, Error> {
        let mut put = Put::builder().table_name(table).set_item(Some(item));
        if let Some(Condition { expression, names, values }) = condition {
            put = put
                .condition_expression(expression)
                .set_expression_attribute_names(Some(names))
                .set_expression_attribute_values((!values.is_empty()).then_some(values))
                .return_values_on_condition_check_failure(AllOld);
        }
        let put = put.build().map_err(Error::internal)?;
        self.0.push(TransactWriteItem::builder().put(put).build());
        Ok(self)
    }

    /// Adds to numbers of the item at `key`, which must exist; nothing where all of them are zero.
    pub(super) fn add(mut self, table: &str, key: Key, numbers: &[(&str, u64)]) -> Result<Self, Error> {
        let Some(addition) = Addition::of(numbers) else { return Ok(self) };
        let update = Update::builder()
            .table_name(table)
            .set_key(Some(key.attributes()))
            .update_expression(addition.expression)
            .condition_expression("attribute_exists(#pk)")
            .set_expression_attribute_names(Some(addition.names))
            .expression_attribute_names("#pk", "pk")
            .set_expression_attribute_values(Some(addition.values))
            .build()
            .map_err(Error::internal)?;
        self.0.push(TransactWriteItem::builder().update(update).build());
        Ok(self)
    }

    pub(super) fn delete_if(mut self, table: &str, key: Key, condition: Condition) -> Result<Self, Error> {
        let delete = Delete::builder()
            .table_name(table)
            .set_key(Some(key.attributes()))
            .condition_expression(condition.expression)
            .set_expression_attribute_names(Some(condition.names))
            .set_expression_attribute_values((!condition.values.is_empty()).then_some(condition.values))
            .build()
            .map_err(Error::internal)?;
        self.0.push(TransactWriteItem::builder().delete(delete).build());
        Ok(self)
    }

    pub(super) fn update(mut self, update: Update) -> Self {
        self.0.push(TransactWriteItem::builder().update(update).build());
        self
    }

    pub(super) fn check(mut self, table: &str, key: Key, condition: Condition) -> Result<Self, Error> {
        let check = aws_sdk_dynamodb::types::ConditionCheck::builder()
            .table_name(table)
            .set_key(Some(key.attributes()))
            .condition_expression(condition.expression)
            .set_expression_attribute_names(Some(condition.names))
            .set_expression_attribute_values((!condition.values.is_empty()).then_some(condition.values))
            .return_values_on_condition_check_failure(AllOld)
            .build()
            .map_err(Error::internal)?;
        self.0.push(TransactWriteItem::builder().condition_check(check).build());
        Ok(self)
    }
}

/// An update expression that adds to numbers, with its names and values.
pub(super) struct Addition {
    pub(super) expression: String,
    pub(super) names: HashMap<String, String>,
    pub(super) values: HashMap<String, AttributeValue>,
}

impl Addition {
    /// `None` where all numbers are zero.
    pub(super) fn of(numbers: &[(&str, u64)]) -> Option<Self> {
        let added: Vec<_> = numbers.iter().filter(|(_, number)| *number > 0).collect();
        let terms: Vec<_> = added.iter().map(|(name, _)| format!("#{name} :{name}")).collect();
        let names = added.iter().map(|(name, _)| (format!("#{name}"), (*name).to_owned())).collect();
        let values = added.iter().map(|(name, number)| (format!(":{name}"), super::row::number(*number))).collect();
        (!terms.is_empty()).then(|| Self { expression: format!("ADD {}", terms.join(", ")), names, values })
    }
}

impl Store {
    /// Sends a transaction, again after conflicts, throttles and unknown outcomes. Every attempt has the same request
    /// token, so it is written at most once. After [`Error::Busy`] it may have been written or not.
    pub(super) async fn transact(&self, transaction: Transaction, token: &str) -> Result<Transacted, Error> {
        let mut backoff = backoff();
        loop {
            let write = self
                .dynamo
                .transact_write_items()
                .set_transact_items(Some(transaction.0.clone()))
                .client_request_token(token);
            let Err(error) = Box::pin(write.send()).await else { return Ok(Transacted::Done) };
            match error {
                SdkError::ServiceError(refusal) if refusal.err().is_transaction_canceled_exception() => {
                    if let Some(refused) = refused_items(refusal.into_err())? {
                        return Ok(Transacted::Refused(refused));
                    }
                    wait(&mut backoff).await?;
                }
                error => {
                    let delay = backoff.next_delay().filter(|_| is_retryable(&error));
                    sleep(delay.ok_or_else(|| into_error(error))?).await;
                }
            }
        }
    }

    /// Writes an item, over an existing one.
    pub(super) async fn put(&self, item: Item) -> Result<(), Error> {
        let put = self.dynamo.put_item().table_name(&self.table).set_item(Some(item));
        Box::pin(put.send()).await.map(|_| ()).map_err(into_error)
    }

    /// Writes an item where the condition is met. `false` where it is not: nothing was written.
    pub(super) async fn put_if(&self, item: Item, condition: Condition) -> Result<bool, Error> {
        let put = self
            .dynamo
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item))
            .condition_expression(condition.expression)
            .set_expression_attribute_names(Some(condition.names))
            .set_expression_attribute_values(Some(condition.values));
        condition_met(put.send().await)
    }

    /// Deletes the items at `keys`, in batches of 25; keys that DynamoDB leaves unprocessed are sent again.
    pub(super) async fn delete_all(&self, keys: Vec<Key>) -> Result<(), Error> {
        let delete = |key: Key| -> Result<WriteRequest, Error> {
            let delete = DeleteRequest::builder().set_key(Some(key.attributes())).build().map_err(Error::internal)?;
            Ok(WriteRequest::builder().delete_request(delete).build())
        };
        let requests = keys.into_iter().map(delete).collect::<Result<Vec<_>, _>>()?;
        for batch in requests.chunks(25) {
            let mut left = HashMap::from([(self.table.clone(), batch.to_vec())]);
            let mut backoff = backoff();
            loop {
                let sent =
                    self.dynamo.batch_write_item().set_request_items(Some(left)).send().await.map_err(into_error)?;
                left = sent.unprocessed_items.unwrap_or_default();
                if left.values().all(Vec::is_empty) {
                    break;
                }
                wait(&mut backoff).await?;
            }
        }
        Ok(())
    }
}

/// A new request token: DynamoDB executes all sendings of a transaction under one token once.
pub(super) fn token() -> String {
    ulid::Ulid::generate().to_string()
}

/// The items of a cancelled transaction whose conditions were not met; `None` where it only met another transaction and
/// may be sent again.
fn refused_items(error: TransactWriteItemsError) -> Result<Option<Vec<Option<Item>>>, Error> {
    let TransactWriteItemsError::TransactionCanceledException(cancelled) = error else {
        return Err(Error::internal(error));
    };
    let reasons = cancelled.cancellation_reasons.unwrap_or_default();
    let is = |code: &str| reasons.iter().any(|reason| reason.code.as_deref() == Some(code));
    if is("ConditionalCheckFailed") {
        let refused = |code: Option<&str>, item| (code == Some("ConditionalCheckFailed")).then_some(item);
        let items = reasons.into_iter().map(|r| refused(r.code.as_deref(), r.item.unwrap_or_default()));
        return Ok(Some(items.collect()));
    }
    if is("TransactionConflict") || is("ThrottlingError") || is("ProvisionedThroughputExceeded") {
        return Ok(None);
    }
    let codes: Vec<_> = reasons.into_iter().filter_map(|reason| reason.code).collect();
    Err(Error::internal(format!("a transaction was cancelled: {codes:?}")))
}
