//! One way to send a request: with patience, and never twice where once may have been enough.

use std::time::Duration;

use bytes::Bytes;
use futures::{FutureExt, Stream, TryStreamExt, future::BoxFuture, stream};
use reqwest::{Client, Method, Request, RequestBuilder, Response, StatusCode, Url, header::HeaderMap};
use serde::de::DeserializeOwned;
use tokio::time::{sleep, timeout};
use tracing::warn;

use super::{
    OpenAi,
    failure::{Complaint, Failure},
    retry_policy::{Advice, Attempts},
};

/// More of a refusal than this is not read.
const LONGEST_COMPLAINT: usize = 64 * 1024;

/// What carries a request to its server: HTTP over TLS, or a call where the server runs in this process.
pub trait Wire: Send + Sync {
    /// Answers as soon as the head of the answer is there; its body may still be under way.
    fn send(&self, request: Request) -> BoxFuture<'static, Result<Response, Broken>>;
}

/// Why a request got no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    /// The request itself could not be built: a key that fits no header, an address without a path.
    Unfit,
    /// No connection was made, so nothing was sent.
    NeverSent,
    /// Sent, and no answer came: a time-out, or a cut.
    NoAnswer,
}

/// What may be done about a request whose fate is unknown, that is, sent and never answered.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Resend {
    /// Twice does what once does: reads, deletions, whole replacements.
    Freely,
    /// Twice makes two: it goes out again only where a status invites it, or where no connection
    /// was ever made.
    OnlyIfToldTo,
}

/// A try without success.
pub(super) enum Miss {
    Refused { status: StatusCode, advice: Advice, complaint: Complaint },
    Broken(Broken),
}

/// Why the body of an answer ended early.
#[derive(Debug)]
pub(super) enum Cut {
    Silent,
    Broken,
}

impl OpenAi {
    /// A request to `path` under the base URL; each segment is escaped, so that an id can never
    /// reach another route.
    pub(super) fn request(&self, method: Method, path: &[&str], query: &[(&str, &str)]) -> RequestBuilder {
        let request = self.requests.request(method, self.url(path, query));
        match self.settings.api_key.as_str() {
            "" => request,
            key => request.bearer_auth(key),
        }
    }

    /// Sends what `request` builds until it succeeds or patience ends. The body of the answer is
    /// still to be read.
    pub(super) async fn send(
        &self,
        resend: Resend,
        first_byte: Duration,
        request: impl Fn() -> RequestBuilder,
    ) -> Result<Response, Failure> {
        let mut tries = Attempts::new(&self.settings.retry_policy);
        loop {
            let miss = match self.attempt(first_byte, request()).await {
                Ok(answer) if answer.status().is_success() => return Ok(answer),
                Ok(answer) => self.refusal(answer).await,
                Err(broken) => Miss::Broken(broken),
            };
            match tries.after(&miss, resend == Resend::Freely) {
                Some(wait) => sleep(wait).await,
                None => return Err(miss.into_failure(tries.maybe_ran)),
            }
        }
    }

    async fn attempt(&self, first_byte: Duration, request: RequestBuilder) -> Result<Response, Broken> {
        let request = request.build().map_err(Broken::from)?;
        timeout(first_byte, self.wire.send(request)).await.unwrap_or_else(|_| {
            warn!("OpenAI did not answer in time");
            Err(Broken::NoAnswer)
        })
    }

    /// Sends a small request and reads its JSON answer.
    pub(super) async fn fetch<T: DeserializeOwned>(
        &self,
        resend: Resend,
        request: impl Fn() -> RequestBuilder,
    ) -> Result<T, Failure> {
        let first_byte = self.settings.retry_policy.small_first_byte;
        let answer = self.send(resend, first_byte, request).await?;
        let body = self.body(answer).await?;
        serde_json::from_slice(&body).map_err(|_| Failure::Interrupted { code: None })
    }

    /// Deletes what is at `path`. That it is gone already is success.
    pub(super) async fn remove(&self, path: &[&str]) -> Result<(), Failure> {
        match self.send_small(Resend::Freely, || self.request(Method::DELETE, path, &[])).await {
            Err(Failure::Refused { status: 404, .. }) => Ok(()),
            told => told,
        }
    }

    /// Sends a small request of which only success matters.
    pub(super) async fn send_small(&self, resend: Resend, request: impl Fn() -> RequestBuilder) -> Result<(), Failure> {
        let first_byte = self.settings.retry_policy.small_first_byte;
        let answer = self.send(resend, first_byte, request).await?;
        // Read to its end, so that its connection serves the next request; what it says is no
        // matter.
        let _ = self.body(answer).await;
        Ok(())
    }

    pub(super) async fn body(&self, answer: Response) -> Result<Vec<u8>, Failure> {
        let chunks = chunks(answer, self.settings.retry_policy.idle);
        let body = chunks.try_fold(Vec::new(), |mut body, chunk| async move {
            body.extend_from_slice(&chunk);
            Ok(body)
        });
        body.await.map_err(|_| Failure::Interrupted { code: None })
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

    async fn refusal(&self, answer: Response) -> Miss {
        let (status, advice, request_id) =
            (answer.status(), Advice::of(answer.headers()), request_id(answer.headers()));
        let path = answer.url().path().to_owned();
        let complaint = self.complaint(answer).await;
        let code = complaint.code.as_deref();
        warn!(status = status.as_u16(), request_id, code, path, "OpenAI refused a request");
        Miss::Refused { status, advice, complaint }
    }

    /// An unreadable one says nothing, and its status still speaks.
    async fn complaint(&self, answer: Response) -> Complaint {
        let chunks = chunks(answer, self.settings.retry_policy.idle);
        let body = chunks.try_fold(Vec::new(), |mut body, chunk| async move {
            body.extend_from_slice(&chunk);
            if body.len() <= LONGEST_COMPLAINT { Ok(body) } else { Err(Cut::Broken) }
        });
        let body = body.await.unwrap_or_default();
        let mut complaint =
            serde_json::from_slice(&body).map_or_else(|_| Complaint::default(), |value| Complaint::read(&value));
        if !self.settings.api_key.is_empty() {
            complaint.message = complaint.message.replace(&self.settings.api_key, "…");
        }
        complaint
    }
}

impl Wire for Client {
    fn send(&self, request: Request) -> BoxFuture<'static, Result<Response, Broken>> {
        self.execute(request).map(|sent| sent.map_err(Broken::from)).boxed()
    }
}

impl From<reqwest::Error> for Broken {
    fn from(error: reqwest::Error) -> Self {
        let broken = if error.is_builder() {
            Self::Unfit
        } else if error.is_connect() {
            Self::NeverSent
        } else {
            Self::NoAnswer
        };
        // The debug form names the causes; of the request it holds the URL alone, dropped here.
        warn!(?broken, error = ?error.without_url(), "OpenAI was not reached");
        broken
    }
}

impl Miss {
    /// Whether the request may have had its effect all the same. A 5xx may come from a proxy that
    /// lost the server behind it.
    pub(super) fn maybe_ran(&self) -> bool {
        match self {
            Self::Refused { status, .. } => *status == StatusCode::REQUEST_TIMEOUT || status.is_server_error(),
            Self::Broken(broken) => *broken == Broken::NoAnswer,
        }
    }

    pub(super) fn is_locked(&self) -> bool {
        matches!(self, Self::Refused { complaint, .. } if complaint.meaning() == Some(Failure::Locked))
    }

    pub(super) fn may_be_repeated(&self, repeatable: bool) -> bool {
        match self {
            Self::Refused { status, advice, complaint } => match complaint.meaning() {
                Some(Failure::Locked) => true,
                Some(Failure::Quota) => false,
                _ => advice.again.unwrap_or(is_retryable(*status)),
            },
            Self::Broken(Broken::NeverSent) => true,
            Self::Broken(Broken::NoAnswer) => repeatable,
            Self::Broken(Broken::Unfit) => false,
        }
    }

    pub(super) fn wait_asked(&self) -> Option<Duration> {
        match self {
            Self::Refused { advice, .. } => advice.wait,
            Self::Broken(_) => None,
        }
    }

    fn into_failure(self, maybe_ran: bool) -> Failure {
        match self {
            Self::Refused { status, complaint, .. } => match complaint.meaning() {
                Some(failure) => failure,
                None if is_retryable(status) => Failure::Unavailable { maybe_ran },
                None => Failure::Refused {
                    status: status.as_u16(),
                    code: complaint.code,
                    param: complaint.param,
                    message: complaint.message,
                },
            },
            Self::Broken(_) => Failure::Unavailable { maybe_ran },
        }
    }
}

/// Statuses after which the same request may well succeed.
fn is_retryable(status: StatusCode) -> bool {
    matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::CONFLICT | StatusCode::TOO_MANY_REQUESTS)
        || status.is_server_error()
}

/// The body of an answer, piece by piece, none awaited for longer than `idle`.
pub(super) fn chunks(answer: Response, idle: Duration) -> impl Stream<Item = Result<Bytes, Cut>> + Send {
    stream::try_unfold(answer, move |mut answer| async move {
        let chunk = timeout(idle, answer.chunk()).await.map_err(|_| Cut::Silent)?.map_err(|_| Cut::Broken)?;
        Ok(chunk.map(|chunk| (chunk, answer)))
    })
}

/// What OpenAI's support asks for.
pub(super) fn request_id(headers: &HeaderMap) -> Option<String> {
    headers.get("x-request-id")?.to_str().ok().map(str::to_owned)
}
