//! The gateway's port, which sends a request to the sockets, the pages, AWS's own APIs or the REST API by its path.

use std::{
    net::{Ipv4Addr, SocketAddr, SocketAddrV4},
    sync::Arc,
};

use axum::{
    extract::{ConnectInfo, Request},
    response::Response,
};
use tokio::{net::TcpListener, sync::watch, time::timeout};

use super::{Gateway, invocations, limits::SHUTDOWN_TIMEOUT, management, rest, route::SOCKET_PATH, socket};
use crate::{http_server, pages, share};

/// The source of a request that no connection brought.
const NOWHERE: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0));

impl Gateway {
    /// Serves until `stop` turns true, then closes every socket and waits a few seconds for running calls.
    pub async fn serve(self: Arc<Self>, listener: TcpListener, mut stop: watch::Receiver<bool>) {
        let connections = self.connections.clone();
        let gateway = Arc::clone(&self);
        let answer = move |request| answer(Arc::clone(&gateway), request);
        let serving = tokio::spawn(http_server::serve(listener, answer, stop.clone()));
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

async fn answer(gateway: Arc<Gateway>, request: Request) -> Response {
    let ConnectInfo(source) = request.extensions().get().copied().unwrap_or(ConnectInfo(NOWHERE));
    let path = request.uri().path();
    if path == SOCKET_PATH {
        return socket::open(gateway, request, source).await;
    }
    if path == share::PATH {
        return gateway.share.serve(request).await;
    }
    let entrance = gateway.entrance.get();
    if let Some(entrance) = entrance.filter(|_| path == pages::ENTRANCE_PATH) {
        return entrance.serve(&request, source);
    }
    if let Some(page) = pages::page(&request, gateway.demo.get(), entrance.is_some()) {
        return page;
    }
    if let Some(id) = management::connection(path) {
        return management::serve(&gateway.connections, &gateway.share, &id, request).await;
    }
    if invocations::function(path).is_some() {
        return invocations::serve(&gateway.invocations, &gateway.share, request).await;
    }
    rest::serve(&gateway, request, source).await
}
