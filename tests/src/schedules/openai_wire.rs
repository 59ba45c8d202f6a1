//! The functions' wire to OpenAI, with the gate on it, and the stand-in at its end.

use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use futures::{FutureExt, StreamExt, future::BoxFuture, stream};
use serde_json::{Value, json};
use shared::openai::{TransportError, Wire};

use super::{
    gate::{Call, Fate},
    wires::Through,
};
use crate::wire::lock;

/// The stand-in, and the requests that it accepted.
#[derive(Clone)]
pub(super) struct OpenAi {
    standin: local::standin::InProcess,
    asked: Arc<Mutex<Asked>>,
}

/// The requests that the stand-in accepted.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked {
    /// Conversation and input of each response that began.
    pub responses: Vec<(Value, Value)>,
    /// The ids of all conversations.
    pub conversations: Vec<String>,
}

impl OpenAi {
    pub(super) fn new(standin: &local::standin::Standin) -> Self {
        Self { standin: local::standin::InProcess::new(standin), asked: Arc::default() }
    }

    /// Number of items that OpenAI still has of a conversation; none if it is gone.
    pub(super) async fn items(&self, conversation: &str) -> usize {
        let url = format!("http://openai.test/v1/conversations/{conversation}/items?limit=100");
        let mut request = reqwest::Request::new(http::Method::GET, url.parse().expect("a URL"));
        request.headers_mut().insert("authorization", http::HeaderValue::from_static("Bearer standin"));
        let answer = self.standin.send(request).await.expect("the stand-in answers");
        let page: Value = answer.json().await.unwrap_or_default();
        page["data"].as_array().map_or(0, Vec::len)
    }

    pub(super) fn asked(&self) -> MutexGuard<'_, Asked> {
        lock(&self.asked)
    }
}

impl Wire for Through<OpenAi> {
    fn send(&self, request: reqwest::Request) -> BoxFuture<'static, Result<reqwest::Response, TransportError>> {
        let through = self.clone();
        async move {
            let what = what(&request);
            let body: Value = request
                .body()
                .and_then(|body| body.as_bytes())
                .map_or(Value::Null, |body| serde_json::from_slice(body).unwrap_or_default());
            let answer = match through.gate.out(through.instance, Call::OpenAi(what.clone())).await {
                Fate::Refused | Fate::Conflict => Ok(reqwest::Response::from(overloaded())),
                Fate::NeverSent => Err(TransportError::NotSent),
                fate => {
                    let answer = through.ask(&what, body, request).await?;
                    if fate == Fate::AnswerLost { Err(TransportError::NoResponse) } else { Ok(answer) }
                }
            };
            through.gate.back(through.instance).await;
            answer
        }
        .boxed()
    }
}

impl Through<OpenAi> {
    /// Sends the request to the stand-in. The response to a creation is read at once; that of a model response comes as
    /// slowly as the gate lets it.
    async fn ask(
        &self,
        what: &str,
        body: Value,
        request: reqwest::Request,
    ) -> Result<reqwest::Response, TransportError> {
        let answer = self.to.standin.send(request).await?;
        if !answer.status().is_success() {
            return Ok(answer);
        }
        match what {
            "POST responses" => {
                let began = (body["conversation"].clone(), body["input"].clone());
                self.to.asked().responses.push(began);
                Ok(self.slowly(answer))
            }
            "POST conversations" => {
                let (status, headers) = (answer.status(), answer.headers().clone());
                let said = answer.bytes().await.map_err(TransportError::from)?;
                let id = serde_json::from_slice::<Value>(&said).unwrap_or_default()["id"].clone();
                self.to.asked().conversations.extend(id.as_str().map(str::to_owned));
                let mut again = http::Response::new(said);
                *again.status_mut() = status;
                *again.headers_mut() = headers;
                Ok(again.into())
            }
            _ => Ok(answer),
        }
    }

    /// The stream in two halves. Each waits at the gate: before the first half passes, the response has not landed.
    fn slowly(&self, answer: reqwest::Response) -> reqwest::Response {
        let (status, headers) = (answer.status(), answer.headers().clone());
        let half = |piece: &Bytes, second: bool| {
            let middle = piece.len() / 2;
            if second { piece.slice(middle..) } else { piece.slice(..middle) }
        };
        let through = self.clone();
        let start = (answer.bytes_stream().boxed(), Piece::First);
        let body = stream::unfold(start, move |(mut pieces, piece)| {
            let through = through.clone();
            async move {
                let fate = match piece {
                    Piece::First | Piece::Second(_) => through.gate.out(through.instance, Call::Stream).await,
                    Piece::Rest => Fate::Pass,
                };
                if matches!(fate, Fate::Refused | Fate::Conflict | Fate::NeverSent) {
                    return Some((Err(cut()), (stream::empty().boxed(), Piece::Rest)));
                }
                let (sent, next) = match piece {
                    Piece::First => {
                        let whole = pieces.next().await?.ok()?;
                        (half(&whole, false), Piece::Second(whole))
                    }
                    Piece::Second(whole) => (half(&whole, true), Piece::Rest),
                    Piece::Rest => (pieces.next().await?.ok()?, Piece::Rest),
                };
                through.gate.back(through.instance).await;
                if fate == Fate::AnswerLost {
                    return Some((Err(cut()), (stream::empty().boxed(), Piece::Rest)));
                }
                Some((Ok(sent), (pieces, next)))
            }
        });
        let mut again = http::Response::new(reqwest::Body::wrap_stream(body));
        *again.status_mut() = status;
        *again.headers_mut() = headers;
        again.into()
    }
}

/// The progress of a stream.
enum Piece {
    First,
    /// The second half of the stand-in's first chunk.
    Second(Bytes),
    Rest,
}

fn cut() -> std::io::Error {
    std::io::Error::other("the stream was cut")
}

/// Method and path without ids: `DELETE conversations/…/items/…`.
fn what(request: &reqwest::Request) -> String {
    let path = request.url().path().trim_start_matches("/v1/").split('/');
    let names = path.map(|part| if part.contains('_') && part != "vector_stores" { "…" } else { part });
    format!("{} {}", request.method(), names.collect::<Vec<_>>().join("/"))
}

fn overloaded() -> http::Response<String> {
    let error = json!({ "error": { "message": "Overloaded.", "type": "server_error", "param": null, "code": null } });
    let mut answer = http::Response::new(error.to_string());
    *answer.status_mut() = http::StatusCode::SERVICE_UNAVAILABLE;
    answer
}
