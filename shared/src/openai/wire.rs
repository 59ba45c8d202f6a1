//! The wire: the connection that carries a request to its server.

use futures::{FutureExt, future::BoxFuture};
use reqwest::{Client, Request, Response};
use tracing::warn;

/// Carries a request to its server: HTTP over TLS, or a function call if the server runs in this process.
pub trait Wire: Send + Sync {
    /// Resolves to the response as soon as its head has arrived; its body may still be under way.
    fn send(&self, request: Request) -> BoxFuture<'static, Result<Response, TransportError>>;
}

/// The reason why a request got no response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransportError {
    /// The request could not be built: a key that fits no header, or a URL without a path.
    InvalidRequest,
    /// No connection was established, so nothing was sent.
    NotSent,
    /// The request was sent, and the connection was lost before a response arrived.
    NoResponse,
    /// The request was sent, and no response arrived in time.
    TimedOut,
}

impl Wire for Client {
    fn send(&self, request: Request) -> BoxFuture<'static, Result<Response, TransportError>> {
        self.execute(request).map(|sent| sent.map_err(TransportError::from)).boxed()
    }
}

impl From<reqwest::Error> for TransportError {
    fn from(error: reqwest::Error) -> Self {
        let kind = if error.is_builder() {
            Self::InvalidRequest
        } else if error.is_connect() {
            Self::NotSent
        } else if error.is_timeout() {
            Self::TimedOut
        } else {
            Self::NoResponse
        };
        // The debug form names the causes. All it holds of the request is the URL, which is removed here.
        warn!(?kind, error = ?error.without_url(), "a request to OpenAI failed");
        kind
    }
}
