//! Sending events to one connection.

use shared::{
    App, Error,
    domain::ThreadId,
    http,
    sockets::{Event, Posted},
};

/// Posts an event to the connection. A delivery that fails is not an error: the client asks again.
pub(crate) async fn event(app: &App, connection_id: &str, event: &Event) -> Posted {
    match event.frame() {
        Ok(frame) => app.sockets.post(connection_id, &frame).await,
        Err(_) => Posted::Failed,
    }
}

/// Sends an `error` event for a frame, or for one thread in it.
pub(crate) async fn error(app: &App, connection_id: &str, thread_id: Option<ThreadId>, error: &Error) {
    if let Error::Internal(cause) = error {
        tracing::error!(connection = connection_id, cause, "handling a frame failed");
    }
    let code = if matches!(error, Error::Unauthenticated(_)) { "token_expired" } else { http::kind(error).1 };
    event(app, connection_id, &Event::Error { thread_id, code, detail: error.to_string() }).await;
}
