//! The transport of Switchboard's OpenAI client to a stand-in in the same process, without a socket.

use axum::{Router, body::Body};
use futures::future::BoxFuture;
use reqwest::{Request, Response};
use shared::openai::{TransportError, Wire};
use tokio::task::yield_now;
use tower_service::Service;

use super::handle::Standin;

/// The transport to a stand-in in this process. As with a connection, dropping a request or a response means that the
/// client has left.
#[derive(Clone)]
pub struct InProcess(Router);

impl InProcess {
    pub fn new(standin: &Standin) -> Self {
        Self(standin.router())
    }
}

impl Wire for InProcess {
    fn send(&self, request: Request) -> BoxFuture<'static, Result<Response, TransportError>> {
        let mut router = self.0.clone();
        Box::pin(async move {
            let request = http::Request::try_from(request).map_err(TransportError::from)?;
            // As on a network, other tasks run while a request is on its way, and while its response is: without these
            // yields, a run would never wait between its first step and its last.
            yield_now().await;
            let Ok(response) = router.call(server_request(request)).await;
            yield_now().await;
            Ok(response.map(|body| reqwest::Body::wrap_stream(body.into_data_stream())).into())
        })
    }
}

/// The request as the server receives it: the URI without scheme and host.
fn server_request(request: http::Request<reqwest::Body>) -> http::Request<Body> {
    let mut request = request.map(Body::new);
    if let Some(target) = request.uri().path_and_query().cloned() {
        *request.uri_mut() = target.into();
    }
    request
}
