//! The capacity that a chat turn consumes at the table.

use std::sync::Arc;

use aws_smithy_runtime_api::client::{
    http::{HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector},
    orchestrator::HttpRequest,
    runtime_components::RuntimeComponents,
};
use local::{DynamoWire, Options, dynamo::InProcess};
use shared::domain::budget::BudgetSettings;
use tokio::{join, sync::watch};

use tests::{
    meter::{Meter, Metered},
    stage::Stage,
};

/// A wire on which reads of a thread's subscriptions wait until it is opened.
#[derive(Clone, Debug)]
struct Deaf {
    inner: Metered,
    open: watch::Receiver<bool>,
}

impl HttpClient for Deaf {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Deaf {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let body = String::from_utf8_lossy(request.body().bytes().unwrap_or_default());
        if !body.contains("\"SUBSCRIPTION#\"") {
            return self.inner.call(request);
        }
        let mut deaf = self.clone();
        HttpConnectorFuture::new(async move {
            deaf.open.wait_for(|open| *open).await.expect("the test holds the other end");
            deaf.inner.call(request).await
        })
    }
}

/// One socket listens, and the thread's conversation exists already.
#[tokio::test]
async fn a_turn_waits_for_the_table_but_twice_before_openai_is_asked_and_stays_within_its_units() {
    let meter = Arc::new(Meter::default());
    let (open, opened) = watch::channel(true);
    let metered = Arc::clone(&meter);
    let dynamo = DynamoWire::new(move |inner: InProcess| Deaf { inner: Metered::new(inner, metered), open: opened });
    let budgets = BudgetSettings::default();
    let stage = Stage::with(Options { dynamo, budgets, ..Options::default() }).await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    let mut socket = customer.listens(&thread).await;
    customer.says(&thread, "Hello").await.expect(200);
    socket.heard_so_far().await;

    meter.reset(true);
    open.send_replace(false);
    let hold = stage.hold();
    let (answer, before) = join!(customer.says(&thread, "What is new?"), async {
        hold.begun().await;
        let before = meter.round_trips();
        open.send_replace(true);
        hold.release();
        before
    });
    answer.expect(200);
    assert_eq!(before, 2, "round trips before the first byte");
    let (written, read) = (meter.written(), meter.read());
    assert!(written <= 14.0, "{written} write units");
    assert!(read <= 4.0, "{read} read units");
    println!("{written} write units, {read} read units");
    assert_eq!(socket.heard_so_far().await.len(), 2);
}
