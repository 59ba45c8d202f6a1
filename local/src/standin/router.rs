//! The router of the stand-in, and its server.

use std::{future::Future, io};

use axum::{Router, extract::DefaultBodyLimit, middleware};
use tokio::net::TcpListener;

use super::{
    admission, control, conversation_items, conversations, error, files, handle::Standin, models, responses,
    vector_stores,
};

/// Serves `standin` on `listener` until `shutdown`, which also cuts all holds.
pub async fn serve(
    listener: TcpListener,
    standin: Standin,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let router = standin.router();
    axum::serve(listener, router)
        .with_graceful_shutdown(async move {
            shutdown.await;
            standin.clear_faults();
        })
        .await
}

impl Standin {
    /// The routes, for servers other than [`serve`].
    pub fn router(&self) -> Router {
        Router::new()
            .merge(responses::routes())
            .merge(conversations::routes())
            .merge(conversation_items::routes())
            .merge(models::routes())
            .merge(files::routes())
            .merge(vector_stores::routes())
            .merge(control::routes())
            .fallback(error::unknown_url)
            .method_not_allowed_fallback(error::unknown_url)
            .layer(middleware::from_fn_with_state(self.clone(), admission::admit))
            .layer(DefaultBodyLimit::disable())
            .with_state(self.clone())
    }
}
