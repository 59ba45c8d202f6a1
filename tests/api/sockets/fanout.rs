//! Broadcasts over a failing wire to the sockets.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use aws_smithy_runtime_api::client::{
    http::{HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector},
    orchestrator::{HttpRequest, HttpResponse},
    runtime_components::RuntimeComponents,
};
use aws_smithy_types::body::SdkBody;
use http::StatusCode;
use local::{Options, SocketsWire, gateway::management::InProcess};
use serde_json::json;
use shared::{
    domain::{At, Identity, Role},
    store::Connection,
};
use tokio::sync::Semaphore;

use tests::{openai::brisk, stage::Stage, table::id};

/// The beginning of a slow connection's id. It sorts before all of the gateway's, so that slow subscribers come first.
const SLOW: &str = "-slow";

/// The faults of the next posts, for any connection.
#[derive(Clone, Debug, Default)]
struct Line(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// Refusals by connection: how many of its posts, with which status and error.
    refused: Mutex<HashMap<String, (u32, u16, &'static str)>>,
    /// Posts to connections whose ids begin with [`SLOW`] wait for these permits, and arrive then.
    released: Semaphore,
}

impl Default for Shared {
    fn default() -> Self {
        Self { refused: Mutex::default(), released: Semaphore::new(0) }
    }
}

impl Line {
    fn options(&self) -> Options {
        let line = self.clone();
        let sockets = SocketsWire::new(move |end| Wire { line, end });
        Options { sockets, ..brisk() }
    }

    fn refuse(&self, connection: &str, times: u32, status: u16, error: &'static str) {
        self.refused().insert(connection.into(), (times, status, error));
    }

    fn refused(&self) -> std::sync::MutexGuard<'_, HashMap<String, (u32, u16, &'static str)>> {
        self.0.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next_refusal(&self, connection: &str) -> Option<HttpResponse> {
        let mut refused = self.refused();
        let (times, status, error) = refused.get_mut(connection).filter(|(times, ..)| *times > 0)?;
        *times -= 1;
        let status = StatusCode::from_u16(*status).unwrap();
        let mut response = HttpResponse::new(status.into(), SdkBody::from("{}"));
        response.headers_mut().insert("x-amzn-errortype", *error);
        Some(response)
    }
}

#[derive(Clone, Debug)]
struct Wire {
    line: Line,
    end: InProcess,
}

impl HttpClient for Wire {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Wire {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let connection = request.uri().rsplit('/').next().unwrap_or_default().replace("%3D", "=");
        if let Some(refusal) = self.line.next_refusal(&connection) {
            return HttpConnectorFuture::ready(Ok(refusal));
        }
        let wire = self.clone();
        HttpConnectorFuture::new(async move {
            if connection.starts_with(SLOW) {
                let _ = wire.line.0.released.acquire().await.unwrap();
                return Ok(HttpResponse::new(StatusCode::OK.into(), SdkBody::empty()));
            }
            wire.end.call(request).await
        })
    }
}

fn the_connection(stage: &Stage) -> String {
    stage.board.connections().ids().remove(0)
}

#[tokio::test]
async fn what_there_is_too_much_of_is_sent_again() {
    let line = Line::default();
    let stage = Stage::with(line.options()).await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    let mut socket = customer.listens(&thread).await;
    line.refuse(&the_connection(&stage), 3, 429, "LimitExceededException");
    stage.agent().says(&thread, "Ana here").await.expect(202);
    assert_eq!(socket.hears().await["message"]["event"]["type"], "claimed");
    assert_eq!(socket.hears_of("message.created").await["message"]["text"], "Ana here");
}

#[tokio::test]
async fn what_cannot_be_sent_is_healed_by_a_ping() {
    let line = Line::default();
    let stage = Stage::with(line.options()).await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    let mut socket = customer.listens(&thread).await;
    for (status, error) in [(429, "LimitExceededException"), (403, "ForbiddenException")] {
        let seq = stage.stored(&thread).await.seq;
        line.refuse(&the_connection(&stage), u32::MAX, status, error);
        customer.says(&thread, "Hello").await.expect(200);
        line.refused().clear();
        socket.says(json!({ "action": "ping", "threads": { &thread: seq } })).await;
        assert_eq!(socket.hears().await["type"], "pong");
        for missed in [seq + 1, seq + 2] {
            assert_eq!(socket.hears().await["seq"], missed);
        }
    }
}

/// More slow posts than may be in flight at once, so that they would hold every permit.
#[tokio::test]
async fn slow_sockets_hold_nobody_else_up() {
    let line = Line::default();
    let stage = Stage::with(line.options()).await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    let store = &stage.board.app().store;
    let expires = At::from_seconds(4_102_444_800);
    for number in 0..200 {
        let identity = Identity {
            tenant: "acme".into(),
            subject: "cus".into(),
            role: Role::Customer,
            name: None,
            verified: std::collections::BTreeMap::new(),
            chatbot: None,
            access: None,
            expires,
        };
        let slow = Connection::new(format!("{SLOW}{number}="), identity);
        store.connection_put(&slow, stage.board.app().now()).await.unwrap();
        assert!(store.subscription_put(&slow, &id(&thread)).await.unwrap());
    }
    let mut socket = customer.listens(&thread).await;
    let agent = stage.agent();
    let (said, ()) = tokio::join!(agent.says(&thread, "Ana here"), async {
        assert_eq!(socket.hears().await["message"]["event"]["type"], "claimed");
        assert_eq!(socket.hears_of("message.created").await["message"]["text"], "Ana here");
        line.0.released.add_permits(Semaphore::MAX_PERMITS);
    });
    said.expect(202);
}
