//! The functions that a simulation calls, and their responses.

use lambda_http::{Body, Request, RequestExt, Response, request::RequestContext};
use serde_json::Value;
use shared::App;

use crate::whole::whole;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Function {
    Chat,
    ChatEnd,
    Chatbot,
    Handoff,
    Socket,
    Sweep,
    Thread,
}

/// A function's response.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Answered {
    pub status: u16,
    pub body: Value,
}

impl Function {
    pub(super) async fn handle(self, app: &App, request: Request) -> Answered {
        let response = match self {
            Self::Chat => whole(chat::handle(app, request).await).await,
            Self::ChatEnd => chat_end::handle(app, request).await,
            Self::Chatbot => chatbot::handle(app, request).await,
            Self::Handoff => handoff::handle(app, request).await,
            Self::Socket => socket::handle(app, request).await,
            Self::Sweep => sweep::handle(app, request).await,
            Self::Thread => thread::handle(app, request).await,
        };
        // A failed invocation, as Lambda counts it.
        response.map_or(Answered { status: 500, body: Value::Null }, |response| Answered::read(&response))
    }
}

impl Answered {
    fn read(response: &Response<Body>) -> Self {
        let body = serde_json::from_slice(response.body().as_ref()).unwrap_or_default();
        Self { status: response.status().as_u16(), body }
    }
}

/// The caller, method, route and body of a request, for the trace. No ids, which say nothing to a reader.
pub(super) fn told(request: &Request) -> String {
    match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV1(context)) => {
            let who = context.authorizer.fields.get("subject").and_then(Value::as_str).unwrap_or_default();
            let route = context.resource_path.as_deref().unwrap_or_default();
            let said = String::from_utf8_lossy(request.body().as_ref());
            format!(" by {who}: {} {route} {said}", request.method())
        }
        _ => String::new(),
    }
}
