//! The functions' wires of the AWS SDK, with the gate on each: to the table, the sockets, and `chat`.

use std::{
    fmt,
    sync::{Arc, Mutex},
};

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
use local::dynamo::InProcess;
use serde_json::Value;
use tokio::sync::oneshot;

use super::{
    gate::{Call, Fate, Gate, InstanceId},
    leases::Leases,
    tries::Tries,
};
use crate::wire::{asked, conflict, lock, refusal};

/// One instance's wire to `to`.
#[derive(Clone, Debug)]
pub(super) struct Through<T> {
    pub(super) gate: Gate,
    pub(super) instance: InstanceId,
    pub(super) to: T,
}

impl<T> Through<T> {
    pub(super) fn new(gate: &Gate, instance: InstanceId, to: T) -> Self {
        Self { gate: gate.clone(), instance, to }
    }
}

/// DynamoDB, and the checks that read what is written.
#[derive(Clone, Debug)]
pub(super) struct Table {
    pub(super) database: InProcess,
    pub(super) leases: Leases,
    pub(super) tries: Tries,
}

impl HttpClient for Through<Table> {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Through<Table> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let operation = request.headers().get("x-amz-target").unwrap_or_default();
        let operation = operation.rsplit('.').next().unwrap_or_default().to_owned();
        let through = self.clone();
        let (answers, answer) = oneshot::channel();
        // On a task of its own: a request that was sent may arrive although its sender has given up.
        tokio::spawn(async move {
            let answer = through.carry(operation, request).await;
            // The clock advanced beyond the sender's patience.
            if answers.send(answer).is_err() {
                through.gate.count_fault();
            }
        });
        HttpConnectorFuture::new(async move { answer.await.unwrap_or_else(|_| Err(lost())) })
    }
}

impl Through<Table> {
    async fn carry(&self, operation: String, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let is_transaction = operation == "TransactWriteItems";
        let answer = match self.gate.out(self.instance, Call::Table(operation)).await {
            Fate::Conflict if is_transaction => Ok(conflict(&asked(&request))),
            Fate::Refused | Fate::Conflict => Ok(refusal("ProvisionedThroughputExceededException")),
            Fate::NeverSent => Err(lost()),
            Fate::AnswerLost => self.arrive(request).await.and(Err(lost())),
            _ => self.arrive(request).await,
        };
        self.gate.back(self.instance).await;
        answer
    }

    async fn arrive(&self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let asked = asked(&request);
        let answer = self.to.database.call(request).await?;
        if answer.status().is_success() {
            self.to.leases.wrote(&asked);
            self.to.tries.wrote(&asked);
        }
        Ok(answer)
    }
}

fn lost() -> ConnectorError {
    ConnectorError::io("the connection was closed before the answer came".into())
}

/// The frames that arrived at the sockets.
#[derive(Clone, Debug, Default)]
pub(super) struct Frames(Arc<Mutex<Received>>);

#[derive(Debug, Default)]
struct Received {
    /// The connections and their frames, in the order of arrival.
    frames: Vec<(String, Value)>,
    lost: usize,
}

impl Frames {
    /// The number of frames that did not arrive when they were sent.
    pub(super) fn lost(&self) -> usize {
        lock(&self.0).lost
    }

    /// The frames of all connections whose ids have this prefix.
    pub(super) fn of(&self, prefix: &str) -> Vec<Value> {
        let received = lock(&self.0);
        received.frames.iter().filter(|(to, _)| to.starts_with(prefix)).map(|(_, frame)| frame.clone()).collect()
    }
}

/// API Gateway's side of `@connections`.
impl HttpClient for Through<Frames> {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Through<Frames> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let through = self.clone();
        HttpConnectorFuture::new(async move {
            let fate = through.gate.out(through.instance, Call::Socket).await;
            let status = if matches!(fate, Fate::Refused | Fate::Conflict) { 500 } else { 200 };
            if status == 200 && fate != Fate::NeverSent {
                let connection = request.uri().rsplit('/').next().unwrap_or_default().to_owned();
                let frame = serde_json::from_slice(request.body().bytes().unwrap_or_default()).unwrap_or_default();
                lock(&through.to.0).frames.push((connection, frame));
            } else {
                lock(&through.to.0).lost += 1;
            }
            through.gate.back(through.instance).await;
            if matches!(fate, Fate::NeverSent | Fate::AnswerLost) {
                return Err(lost());
            }
            let status = StatusCode::try_from(status).expect("a status");
            Ok(HttpResponse::new(status, SdkBody::empty()))
        })
    }
}

/// Lambda's asynchronous `Invoke`: each event that is accepted rings, whether or not its sender waits.
#[derive(Clone)]
pub(super) struct Doorbell(Arc<dyn Fn(String) + Send + Sync>);

impl Doorbell {
    /// A doorbell that passes each accepted event to `ring`.
    pub(super) fn new(ring: impl Fn(String) + Send + Sync + 'static) -> Self {
        Self(Arc::new(ring))
    }
}

impl fmt::Debug for Doorbell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Doorbell")
    }
}

impl HttpClient for Through<Doorbell> {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Through<Doorbell> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let through = self.clone();
        HttpConnectorFuture::new(async move {
            let fate = through.gate.out(through.instance, Call::Invoke).await;
            let refused = matches!(fate, Fate::Refused | Fate::Conflict);
            if !refused && fate != Fate::NeverSent {
                let event = String::from_utf8_lossy(request.body().bytes().unwrap_or_default());
                (through.to.0)(event.into_owned());
            }
            through.gate.back(through.instance).await;
            if matches!(fate, Fate::NeverSent | Fate::AnswerLost) {
                return Err(lost());
            }
            let status = StatusCode::try_from(if refused { 500 } else { 202 }).expect("a status");
            Ok(HttpResponse::new(status, SdkBody::empty()))
        })
    }
}
