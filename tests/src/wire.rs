//! A wire to the table on which calls can be made to fail, as DynamoDB and networks make them fail.
//!
//! It stands between the SDK's own client and the embedded database, so a test sees what the functions would do on AWS:
//! the SDK's retries, its reading of DynamoDB's errors, and our handling of them.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use aws_sdk_dynamodb::{Client, types::AttributeValue::S};
use aws_smithy_runtime_api::{
    client::{
        http::{HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector},
        orchestrator::{HttpRequest, HttpResponse},
        result::ConnectorError,
        runtime_components::RuntimeComponents,
    },
    http::StatusCode,
};
use aws_smithy_types::body::SdkBody;
use local::{
    DynamoWire, TABLE,
    dynamo::{InProcess, client_over},
};
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::recording::{Exchange, Recording};

/// The test's end of the wire; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Wire(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    database: OnceLock<InProcess>,
    faults: Mutex<Vec<Fault>>,
    calls: Mutex<Vec<String>>,
    death: Mutex<Option<Death>>,
    died: Notify,
    recording: Option<Recording>,
}

/// The death of the caller at a call: it never gets an answer.
#[derive(Debug)]
struct Death {
    calls_left: usize,
    /// True if the call is carried out all the same.
    has_effect: bool,
}

/// A fault that the next calls of one operation meet. Faults of the same operation apply in the order given.
#[derive(Clone, Debug)]
pub struct Fault {
    operation: &'static str,
    times: u32,
    trouble: Trouble,
}

#[derive(Clone, Debug)]
pub enum Trouble {
    /// Refused with this error, without effect.
    Refused(&'static str),
    /// A transaction that conflicts with another one at its first item: cancelled, without effect.
    Conflict,
    /// Only the first `done` items of a batch are processed; the rest is returned as unprocessed.
    Leftover { done: usize },
    /// Carried out, but the connection breaks before the response arrives.
    AnswerLost,
    /// Arrives after the idempotency token of a transaction has expired, so it is taken for a new one.
    TokenForgotten,
}

impl Fault {
    pub fn on(operation: &'static str, trouble: Trouble) -> Self {
        Self { operation, times: 1, trouble }
    }

    #[must_use]
    pub fn times(self, times: u32) -> Self {
        Self { times, ..self }
    }

    #[must_use]
    pub fn for_ever(self) -> Self {
        self.times(u32::MAX)
    }
}

impl Wire {
    /// A wire that keeps every request that reaches the database, with its response.
    pub fn recording() -> Self {
        Self(Arc::new(Inner { recording: Some(Recording::default()), ..Inner::default() }))
    }

    /// The requests so far, in the order in which the database carried them out. Only of a [`Wire::recording`].
    pub fn recorded(&self) -> Vec<Exchange> {
        self.0.recording.as_ref().expect("the wire was made to record").exchanges()
    }

    /// The transport for [`local::Options::dynamo`], of one Switchboard.
    pub fn transport(&self) -> DynamoWire {
        let wire = self.clone();
        DynamoWire::new(move |database| {
            wire.0.database.set(database.clone()).expect("a wire leads to one database");
            Tapped { database, wire }
        })
    }

    pub fn fault(&self, fault: Fault) {
        lock(&self.0.faults).push(fault);
    }

    pub fn clear_faults(&self) {
        lock(&self.0.faults).clear();
    }

    /// Has the caller die at the `call`th call from now on, before or after it takes effect: neither it nor any later
    /// one is answered.
    pub fn dies_at(&self, call: usize, has_effect: bool) {
        *lock(&self.0.death) = Some(Death { calls_left: call, has_effect });
    }

    /// Returns once the caller has died.
    pub async fn has_died(&self) {
        self.0.died.notified().await;
    }

    /// Answers calls again.
    pub fn lives_on(&self) {
        *lock(&self.0.death) = None;
    }

    /// `Some` if the caller dies at this call, or has died before: with whether it takes effect.
    fn next_death(&self) -> Option<bool> {
        let mut death = lock(&self.0.death);
        let death = death.as_mut()?;
        death.calls_left = death.calls_left.saturating_sub(1);
        (death.calls_left == 0).then(|| std::mem::take(&mut death.has_effect))
    }

    /// Number of faults that have not been used up yet.
    pub fn faults_left(&self) -> usize {
        lock(&self.0.faults).len()
    }

    /// Number of calls of an operation, the SDK's own retries included.
    pub fn calls(&self, operation: &str) -> usize {
        lock(&self.0.calls).iter().filter(|called| *called == operation).count()
    }

    /// A client of the table that meets no faults.
    pub fn table(&self) -> Client {
        client_over(self.0.database.get().expect("a Switchboard has started on this wire").clone())
    }

    /// The sort keys of all items in a partition.
    pub async fn partition(&self, pk: &str) -> Vec<String> {
        let query = self.table().query().table_name(TABLE).consistent_read(true).key_condition_expression("pk = :pk");
        let items = query.expression_attribute_values(":pk", S(pk.into())).send().await.unwrap().items.unwrap();
        items.iter().map(|item| item["sk"].as_s().unwrap().clone()).collect()
    }

    fn next_trouble(&self, operation: &str) -> Option<Trouble> {
        let mut faults = lock(&self.0.faults);
        let at = faults.iter().position(|fault| fault.operation == operation)?;
        faults[at].times -= 1;
        let trouble = faults[at].trouble.clone();
        if faults[at].times == 0 {
            faults.remove(at);
        }
        Some(trouble)
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The functions' end of the wire.
#[derive(Clone, Debug)]
struct Tapped {
    database: InProcess,
    wire: Wire,
}

impl HttpClient for Tapped {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Tapped {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
        lock(&self.wire.0.calls).push(operation.clone());
        if let Some(has_effect) = self.wire.next_death() {
            let tapped = self.clone();
            return HttpConnectorFuture::new(async move {
                if has_effect {
                    let _ = tapped.carry_out(request).await;
                }
                tapped.wire.0.died.notify_one();
                std::future::pending().await
            });
        }
        let Some(trouble) = self.wire.next_trouble(&operation) else { return self.carry_out(request) };
        let tapped = self.clone();
        HttpConnectorFuture::new(async move {
            match trouble {
                Trouble::Refused(error) => Ok(refusal(error)),
                Trouble::Conflict => Ok(conflict(&asked(&request))),
                Trouble::Leftover { done } => tapped.in_part(request, done).await,
                Trouble::AnswerLost => {
                    tapped.carry_out(request).await?;
                    Err(ConnectorError::io("the connection was closed before the answer came".into()))
                }
                Trouble::TokenForgotten => tapped.under_another_token(request).await,
            }
        })
    }
}

impl Tapped {
    fn carry_out(&self, request: HttpRequest) -> HttpConnectorFuture {
        match &self.wire.0.recording {
            None => self.database.call(request),
            Some(recording) => recording.carry_out(&self.database, request),
        }
    }

    async fn under_another_token(&self, mut request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let mut asked = asked(&request);
        asked["ClientRequestToken"] = json!("another");
        *request.body_mut() = SdkBody::from(asked.to_string());
        self.carry_out(request).await
    }

    /// Carries out the first `done` items of a batch of reads or writes.
    async fn in_part(&self, mut request: HttpRequest, done: usize) -> Result<HttpResponse, ConnectorError> {
        let mut asked = asked(&request);
        let mut rest = asked["RequestItems"].clone();
        let mut left = 0;
        for (table, wanted) in asked["RequestItems"].as_object_mut().unwrap() {
            let (list, rest) = match wanted {
                Value::Array(writes) => (writes, &mut rest[table]),
                reads => (reads["Keys"].as_array_mut().unwrap(), &mut rest[table]["Keys"]),
            };
            let over = list.split_off(done.min(list.len()));
            left += over.len();
            *rest = Value::Array(over);
        }
        let is_read = request.headers().get("x-amz-target").unwrap_or_default().ends_with("BatchGetItem");
        *request.body_mut() = SdkBody::from(asked.to_string());
        let answer = self.carry_out(request).await?;
        let mut body: Value = serde_json::from_slice(answer.body().bytes().unwrap()).unwrap();
        body[if is_read { "UnprocessedKeys" } else { "UnprocessedItems" }] = if left > 0 { rest } else { json!({}) };
        Ok(response(200, &body))
    }
}

pub fn asked(request: &HttpRequest) -> Value {
    serde_json::from_slice(request.body().bytes().unwrap_or_default()).expect("the SDK sends JSON")
}

pub fn refusal(error: &str) -> HttpResponse {
    // DynamoDB's own failures are 5xx; the ones that the caller can do something about are 400.
    let status = if ["InternalServerError", "ServiceUnavailable"].contains(&error) { 500 } else { 400 };
    let body = json!({"__type": format!("com.amazonaws.dynamodb.v20120810#{error}"), "message": "told to fail"});
    response(status, &body)
}

pub fn conflict(asked: &Value) -> HttpResponse {
    let mut reasons = vec![json!({"Code": "None"}); asked["TransactItems"].as_array().unwrap().len()];
    reasons[0] = json!({"Code": "TransactionConflict", "Message": "Transaction is ongoing for the item"});
    let body = json!({
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "Message": "Transaction cancelled, please refer cancellation reasons for specific reasons",
        "CancellationReasons": reasons,
    });
    response(400, &body)
}

fn response(status: u16, body: &Value) -> HttpResponse {
    let mut response = HttpResponse::new(StatusCode::try_from(status).unwrap(), SdkBody::from(body.to_string()));
    response.headers_mut().insert("content-type", "application/x-amz-json-1.0");
    response
}
