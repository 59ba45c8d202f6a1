//! A recording of the table's requests: what the SDK sent, and what the embedded database answered.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_smithy_runtime_api::client::{
    http::{HttpConnector, HttpConnectorFuture},
    orchestrator::HttpRequest,
};
use futures::FutureExt;
use local::dynamo::InProcess;
use serde_json::Value;

/// One request and its response.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// The operation, such as `TransactWriteItems`.
    pub operation: String,
    pub request: Value,
    pub status: u16,
    pub response: Value,
}

/// The exchanges of one database, in the order in which they were carried out; clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recording(Arc<Mutex<Vec<Exchange>>>);

impl Recording {
    pub(crate) fn exchanges(&self) -> Vec<Exchange> {
        self.locked().clone()
    }

    /// Carries a request out and keeps it. One at a time, so that the order is that of the effects.
    pub(crate) fn carry_out(&self, database: &InProcess, request: HttpRequest) -> HttpConnectorFuture {
        let mut exchanges = self.locked();
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
        let asked = request.body().bytes().unwrap_or_default();
        let asked = serde_json::from_slice(asked).expect("the SDK sends JSON");
        let response = database.call(request).now_or_never().expect("the embedded database answers at once");
        if let Ok(response) = &response {
            exchanges.push(Exchange {
                operation,
                request: asked,
                status: response.status().as_u16(),
                response: serde_json::from_slice(response.body().bytes().unwrap()).unwrap(),
            });
        }
        HttpConnectorFuture::ready(response)
    }

    fn locked(&self) -> MutexGuard<'_, Vec<Exchange>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
