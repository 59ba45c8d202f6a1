//! Events sent to one connection.

use shared::{
    App, Error,
    domain::ThreadId,
    http,
    sockets::{Event, Posted},
};

pub(crate) async fn event(app: &App, connection_id: &str, event: &Event) -> Posted {
    match event.frame() {
        Ok(frame) => app.sockets.post(connection_id, &frame).await,
        Err(_) => Posted::Failed,
    }
}

/// Says what is wrong with a frame, or with what it asks of one thread.
pub(crate) async fn error(app: &App, connection_id: &str, thread_id: Option<ThreadId>, error: &Error) {
    if let Error::Internal(cause) = error {
        tracing::error!(connection = connection_id, cause, "handling a frame failed");
    }
    let code = if matches!(error, Error::Unauthenticated(_)) { "token_expired" } else { http::kind(error).1 };
    event(app, connection_id, &Event::Error { thread_id, code, detail: error.to_string() }).await;
}
