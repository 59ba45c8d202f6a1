//! API Gateway in this process: REST and WebSocket requests become the events that AWS would send, and call the same handlers.
//!
//! **Architecture Invariant.** No business here. Which routes there are, who guards them and what a refusal looks like
//! is read from the template; what a request means is the functions' affair. What AWS enforces (sizes, times, frames)
//! is enforced here too, so that nothing works on the laptop alone.

mod authorize;
mod connections;
mod event;
mod functions;
pub mod invocations;
pub mod management;
mod refusal;
mod rest;
mod route;
mod socket;

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, Request, State};
use axum::response::Response;
use axum::serve::ListenerExt;
use lambda_http::request::LambdaRequest;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::watch;
use ulid::Ulid;

use crate::pages::{self, Demo};
use crate::template::{Error, INTEGRATION_TIMEOUT, Template};
use authorize::Decisions;
pub use connections::{Connections, PostError};
pub use functions::Functions;
pub use invocations::Invocations;
use refusal::Refusals;
use route::Routes;

/// Where the laptop's WebSocket API listens.
pub const SOCKET_PATH: &str = "/ws";

/// The function of the schedule.
const SWEEP: &str = "sweep";

/// For how long a stopping gateway waits for requests and handlers under way.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// What AWS allows. [`Limits::default`] is AWS's own; tests shorten the times.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of a request's body.
    pub payload: usize,
    /// Bytes of the request line and all headers together.
    pub head: usize,
    /// The longest wait for a function on a buffered route or a socket; a route's own, where shorter, wins.
    pub integration: Duration,
    /// Without a message either way a socket is closed after this.
    pub idle: Duration,
    /// A socket is closed after this in any case.
    pub life: Duration,
    /// How long a post may wait for room in a slow socket's queue before the socket is given up.
    pub retry_policy: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            payload: 10 * 1024 * 1024,
            head: 10_240,
            integration: Duration::from_mins(15),
            idle: Duration::from_mins(10),
            life: Duration::from_hours(2),
            retry_policy: Duration::from_secs(2),
        }
    }
}

/// One port that serves REST, WebSockets and the `@connections` API.
pub struct Gateway {
    template: Template,
    routes: Routes,
    refusals: Refusals,
    functions: Functions,
    decisions: Decisions,
    connections: Connections,
    invocations: Invocations,
    demo: OnceLock<Demo>,
}

impl Gateway {
    /// Every function that the template routes to must be among `functions`.
    /// From here on `invocations` reach them.
    pub fn new(
        template: Template,
        functions: Functions,
        connections: Connections,
        invocations: Invocations,
    ) -> Result<Arc<Self>, Error> {
        if let Some(name) = functions.missing(&template) {
            return Err(Error::new(format!("there is no handler for the function {name}")));
        }
        let gateway = Arc::new(Self {
            routes: Routes::new(&template.rest.routes),
            refusals: Refusals::new(&template.rest.answers),
            decisions: Decisions::new(template.rest.reauthorize_every),
            template,
            functions,
            connections,
            invocations,
            demo: OnceLock::new(),
        });
        gateway.invocations.lead_to(&gateway);
        Ok(gateway)
    }

    /// Serves until `stop` turns true, then closes every socket and waits a little for what is under way.
    pub async fn serve(self: Arc<Self>, listener: TcpListener, mut stop: watch::Receiver<bool>) {
        let connections = self.connections.clone();
        let router = Router::new().fallback(serve).with_state(Arc::clone(&self));
        let mut stopping = stop.clone();
        // A small frame goes out when it is written, not when the one before it is acknowledged.
        let listener = listener.tap_io(|stream| {
            let _ = stream.set_nodelay(true);
        });
        let serving = axum::serve(listener, router.into_make_service_with_connect_info::<SocketAddr>())
            .with_graceful_shutdown(async move {
                // A dropped sender stops too.
                let _ = stopping.wait_for(|stop| *stop).await;
            });
        let serving = tokio::spawn(serving.into_future());
        let _ = stop.wait_for(|stop| *stop).await;
        connections.close_all();
        // Whatever takes longer dies with the process, as it would with its Lambda.
        let _ = tokio::time::timeout(PATIENCE, async {
            let _ = serving.await;
            // Those whose `$connect` was still under way.
            connections.close_all();
            self.functions.finished().await;
        })
        .await;
    }

    /// Has the function `sweep` do what is due, as the template's schedule does each minute; whether it could.
    pub async fn sweep(&self) -> bool {
        let time_limit = self.time_limit(SWEEP);
        let event = LambdaRequest::PassThrough(json!({ "source": "aws.events", "detail": {} }).to_string());
        let context = functions::context(&Ulid::generate().to_string(), time_limit);
        self.functions.call(SWEEP, event, context, time_limit).await.is_ok()
    }

    /// From here on the demo page talks to this chatbot.
    pub(crate) fn show(&self, demo: Demo) {
        let _ = self.demo.set(demo);
    }

    /// How long Lambda would let the function run.
    fn time_limit(&self, function: &str) -> Duration {
        self.template.functions.get(function).copied().unwrap_or(INTEGRATION_TIMEOUT)
    }

    fn limits(&self) -> &Limits {
        self.connections.limits()
    }
}

async fn serve(
    State(gateway): State<Arc<Gateway>>,
    ConnectInfo(source): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    let path = request.uri().path();
    if path == SOCKET_PATH {
        return socket::open(gateway, request, source).await;
    }
    if let Some(page) = pages::page(&request, gateway.demo.get()) {
        return page;
    }
    if let Some(id) = management::connection(path) {
        return management::serve(&gateway.connections, &id, request).await;
    }
    if invocations::function(path).is_some() {
        return invocations::serve(&gateway.invocations, request).await;
    }
    rest::serve(&gateway, request, source).await
}
