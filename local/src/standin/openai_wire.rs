//! The stand-in, called without a socket.

use axum::{Router, body::Body};
use futures::future::BoxFuture;
use reqwest::{Request, Response};
use shared::openai::{TransportError, Wire};
use tokio::task::yield_now;
use tower_service::Service;

use super::handle::Standin;

/// The wire of an OpenAI client whose server runs in this process. As over a connection, a request or an answer that
/// is dropped is one whose client has left.
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
            // As on a network, others have their turn while a request is under way, and while its answer is: else a
            // run would wait for nothing from its first step to its last.
            yield_now().await;
            let Ok(response) = router.call(server_request(request)).await;
            yield_now().await;
            Ok(response.map(|body| reqwest::Body::wrap_stream(body.into_data_stream())).into())
        })
    }
}

/// The request as a server sees it: its target without the server's name.
fn server_request(request: http::Request<reqwest::Body>) -> http::Request<Body> {
    let mut request = request.map(Body::new);
    if let Some(target) = request.uri().path_and_query().cloned() {
        *request.uri_mut() = target.into();
    }
    request
}
