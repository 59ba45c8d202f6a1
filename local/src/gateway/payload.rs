//! The payload that a function gives to Lambda's Runtime API: written as `lambda_runtime` writes it, and read as API
//! Gateway reads it. So a response that only Rust understands fails here as on AWS.

use std::{collections::BTreeMap, error::Error as StdError};

use axum::{
    body::Body,
    http::{
        HeaderMap, HeaderName, HeaderValue, Response, StatusCode,
        header::{CONTENT_TYPE, SET_COOKIE},
    },
};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use futures::{FutureExt, Stream, StreamExt, future::BoxFuture, stream, stream::BoxStream};
use lambda_http::lambda_runtime::StreamResponse;
use serde::{Deserialize, Serialize};

use super::refusal::Refusal;

/// The largest payload that is not streamed: 6 MB, plus what Lambda allows for its frame.
const MAX_PAYLOAD_BYTES: usize = 6_291_556;

/// The limit within which API Gateway looks for the end of a prelude.
const MAX_PRELUDE_BYTES: usize = 16 * 1024;

/// The end of a prelude.
const DELIMITER: [u8; 8] = [0; 8];

/// A function's payload.
pub(super) enum Payload {
    /// JSON, sent when the function has ended.
    Buffered(Vec<u8>),
    /// A prelude `{statusCode, headers, cookies}`, eight NUL bytes, and the body; sent as it is made, with the type
    /// `application/vnd.awslambda.http-integration-response`.
    Streamed(BoxStream<'static, Bytes>),
}

/// The reason for which API Gateway cannot use a payload; it responds 502 and logs this.
#[derive(Debug, thiserror::Error)]
enum Malformed {
    #[error("the payload is not a proxy response: {0}")]
    Json(#[from] serde_json::Error),
    #[error("the payload has the header or status {0:?}, which HTTP does not allow")]
    Http(String),
    #[error("the stream has no delimiter within its first 16 KB")]
    NoDelimiter,
    #[error("the payload has another form than the integration: one streams, the other is buffered")]
    OtherForm,
}

impl Payload {
    /// Writes the answer of a function that does not stream.
    pub(super) fn buffered(answer: &impl Serialize) -> Result<Self, lambda_http::Error> {
        let json = serde_json::to_vec(answer)?;
        if json.len() > MAX_PAYLOAD_BYTES {
            return Err(format!("the payload has {} bytes, {MAX_PAYLOAD_BYTES} are allowed", json.len()).into());
        }
        Ok(Self::Buffered(json))
    }

    /// Writes the answer of a function that streams.
    pub(super) fn streamed<Chunks, Chunk, Problem>(
        mut answer: StreamResponse<Chunks>,
    ) -> Result<Self, lambda_http::Error>
    where
        Chunks: Stream<Item = Result<Chunk, Problem>> + Send + 'static,
        Chunk: Into<Bytes>,
        Problem: Into<Box<dyn StdError + Send + Sync>>,
    {
        let headers = &mut answer.metadata_prelude.headers;
        headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static("application/octet-stream"));
        let prelude = serde_json::to_vec(&answer.metadata_prelude)?;
        let chunks = answer.stream.map(|chunk| match chunk {
            Ok(chunk) => chunk.into(),
            Err(problem) => stream_error(&problem.into()),
        });
        let start = stream::iter([prelude.into(), Bytes::from_static(&DELIMITER)]);
        Ok(Self::Streamed(start.chain(until_panic(chunks)).boxed()))
    }

    /// The response of a REST integration. One that streams reads no buffered payload, nor the other way round.
    pub(super) async fn into_rest(self, streams: bool) -> Result<Response<Body>, Refusal> {
        let response = match (self, streams) {
            (Self::Buffered(json), false) => ProxyResponse::read(&json).and_then(ProxyResponse::into_rest),
            (Self::Streamed(chunks), true) => from_stream(chunks).await,
            _ => Err(Malformed::OtherForm),
        };
        response.map_err(|error| malformed(&error))
    }

    /// The response of a WebSocket route.
    pub(super) fn into_socket(self) -> Result<Response<Body>, Refusal> {
        let response = match self {
            Self::Buffered(json) => ProxyResponse::read(&json).and_then(ProxyResponse::into_socket),
            Self::Streamed(_) => Err(Malformed::OtherForm),
        };
        response.map_err(|error| malformed(&error))
    }

    /// Reads to the end a payload that nobody waits for, as Lambda does: a stream is made while it is read.
    pub(super) fn drained(self) -> BoxFuture<'static, ()> {
        match self {
            Self::Buffered(_) => std::future::ready(()).boxed(),
            Self::Streamed(chunks) => chunks.for_each(|_| std::future::ready(())).boxed(),
        }
    }
}

fn malformed(error: &Malformed) -> Refusal {
    tracing::error!(%error, "API Gateway would not understand a function's payload");
    Refusal::FunctionFailed
}

/// The chunks until one panics. `lambda_runtime` writes a stream in a task of its own: if that panics, the body ends
/// there, well-formed, and nothing tells the client.
fn until_panic(chunks: impl Stream<Item = Bytes> + Send + 'static) -> impl Stream<Item = Bytes> + Send + 'static {
    std::panic::AssertUnwindSafe(chunks).catch_unwind().filter_map(|chunk| {
        if chunk.is_err() {
            tracing::error!("a function panicked while it streamed; its body ends here");
        }
        std::future::ready(chunk.ok())
    })
}

/// An error in the middle of a body: `lambda_runtime` writes its trailers into the body, where the client gets them.
fn stream_error(problem: &lambda_http::Error) -> Bytes {
    let body = STANDARD.encode(problem.to_string());
    let kind = "Lambda-Runtime-Function-Error-Type: Runtime.StreamError";
    format!("{kind}\r\nLambda-Runtime-Function-Error-Body: {body}\r\n").into()
}

/// Reads the prelude as far as its delimiter; the rest is the body.
async fn from_stream(mut chunks: BoxStream<'static, Bytes>) -> Result<Response<Body>, Malformed> {
    let mut start = Vec::new();
    let end = loop {
        if let Some(end) = start.windows(DELIMITER.len()).position(|window| window == DELIMITER) {
            break end;
        }
        if start.len() > MAX_PRELUDE_BYTES {
            return Err(Malformed::NoDelimiter);
        }
        start.extend_from_slice(&chunks.next().await.ok_or(Malformed::NoDelimiter)?);
    };
    let mut body = Bytes::from(start);
    let prelude = body.split_to(end);
    let body = body.split_off(DELIMITER.len());
    let body = stream::iter((!body.is_empty()).then_some(body)).chain(chunks);
    let body = Body::from_stream(body.map(Ok::<_, std::convert::Infallible>));
    serde_json::from_slice::<Prelude>(&prelude)?.into_rest(body)
}

/// The prelude of a stream, with the members that AWS documents and `lambda_runtime` writes. A header that comes twice
/// is a list there, which AWS does not document: it is refused.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Prelude {
    status_code: u16,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    cookies: Vec<String>,
}

impl Prelude {
    fn into_rest(self, body: Body) -> Result<Response<Body>, Malformed> {
        let mut headers = HeaderMap::with_capacity(self.headers.len());
        for (name, value) in &self.headers {
            append(&mut headers, name, value)?;
        }
        for cookie in &self.cookies {
            append(&mut headers, SET_COOKIE.as_str(), cookie)?;
        }
        response(self.status_code, headers, body)
    }
}

/// The payload of a function that does not stream. Values of other types than these are refused, although API Gateway
/// lets a few pass.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ProxyResponse {
    status_code: u16,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    multi_value_headers: BTreeMap<String, Vec<String>>,
    body: Option<String>,
}

impl ProxyResponse {
    fn read(json: &[u8]) -> Result<Self, Malformed> {
        Ok(serde_json::from_slice(json)?)
    }

    /// Merges both forms of headers; a name and value that are in both count once. A body in base64 stays so: the
    /// template's API has no binary media types.
    fn into_rest(self) -> Result<Response<Body>, Malformed> {
        let mut headers = HeaderMap::with_capacity(self.headers.len() + self.multi_value_headers.len());
        for (name, values) in &self.multi_value_headers {
            for value in values {
                append(&mut headers, name, value)?;
            }
        }
        for (name, value) in &self.headers {
            let repeated = self.multi_value_headers.get(name).is_some_and(|values| values.contains(value));
            if !repeated {
                append(&mut headers, name, value)?;
            }
        }
        response(self.status_code, headers, Body::from(self.body.unwrap_or_default()))
    }

    /// For a WebSocket, AWS documents `headers` alone.
    fn into_socket(self) -> Result<Response<Body>, Malformed> {
        let mut headers = HeaderMap::with_capacity(self.headers.len());
        for (name, value) in &self.headers {
            append(&mut headers, name, value)?;
        }
        response(self.status_code, headers, Body::from(self.body.unwrap_or_default()))
    }
}

fn append(headers: &mut HeaderMap, name: &str, value: &str) -> Result<(), Malformed> {
    let wrong = |_| Malformed::Http(name.to_owned());
    let parsed = HeaderName::try_from(name).map_err(|_| Malformed::Http(name.to_owned()))?;
    headers.append(parsed, HeaderValue::try_from(value).map_err(wrong)?);
    Ok(())
}

fn response(status: u16, headers: HeaderMap, body: Body) -> Result<Response<Body>, Malformed> {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).map_err(|_| Malformed::Http(status.to_string()))?;
    *response.headers_mut() = headers;
    Ok(response)
}
