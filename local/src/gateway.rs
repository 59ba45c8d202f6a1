//! API Gateway in this process: REST and WebSocket requests become the events that AWS would send, and call the same
//! handlers.
//!
//! **Architecture Invariant.** No business logic here. Routes, authorizers and refusals come from the template; the
//! functions alone interpret a request. The limits that AWS enforces (sizes, times, frames) are enforced here too, so
//! that nothing works on the laptop only.

mod authorize;
mod connections;
mod event;
mod functions;
pub mod invocations;
mod limits;
pub mod management;
mod payload;
mod port;
mod refusal;
mod rest;
pub(crate) mod route;
mod socket;
mod socket_event;

use std::sync::{Arc, OnceLock};

use lambda_http::request::LambdaRequest;
use serde_json::json;
use ulid::Ulid;

pub(crate) use self::limits::SHUTDOWN_TIMEOUT;
use self::{authorize::DecisionCache, refusal::Refusals, route::Routes};
pub use self::{
    connections::{Connections, PostError},
    functions::Functions,
    invocations::Invocations,
    limits::Limits,
};
use crate::{
    entrance::Entrance,
    pages::Demo,
    share::Share,
    template::{Error, Template},
};

/// The function that the schedule invokes.
const SWEEP_FUNCTION: &str = "sweep";

/// The template's REST and WebSocket APIs, the `@connections` API, Lambda's `Invoke` and the pages.
pub struct Gateway {
    template: Template,
    routes: Routes,
    refusals: Refusals,
    functions: Arc<Functions>,
    decisions: DecisionCache,
    connections: Connections,
    invocations: Invocations,
    share: Share,
    demo: OnceLock<Demo>,
    /// Set where the console may hand out tokens.
    entrance: OnceLock<Entrance>,
}

impl Gateway {
    /// A gateway over `functions`, which must include every function of the template. Connects `invocations` to them.
    pub fn new(
        template: Template,
        functions: Functions,
        connections: Connections,
        invocations: Invocations,
        share: Share,
    ) -> Result<Arc<Self>, Error> {
        let functions = Arc::new(functions.deployed(&template)?);
        invocations.connect(&functions);
        Ok(Arc::new(Self {
            routes: Routes::new(&template.rest.routes),
            refusals: Refusals::new(&template.rest.responses),
            decisions: DecisionCache::new(template.rest.reauthorize_every),
            template,
            functions,
            connections,
            invocations,
            share,
            demo: OnceLock::new(),
            entrance: OnceLock::new(),
        }))
    }

    /// Invokes the function `sweep`, as the template's schedule does each minute. Returns false if it failed.
    pub async fn sweep(&self) -> bool {
        let time_limit = self.functions.time_limit(SWEEP_FUNCTION);
        let event = LambdaRequest::PassThrough(json!({ "source": "aws.events", "detail": {} }).to_string());
        let context = functions::context(&Ulid::generate().to_string(), time_limit);
        match self.functions.call(SWEEP_FUNCTION, event, context, time_limit).await {
            Ok(payload) => {
                payload.drained().await;
                true
            }
            Err(_) => false,
        }
    }

    /// Sets the chatbot of the demo page.
    pub(crate) fn show(&self, demo: Demo) {
        let _ = self.demo.set(demo);
    }

    /// Sets the entrance of the console.
    pub(crate) fn admit(&self, entrance: Entrance) {
        let _ = self.entrance.set(entrance);
    }

    fn limits(&self) -> &Limits {
        self.connections.limits()
    }
}
