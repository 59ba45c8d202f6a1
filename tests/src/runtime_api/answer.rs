//! The response of a function, in the two forms that the Runtime API takes.

use std::{collections::BTreeMap, fmt, future::poll_fn, pin::Pin, process::ExitStatus};

use axum::{
    body::{Body, HttpBody as _},
    extract::Request,
    http::{
        HeaderMap, HeaderName, HeaderValue, Response, StatusCode,
        header::{CONTENT_TYPE, SET_COOKIE},
    },
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde::Deserialize;
use serde_json::{Value, json};

const STREAMED: &str = "application/vnd.awslambda.http-integration-response";
const MODE: &str = "lambda-runtime-function-response-mode";
/// End of the prelude of a streamed response.
pub const DELIMITER: [u8; 8] = [0; 8];
pub const ERROR_TYPE: &str = "lambda-runtime-function-error-type";
pub const ERROR_BODY: &str = "lambda-runtime-function-error-body";

pub type Outcome = Result<Answer, Failure>;

/// The response to one event.
#[derive(Debug)]
pub enum Answer {
    /// Any JSON; from an HTTP function a proxy response, which API Gateway turns into HTTP.
    Buffered(Value),
    /// A prelude `{statusCode, headers, cookies}`, and the body.
    Streamed { prelude: Value, body: Vec<u8> },
}

impl Answer {
    /// The JSON of a function that does not speak HTTP: an authorizer's policy, say.
    pub fn into_json(self) -> Value {
        match self {
            Answer::Buffered(value) => value,
            Answer::Streamed { prelude, .. } => panic!("streamed: {prelude}"),
        }
    }

    /// The response that a client would get from API Gateway, in either form.
    pub fn into_http(self) -> Response<Vec<u8>> {
        match self {
            Answer::Buffered(value) => {
                ProxyResponse::deserialize(&value).unwrap_or_else(|error| panic!("{error}: {value}")).into_http()
            }
            Answer::Streamed { prelude, body } => {
                Prelude::deserialize(&prelude).unwrap_or_else(|error| panic!("{error}: {prelude}")).with_body(body)
            }
        }
    }
}

/// The reason for a missing response.
#[derive(Debug)]
pub enum Failure {
    /// The error posted to `init/error`: the function failed to start.
    Init(Value),
    /// The handler's error: `{errorType, errorMessage}`.
    Invocation(Value),
    /// The stream broke off: the part that had arrived by then, and the error.
    Stream { until_then: Box<Answer>, error: Value },
    /// The process has exited.
    Exited(ExitStatus),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Init(error) => write!(f, "the function failed to start: {error}"),
            Failure::Invocation(error) => write!(f, "the handler failed: {error}"),
            Failure::Stream { until_then, error } => {
                write!(f, "the stream broke off with {error} after {until_then:?}")
            }
            Failure::Exited(status) => write!(f, "the process exited: {status}"),
        }
    }
}

/// Reads the body of a `POST …/invocation/{id}/response`.
pub(super) async fn read(request: Request) -> Outcome {
    let streamed = request.headers().get(CONTENT_TYPE).is_some_and(|kind| kind == STREAMED);
    let mode = request.headers().get(MODE).is_some_and(|mode| mode == "streaming");
    assert_eq!(streamed, mode, "the content type and the mode of a response agree");
    let (bytes, trailers) = collect(request.into_body()).await;
    if streamed {
        return read_streamed(&bytes, &trailers);
    }
    Ok(Answer::Buffered(serde_json::from_slice(&bytes).expect("a buffered answer is JSON")))
}

/// The whole body, and the trailers after it.
async fn collect(mut body: Body) -> (Vec<u8>, HeaderMap) {
    let (mut bytes, mut trailers) = (Vec::new(), HeaderMap::new());
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        match frame.expect("the function sends its answer to the end").into_data() {
            Ok(data) => bytes.extend_from_slice(&data),
            Err(frame) => trailers.extend(frame.into_trailers().unwrap_or_default()),
        }
    }
    (bytes, trailers)
}

/// Parses a prelude `{statusCode, headers, cookies}`, eight NUL bytes, and the body. An error in mid-stream follows in
/// trailers.
pub fn read_streamed(bytes: &[u8], trailers: &HeaderMap) -> Outcome {
    let end =
        bytes.windows(DELIMITER.len()).position(|window| window == DELIMITER).expect("a delimiter ends the prelude");
    let prelude = serde_json::from_slice(&bytes[..end]).expect("the prelude is JSON");
    let body = &bytes[end + DELIMITER.len()..];

    let (body, error) = match error_in(trailers) {
        Some(error) => (body, Some(error)),
        None => split_error(body),
    };
    let answer = Answer::Streamed { prelude, body: body.to_vec() };
    match error {
        None => Ok(answer),
        Some(error) => Err(Failure::Stream { until_then: Box::new(answer), error }),
    }
}

fn error_in(trailers: &HeaderMap) -> Option<Value> {
    let text = |name| trailers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    Some(stream_error(text(ERROR_TYPE)?, text(ERROR_BODY).unwrap_or_default()))
}

/// Splits off the error of a broken stream: `lambda_runtime` 1.5 announces trailers and then writes them at the end of
/// the body itself, in the form of trailers.
fn split_error(body: &[u8]) -> (&[u8], Option<Value>) {
    let start = b"Lambda-Runtime-Function-Error-Type: ";
    let Some(at) = body.windows(start.len()).rposition(|window| window == start) else {
        return (body, None);
    };
    let trailers = String::from_utf8_lossy(&body[at..]);
    let mut values = trailers.lines().filter_map(|line| Some(line.split_once(": ")?.1));
    let error = stream_error(values.next().unwrap_or_default(), values.next().unwrap_or_default());
    (&body[..at], Some(error))
}

fn stream_error(kind: &str, base64: &str) -> Value {
    let message = BASE64_STANDARD.decode(base64).expect("an error's body is base64");
    json!({ "errorType": kind, "errorMessage": String::from_utf8_lossy(&message) })
}

/// The prelude of a streamed body. `lambda_runtime` writes a header that repeats as a list, which AWS does not
/// document.
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
    fn with_body(self, body: Vec<u8>) -> Response<Vec<u8>> {
        let cookies = self.cookies.into_iter().map(|cookie| (SET_COOKIE.to_string(), cookie));
        http_response(self.status_code, self.headers.into_iter().chain(cookies), body)
    }
}

/// The proxy response of a buffered HTTP function, for REST and WebSocket routes alike.
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
    /// Merges both header maps as API Gateway does; a name that is in both counts as `multiValueHeaders` has it. A body
    /// in base64 stays so, since the API has no binary media types.
    fn into_http(mut self) -> Response<Vec<u8>> {
        self.headers.retain(|name, _| !self.multi_value_headers.contains_key(name));
        let repeated = self.multi_value_headers.into_iter();
        let repeated = repeated.flat_map(|(name, values)| values.into_iter().map(move |value| (name.clone(), value)));
        let body = self.body.unwrap_or_default().into_bytes();
        http_response(self.status_code, self.headers.into_iter().chain(repeated), body)
    }
}

fn http_response(status: u16, headers: impl Iterator<Item = (String, String)>, body: Vec<u8>) -> Response<Vec<u8>> {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).expect("a status");
    for (name, value) in headers {
        let name = HeaderName::try_from(name).expect("a header's name");
        response.headers_mut().append(name, HeaderValue::try_from(value).expect("a header's value"));
    }
    response
}
