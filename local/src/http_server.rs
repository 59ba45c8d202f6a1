//! The HTTP server of every port, with time limits: a client that sends its request byte by byte must not hold a
//! connection for ever.

use std::{convert::Infallible, net::SocketAddr, pin::pin, time::Duration};

use axum::{
    body::Body,
    extract::{ConnectInfo, Request},
    http::Response,
};
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::TcpListener,
    sync::watch,
    time::{sleep, timeout},
};
use tokio_util::task::TaskTracker;

/// The time in which a request's head must arrive, and after which an idle connection is closed.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// The time in which a request's body must arrive.
pub(crate) const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// The pause after a connection could not be accepted, as when too many files are open.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The reason why a body could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyError {
    TooLarge,
    TooSlow,
    /// The client has gone, or broke the framing.
    Broken,
}

/// Serves until `stopped` turns true, then lets running requests end.
pub(crate) async fn serve<Answer>(
    listener: TcpListener,
    answer: impl Fn(Request) -> Answer + Clone + Send + 'static,
    mut stopped: watch::Receiver<bool>,
) where
    Answer: Future<Output = Response<Body>> + Send + 'static,
{
    let connections = TaskTracker::new();
    loop {
        let (stream, source) = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
            // A dropped sender stops it too.
            () = until_true(&mut stopped) => break,
        };
        // A small frame is sent when it is written, not when the one before it is acknowledged.
        let _ = stream.set_nodelay(true);
        let answer = answer.clone();
        let service = service_fn(move |request: hyper::Request<Incoming>| {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(ConnectInfo::<SocketAddr>(source));
            let response = answer(request);
            async move { Ok::<_, Infallible>(response.await) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        let mut stopping = stopped.clone();
        // An error is the client's: it went away, or sent no HTTP, or was too slow.
        connections.spawn(async move {
            let mut connection = pin!(connection);
            let is_ended = tokio::select! {
                _ = connection.as_mut() => true,
                () = until_true(&mut stopping) => false,
            };
            if !is_ended {
                connection.as_mut().graceful_shutdown();
                let _ = connection.await;
            }
        });
    }
    drop(listener);
    connections.close();
    connections.wait().await;
}

async fn until_true(stopped: &mut watch::Receiver<bool>) {
    let _ = stopped.wait_for(|stop| *stop).await;
}

/// A request's body of at most `max_bytes`.
pub(crate) async fn body(body: Body, max_bytes: usize) -> Result<Bytes, BodyError> {
    let read = async {
        let mut all = BytesMut::new();
        let mut chunks = body.into_data_stream();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(|_| BodyError::Broken)?;
            if all.len() + chunk.len() > max_bytes {
                return Err(BodyError::TooLarge);
            }
            all.extend_from_slice(&chunk);
        }
        Ok(all.freeze())
    };
    timeout(BODY_TIMEOUT, read).await.unwrap_or(Err(BodyError::TooSlow))
}
