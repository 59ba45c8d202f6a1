//! A meter on the wire to DynamoDB: calls, round trips, their CPU time, and the capacity that they consume.

use std::{
    sync::{
        Arc,
        atomic::{
            AtomicBool, AtomicU64,
            Ordering::{Relaxed, SeqCst},
        },
    },
    time::Duration,
};

use aws_smithy_runtime_api::client::{
    http::{HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector},
    orchestrator::{HttpRequest, HttpResponse},
    runtime_components::RuntimeComponents,
};
use aws_smithy_types::body::SdkBody;
use cpu_time::ThreadTime;
use local::dynamo::InProcess;
use serde_json::{Value, json};

/// The metered database. It answers on the calling thread, so its CPU time is that thread's.
#[derive(Clone, Debug)]
pub struct Metered {
    inner: InProcess,
    meter: Arc<Meter>,
}

/// The counts since the last [`Meter::reset`].
#[derive(Debug, Default)]
pub struct Meter {
    calls: AtomicU64,
    cpu_nanos: AtomicU64,
    /// True while each call is inspected. Inspecting costs CPU time, so it is off while CPU time is measured.
    closely: AtomicBool,
    in_flight: AtomicU64,
    round_trips: AtomicU64,
    /// Capacity units in tenths, because an eventually consistent read costs half a unit.
    write_units: AtomicU64,
    read_units: AtomicU64,
}

impl Metered {
    pub fn new(inner: InProcess, meter: Arc<Meter>) -> Self {
        Self { inner, meter }
    }
}

impl Meter {
    pub fn calls(&self) -> u64 {
        self.calls.load(Relaxed)
    }

    pub fn cpu(&self) -> Duration {
        Duration::from_nanos(self.cpu_nanos.load(Relaxed))
    }

    /// Number of round trips that somebody waited for: calls in flight together count as one, and the fan-out's do not
    /// count.
    pub fn round_trips(&self) -> u64 {
        self.round_trips.load(SeqCst)
    }

    /// Write capacity units consumed, indexes included.
    pub fn written(&self) -> f64 {
        f64::from(u32::try_from(self.write_units.load(SeqCst)).unwrap_or(u32::MAX)) / 10.0
    }

    /// Read capacity units consumed.
    pub fn read(&self) -> f64 {
        f64::from(u32::try_from(self.read_units.load(SeqCst)).unwrap_or(u32::MAX)) / 10.0
    }

    /// Resets all counts; `closely` says whether to inspect each call from now on.
    pub fn reset(&self, closely: bool) {
        self.closely.store(closely, SeqCst);
        for counter in [&self.calls, &self.cpu_nanos, &self.round_trips, &self.write_units, &self.read_units] {
            counter.store(0, SeqCst);
        }
    }

    fn count_units(&self, target: &str, answer: &Value) {
        let consumed = match &answer["ConsumedCapacity"] {
            Value::Array(tables) => tables.iter().filter_map(|table| table["CapacityUnits"].as_f64()).sum(),
            table => table["CapacityUnits"].as_f64().unwrap_or(0.0),
        };
        let is_read =
            ["GetItem", "Query", "BatchGetItem", "TransactGetItems"].iter().any(|name| target.ends_with(name));
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small positive number")]
        let tenths = (consumed * 10.0).round() as u64;
        (if is_read { &self.read_units } else { &self.write_units }).fetch_add(tenths, SeqCst);
    }
}

impl HttpClient for Metered {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Metered {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        self.meter.calls.fetch_add(1, Relaxed);
        if self.meter.closely.load(Relaxed) {
            return HttpConnectorFuture::new(self.clone().call_closely(request));
        }
        let begun = ThreadTime::now();
        let answer = self.inner.call(request);
        self.meter.cpu_nanos.fetch_add(u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX), Relaxed);
        answer
    }
}

impl Metered {
    /// Requests the consumed capacity, and lets concurrent calls overlap as they would over a network.
    async fn call_closely(
        self,
        mut request: HttpRequest,
    ) -> Result<HttpResponse, aws_smithy_runtime_api::client::result::ConnectorError> {
        let target = request.headers().get("x-amz-target").unwrap_or_default().to_owned();
        let mut body: Value =
            serde_json::from_slice(request.body().bytes().unwrap_or_default()).expect("the SDK sends JSON");
        // A fan-out reads its listeners beside the run: no response waits for it.
        let is_waited_for = body["ExpressionAttributeValues"][":prefix"]["S"] != "SUBSCRIPTION#";
        if is_waited_for && self.meter.in_flight.fetch_add(1, SeqCst) == 0 {
            self.meter.round_trips.fetch_add(1, SeqCst);
        }
        tokio::task::yield_now().await;
        body["ReturnConsumedCapacity"] = json!("INDEXES");
        *request.body_mut() = SdkBody::from(body.to_string());
        let answer = self.inner.call(request).await;
        if is_waited_for {
            self.meter.in_flight.fetch_sub(1, SeqCst);
        }
        if let Ok(answer) = &answer
            && let Ok(json) = serde_json::from_slice(answer.body().bytes().unwrap_or_default())
        {
            self.meter.count_units(&target, &json);
        }
        answer
    }
}
