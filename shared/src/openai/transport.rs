//! Sending requests, with retries that never repeat an effect.

use std::time::Duration;

use bytes::Bytes;
use futures::{Stream, TryStreamExt, stream};
use reqwest::{Method, RequestBuilder, Response, StatusCode, Url, header::HeaderMap};
use serde::{Deserialize, de::DeserializeOwned};
use tokio::time::{sleep, timeout};
use tracing::warn;

use super::{
    attempt::{FailedAttempt, RetryAdvice},
    client::OpenAi,
    failure::{ErrorBody, Failure},
    limits::MAX_BODY_BYTES,
    retry_policy::Attempts,
    wire::TransportError,
};

/// The size up to which an error body is read.
const MAX_ERROR_BODY_BYTES: usize = 64 * 1024;
/// The length to which a server's message is cut in the log.
const MAX_LOGGED_CHARS: usize = 200;

/// Decides whether a request may be sent again after it was sent and got no response.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum RequestKind {
    /// Two requests have the effect of one: reads, deletions, whole replacements. Retried after no response.
    Idempotent,
    /// Two requests have two effects. Retried only if a status allows it, or if no connection was established.
    NotIdempotent,
}

/// An object in a response of which only the id matters.
#[derive(Deserialize)]
pub(super) struct ObjectId {
    pub(super) id: String,
}

/// The reason why a response body ended early.
#[derive(Debug)]
pub(super) enum BodyError {
    IdleTimeout,
    ConnectionLost,
    TooLarge,
}

impl OpenAi {
    /// A request to `path` under the base URL. Each segment is escaped, so that no id can lead to another route.
    pub(super) fn request(&self, method: Method, path: &[&str], query: &[(&str, &str)]) -> RequestBuilder {
        let request = self.requests.request(method, self.url(path, query));
        match &*self.settings.api_key.current() {
            "" => request,
            key => request.bearer_auth(key),
        }
    }

    /// Sends the request that `request` builds until it succeeds or the retry policy gives up. The body of the response
    /// is not read yet.
    pub(super) async fn send(
        &self,
        kind: RequestKind,
        first_byte: Duration,
        request: impl Fn() -> RequestBuilder,
    ) -> Result<Response, Failure> {
        let mut attempts = Attempts::new(&self.settings.retry_policy);
        loop {
            if let Err(error) = self.settings.api_key.value().await {
                tracing::error!(%error, "OpenAI's API key could not be read");
            }
            let failed = match self.attempt(first_byte, request()).await {
                Ok(response) if response.status().is_success() => return Ok(response),
                // In a box, since it is rare: its future would be part of every turn's.
                Ok(response) => Box::pin(self.refusal(response)).await,
                Err(error) => FailedAttempt::Transport(error),
            };
            match attempts.wait_after(&failed, kind == RequestKind::Idempotent) {
                Some(wait) => sleep(wait).await,
                None => return Err(failed.into_failure(attempts.maybe_ran)),
            }
        }
    }

    async fn attempt(&self, first_byte: Duration, request: RequestBuilder) -> Result<Response, TransportError> {
        let request = request.build().map_err(TransportError::from)?;
        timeout(first_byte, self.wire.send(request)).await.unwrap_or_else(|_| {
            warn!("OpenAI did not respond in time");
            Err(TransportError::TimedOut)
        })
    }

    /// Sends a small request and parses its JSON response.
    pub(super) async fn fetch<T: DeserializeOwned>(
        &self,
        kind: RequestKind,
        request: impl Fn() -> RequestBuilder,
    ) -> Result<T, Failure> {
        let first_byte = self.settings.retry_policy.small_first_byte;
        let response = self.send(kind, first_byte, request).await?;
        let body = self.body(response).await?;
        serde_json::from_slice(&body).map_err(|_| Failure::Interrupted { code: None })
    }

    /// Deletes the object at `path`. Succeeds if it does not exist.
    pub(super) async fn remove(&self, path: &[&str]) -> Result<(), Failure> {
        match self.send_small(RequestKind::Idempotent, || self.request(Method::DELETE, path, &[])).await {
            Err(Failure::Refused { status: 404, .. }) => Ok(()),
            result => result,
        }
    }

    /// Sends a small request and discards its response.
    pub(super) async fn send_small(
        &self,
        kind: RequestKind,
        request: impl Fn() -> RequestBuilder,
    ) -> Result<(), Failure> {
        let first_byte = self.settings.retry_policy.small_first_byte;
        let response = self.send(kind, first_byte, request).await?;
        // Read to its end, so that the next request can use the connection. The content does not matter.
        let _ = self.body(response).await;
        Ok(())
    }

    pub(super) async fn body(&self, response: Response) -> Result<Vec<u8>, Failure> {
        let chunks = chunks(response, self.settings.retry_policy.idle);
        collect(chunks, Vec::new(), MAX_BODY_BYTES).await.map_err(|_| Failure::Interrupted { code: None })
    }

    fn url(&self, path: &[&str], query: &[(&str, &str)]) -> Url {
        let mut url = self.settings.base_url.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }

    async fn refusal(&self, response: Response) -> FailedAttempt {
        let (status, request_id) = (response.status(), request_id(response.headers()));
        let advice = RetryAdvice::from_headers(response.headers());
        let path = response.url().path().to_owned();
        let body = self.error_body(response).await;
        let code = body.code.as_deref();
        let server_message = self.may_log_message(status, &path).then(|| body.message.chars().take(MAX_LOGGED_CHARS));
        let server_message = server_message.map(String::from_iter).filter(|message| !message.is_empty());
        warn!(status = status.as_u16(), request_id, code, path, server_message, "OpenAI rejected a request");
        FailedAttempt::Refused { status, advice, body }
    }

    /// True if the message of a refusal can hold nothing that people said. Responses and conversations carry messages,
    /// titles and metadata, and a server may quote them; so may a 401 a part of the key.
    fn may_log_message(&self, status: StatusCode, path: &str) -> bool {
        let base_path = self.settings.base_url.path().trim_end_matches('/');
        let mut segments = path.strip_prefix(base_path).unwrap_or_default().split('/').skip(1);
        let has_no_messages = matches!(segments.next(), Some("models" | "files" | "vector_stores"));
        has_no_messages && status != StatusCode::UNAUTHORIZED
    }

    /// Reads the error body; an empty one if it cannot be read, since the status is still known.
    async fn error_body(&self, response: Response) -> ErrorBody {
        let chunks = chunks(response, self.settings.retry_policy.idle);
        let body = collect(chunks, Vec::new(), MAX_ERROR_BODY_BYTES).await.unwrap_or_default();
        let mut error =
            serde_json::from_slice(&body).map_or_else(|_| ErrorBody::default(), |value| ErrorBody::parse(&value));
        let key = self.settings.api_key.current();
        if !key.is_empty() {
            error.message = error.message.replace(&*key, "…");
        }
        error
    }
}

/// The body of a response, chunk by chunk. Each chunk is awaited for at most `idle`.
pub(super) fn chunks(response: Response, idle: Duration) -> impl Stream<Item = Result<Bytes, BodyError>> + Send {
    stream::try_unfold(response, move |mut response| async move {
        let chunk = timeout(idle, response.chunk()).await.map_err(|_| BodyError::IdleTimeout)?;
        let chunk = chunk.map_err(|_| BodyError::ConnectionLost)?;
        Ok(chunk.map(|chunk| (chunk, response)))
    })
}

/// Collects a body of at most `max_bytes`. `start`: the part of it that was read before.
pub(super) async fn collect(
    chunks: impl Stream<Item = Result<Bytes, BodyError>>,
    start: Vec<u8>,
    max_bytes: usize,
) -> Result<Vec<u8>, BodyError> {
    let body = chunks.try_fold(start, |mut body, chunk| async move {
        body.extend_from_slice(&chunk);
        if body.len() <= max_bytes { Ok(body) } else { Err(BodyError::TooLarge) }
    });
    body.await
}

/// The request id, which OpenAI's support asks for.
pub(super) fn request_id(headers: &HeaderMap) -> Option<String> {
    headers.get("x-request-id")?.to_str().ok().map(str::to_owned)
}
