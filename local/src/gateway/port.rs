//! The gateway's port, which sends a request to the sockets, the pages, AWS's own APIs or the REST API by its path.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Router,
    extract::{ConnectInfo, Request, State},
    response::Response,
    serve::ListenerExt,
};
use tokio::{net::TcpListener, sync::watch, time::timeout};

use super::{Gateway, invocations, limits::SHUTDOWN_TIMEOUT, management, rest, route::SOCKET_PATH, socket};
use crate::pages;

impl Gateway {
    /// Serves until `stop` turns true, then closes every socket and waits a few seconds for running calls.
    pub async fn serve(self: Arc<Self>, listener: TcpListener, mut stop: watch::Receiver<bool>) {
        let connections = self.connections.clone();
        let router = Router::new().fallback(serve).with_state(Arc::clone(&self));
        let mut stopping = stop.clone();
        // A small frame is sent when it is written, not when the one before it is acknowledged.
        let listener = listener.tap_io(|stream| {
            let _ = stream.set_nodelay(true);
        });
        let serving = axum::serve(listener, router.into_make_service_with_connect_info::<SocketAddr>())
            .with_graceful_shutdown(async move {
                // A dropped sender stops it too.
                let _ = stopping.wait_for(|stop| *stop).await;
            });
        let serving = tokio::spawn(serving.into_future());
        let _ = stop.wait_for(|stop| *stop).await;
        connections.close_all();
        // A call that takes longer ends with the process, as it would with its Lambda.
        let _ = timeout(SHUTDOWN_TIMEOUT, async {
            let _ = serving.await;
            // Sockets whose `$connect` was still running.
            connections.close_all();
            self.functions.finished().await;
        })
        .await;
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
