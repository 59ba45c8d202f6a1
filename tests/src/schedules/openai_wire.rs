//! The functions' wire to OpenAI, with the gate on it, and the stand-in at its end.

use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use futures::{
    FutureExt, StreamExt,
    future::BoxFuture,
    stream::{self, BoxStream},
};
use local::standin::{Failure, Fault, InProcess, Standin};
use serde_json::{Value, json};
use shared::openai::{TransportError, Wire};

use super::{
    gate::{Call, Fate},
    mood::{Mood, may_pass},
    tries::Tries,
    wires::Through,
};
use crate::wire::lock;

/// The stand-in, and the requests that it accepted.
#[derive(Clone)]
pub(super) struct OpenAi {
    standin: Standin,
    wire: InProcess,
    mood: Arc<Mutex<Mood>>,
    asked: Arc<Mutex<Asked>>,
    tries: Tries,
}

/// The requests that the stand-in accepted.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked {
    /// Conversation and input of each response that began.
    pub responses: Vec<(Value, Value)>,
    /// The ids of all conversations.
    pub conversations: Vec<String>,
    /// The ids of all responses.
    pub response_ids: Vec<String>,
    /// The words of each response, as far as they were sent.
    pub words: Vec<String>,
}

impl OpenAi {
    pub(super) fn new(standin: Standin, mood: Mood, tries: Tries) -> Self {
        let wire = InProcess::new(&standin);
        Self { standin, wire, mood: Arc::new(Mutex::new(mood)), asked: Arc::default(), tries }
    }

    pub(super) fn next_response(&self, failure: Failure) {
        lock(&self.mood).order(failure);
    }

    /// From now on the model answers each request.
    pub(super) fn calm_down(&self) {
        *lock(&self.mood) = Mood::calm();
    }

    /// Number of items that OpenAI still has of a conversation; none if it is gone.
    pub(super) async fn items(&self, conversation: &str) -> usize {
        let page = self.get(&format!("conversations/{conversation}/items?limit=100")).await;
        page["data"].as_array().map_or(0, Vec::len)
    }

    /// True if OpenAI still has an object: `conversations/conv_…`, `responses/resp_…`.
    pub(super) async fn has(&self, path: &str) -> bool {
        self.get(path).await["error"].is_null()
    }

    /// Takes down what a response says, in the chunk that holds all of it.
    fn hear(&self, events: &[u8]) {
        let events = String::from_utf8_lossy(events);
        let data = events.lines().filter_map(|line| serde_json::from_str::<Value>(line.strip_prefix("data: ")?).ok());
        let (mut words, mut ids) = (String::new(), Vec::new());
        for event in data {
            match event["type"].as_str() {
                Some("response.output_text.delta") => words += event["delta"].as_str().unwrap_or_default(),
                Some("response.created") => ids.extend(event["response"]["id"].as_str().map(str::to_owned)),
                _ => {}
            }
        }
        let mut asked = self.asked();
        asked.words.push(words);
        asked.response_ids.append(&mut ids);
    }

    async fn get(&self, path: &str) -> Value {
        let url = format!("http://openai.test/v1/{path}");
        let mut request = reqwest::Request::new(http::Method::GET, url.parse().expect("a URL"));
        request.headers_mut().insert("authorization", http::HeaderValue::from_static("Bearer standin"));
        let answer = self.wire.send(request).await.expect("the stand-in answers");
        answer.json().await.unwrap_or_default()
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
        let mood = if what == "POST responses" { lock(&self.to.mood).next(&body["input"]) } else { None };
        let fails = mood.as_ref().is_some_and(may_pass);
        if let Some(failure) = mood {
            self.gate.note(&format!("#{} the model's next response: {failure:?}", self.instance.0));
            self.to.standin.fault(Fault::on("POST", "/v1/responses", failure));
        }
        let answer = self.to.wire.send(request).await?;
        if !answer.status().is_success() {
            return Ok(answer);
        }
        match what {
            "POST responses" => {
                let began = (body["conversation"].clone(), body["input"].clone());
                self.to.asked().responses.push(began);
                self.to.tries.asks(self.instance);
                Ok(self.slowly(answer, body["conversation"].clone(), fails))
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
    /// `fails`: the stand-in ends it with a failure that may pass.
    fn slowly(&self, answer: reqwest::Response, conversation: Value, fails: bool) -> reqwest::Response {
        let (status, headers) = (answer.status(), answer.headers().clone());
        let told = Told { through: self.clone(), conversation, fails };
        let start = (answer.bytes_stream().boxed(), Piece::First);
        let body = stream::unfold(start, move |(pieces, piece)| {
            let told = told.clone();
            async move { told.next(pieces, piece).await }
        });
        let mut again = http::Response::new(reqwest::Body::wrap_stream(body));
        *again.status_mut() = status;
        *again.headers_mut() = headers;
        again.into()
    }
}

/// A response that is being streamed.
#[derive(Clone)]
struct Told {
    through: Through<OpenAi>,
    conversation: Value,
    fails: bool,
}

type Pieces = BoxStream<'static, reqwest::Result<Bytes>>;

impl Told {
    async fn next(&self, mut pieces: Pieces, piece: Piece) -> Option<(std::io::Result<Bytes>, (Pieces, Piece))> {
        let Through { gate, instance, to } = &self.through;
        let fate = match piece {
            Piece::First | Piece::Second(_) => gate.out(*instance, Call::Stream).await,
            Piece::Rest => Fate::Pass,
        };
        if matches!(fate, Fate::Refused | Fate::Conflict | Fate::NeverSent) {
            return Some(self.cut());
        }
        let (sent, next) = match piece {
            Piece::First => {
                let Ok(whole) = pieces.next().await? else { return Some(self.cut()) };
                to.hear(&whole);
                let middle = whole.len() / 2;
                (whole.slice(..middle), Piece::Second(whole.slice(middle..)))
            }
            Piece::Second(rest) => {
                if fate != Fate::AnswerLost {
                    self.end();
                }
                (rest, Piece::Rest)
            }
            Piece::Rest => match pieces.next().await? {
                Ok(rest) => (rest, Piece::Rest),
                Err(_) => return Some((Err(cut()), (stream::empty().boxed(), Piece::Rest))),
            },
        };
        gate.back(*instance).await;
        if fate == Fate::AnswerLost {
            return Some(self.cut());
        }
        Some((Ok(sent), (pieces, next)))
    }

    /// The stand-in has said all that it says.
    fn end(&self) {
        let Through { instance, to, .. } = &self.through;
        if self.fails { to.tries.fails(*instance, &self.conversation) } else { to.tries.forget(*instance) }
    }

    fn cut(&self) -> (std::io::Result<Bytes>, (Pieces, Piece)) {
        let Through { instance, to, .. } = &self.through;
        to.tries.fails(*instance, &self.conversation);
        (Err(cut()), (stream::empty().boxed(), Piece::Rest))
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
