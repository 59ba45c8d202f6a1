//! The functions' three wires, with the gate on each: the table's, OpenAI's, the sockets'.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, Weak},
};

use aws_smithy_runtime_api::{
    client::{
        http::{HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector},
        orchestrator::{HttpRequest, HttpResponse},
        result::ConnectorError,
        runtime_components::RuntimeComponents,
    },
    http::StatusCode,
};
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use futures::{FutureExt, StreamExt, future::BoxFuture, stream};
use local::dynamo::InProcess;
use serde_json::{Value, json};
use shared::openai::{Broken, Wire};
use tokio::sync::oneshot;

use super::{
    gate::{Call, Fate, Gate, InstanceId},
    leases::Leases,
    world::{Function, Inner, World, invoked, lock},
};
use crate::wire::{asked, conflict, refusal};

/// One instance's way to something.
#[derive(Clone, Debug)]
pub(super) struct Through<T> {
    gate: Gate,
    instance: InstanceId,
    to: T,
}

impl<T> Through<T> {
    pub(super) fn new(gate: &Gate, instance: InstanceId, to: T) -> Self {
        Self { gate: gate.clone(), instance, to }
    }
}

/// DynamoDB, and who watches it.
#[derive(Clone, Debug)]
pub(super) struct Table {
    pub(super) database: InProcess,
    pub(super) leases: Leases,
}

impl HttpClient for Through<Table> {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Through<Table> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let operation = request.headers().get("x-amz-target").unwrap_or_default();
        let operation = operation.rsplit('.').next().unwrap_or_default().to_owned();
        let through = self.clone();
        let (answers, answer) = oneshot::channel();
        // A task of its own: what was sent may arrive although its sender has given up.
        tokio::spawn(async move { answers.send(through.carry(operation, request).await) });
        HttpConnectorFuture::new(async move { answer.await.unwrap_or_else(|_| Err(lost())) })
    }
}

impl Through<Table> {
    async fn carry(&self, operation: String, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let is_transaction = operation == "TransactWriteItems";
        let answer = match self.gate.out(self.instance, Call::Table(operation)).await {
            Fate::Conflict if is_transaction => Ok(conflict(&asked(&request))),
            Fate::Refused | Fate::Conflict => Ok(refusal("ProvisionedThroughputExceededException")),
            Fate::NeverSent => Err(lost()),
            Fate::AnswerLost => self.arrive(request).await.and(Err(lost())),
            _ => self.arrive(request).await,
        };
        self.gate.back(self.instance).await;
        answer
    }

    async fn arrive(&self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let asked = asked(&request);
        let answer = self.to.database.call(request).await?;
        if answer.status().is_success() {
            self.to.leases.wrote(&asked);
        }
        Ok(answer)
    }
}

fn lost() -> ConnectorError {
    ConnectorError::io("the connection was closed before the answer came".into())
}

/// What arrived at the sockets.
#[derive(Clone, Debug, Default)]
pub struct Frames(Arc<Mutex<Vec<(String, Value)>>>);

impl Frames {
    /// The frames of each connection whose name begins so.
    pub fn of(&self, prefix: &str) -> Vec<Value> {
        let frames = lock(&self.0);
        frames.iter().filter(|(to, _)| to.starts_with(prefix)).map(|(_, frame)| frame.clone()).collect()
    }
}

/// API Gateway's side of `@connections`.
impl HttpClient for Through<Frames> {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Through<Frames> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let through = self.clone();
        HttpConnectorFuture::new(async move {
            let fate = through.gate.out(through.instance, Call::Socket).await;
            let status = if matches!(fate, Fate::Refused | Fate::Conflict) { 500 } else { 200 };
            if status == 200 && fate != Fate::NeverSent {
                let connection = request.uri().rsplit('/').next().unwrap_or_default().to_owned();
                let frame = serde_json::from_slice(request.body().bytes().unwrap_or_default()).unwrap_or_default();
                lock(&through.to.0).push((connection, frame));
            }
            through.gate.back(through.instance).await;
            if matches!(fate, Fate::NeverSent | Fate::AnswerLost) {
                return Err(lost());
            }
            let status = StatusCode::try_from(status).expect("a status");
            Ok(HttpResponse::new(status, SdkBody::empty()))
        })
    }
}

/// Lambda's `Invoke`: an event that is taken calls `chat`, whoever waits for it.
#[derive(Clone)]
pub(super) struct Doorbell(pub(super) Weak<Inner>);

impl fmt::Debug for Doorbell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Doorbell")
    }
}

impl HttpClient for Through<Doorbell> {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Through<Doorbell> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let through = self.clone();
        HttpConnectorFuture::new(async move {
            let fate = through.gate.out(through.instance, Call::Invoke).await;
            let refused = matches!(fate, Fate::Refused | Fate::Conflict);
            if !refused
                && fate != Fate::NeverSent
                && let Some(world) = through.to.0.upgrade()
            {
                let event = String::from_utf8_lossy(request.body().bytes().unwrap_or_default()).into_owned();
                let world = World::from(world);
                tokio::spawn(async move { world.call(Function::Chat, invoked(event)).await });
            }
            through.gate.back(through.instance).await;
            if matches!(fate, Fate::NeverSent | Fate::AnswerLost) {
                return Err(lost());
            }
            let status = StatusCode::try_from(if refused { 500 } else { 202 }).expect("a status");
            Ok(HttpResponse::new(status, SdkBody::empty()))
        })
    }
}

/// The stand-in, and what was asked of it.
#[derive(Clone)]
pub struct OpenAi {
    standin: local::standin::InProcess,
    asked: Arc<Mutex<Asked>>,
}

/// What the stand-in took on.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// Conversation and input of each response that began.
    pub responses: Vec<(Value, Value)>,
    /// The ids of all conversations.
    pub conversations: Vec<String>,
}

impl OpenAi {
    pub(super) fn new(standin: &local::standin::Standin) -> Self {
        Self { standin: local::standin::InProcess::new(standin), asked: Arc::default() }
    }

    /// How many items OpenAI still has of a conversation; none where it is gone.
    pub async fn items(&self, conversation: &str) -> usize {
        let url = format!("http://openai.test/v1/conversations/{conversation}/items?limit=100");
        let mut request = reqwest::Request::new(http::Method::GET, url.parse().expect("a URL"));
        request.headers_mut().insert("authorization", http::HeaderValue::from_static("Bearer standin"));
        let answer = self.standin.send(request).await.expect("the stand-in answers");
        let page: Value = answer.json().await.unwrap_or_default();
        page["data"].as_array().map_or(0, Vec::len)
    }

    pub fn asked(&self) -> MutexGuard<'_, Asked> {
        lock(&self.asked)
    }
}

impl Wire for Through<OpenAi> {
    fn send(&self, request: reqwest::Request) -> BoxFuture<'static, Result<reqwest::Response, Broken>> {
        let through = self.clone();
        async move {
            let what = what(&request);
            let body: Value = request
                .body()
                .and_then(|body| body.as_bytes())
                .map_or(Value::Null, |body| serde_json::from_slice(body).unwrap_or_default());
            let answer = match through.gate.out(through.instance, Call::OpenAi(what.clone())).await {
                Fate::Refused | Fate::Conflict => Ok(reqwest::Response::from(overloaded())),
                Fate::NeverSent => Err(Broken::NeverSent),
                fate => {
                    let answer = through.ask(&what, body, request).await?;
                    if fate == Fate::AnswerLost { Err(Broken::NoAnswer) } else { Ok(answer) }
                }
            };
            through.gate.back(through.instance).await;
            answer
        }
        .boxed()
    }
}

impl Through<OpenAi> {
    /// Asks the stand-in. The answer to a creation is read at once; that of a response comes as slowly as the gate lets it.
    async fn ask(&self, what: &str, body: Value, request: reqwest::Request) -> Result<reqwest::Response, Broken> {
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
                let said = answer.bytes().await.map_err(Broken::from)?;
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

    /// The stream in two halves. The gate stands before each: in front of the first, the response has not landed.
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

/// How far a stream has come.
enum Piece {
    First,
    /// Of what the stand-in said in one go.
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
