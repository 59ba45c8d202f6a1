//! Events of API Gateway, REST and WebSocket, through the handlers: whatever a caller puts into a request, the answer
//! is theirs to correct, never a 5xx.

use std::{cell::RefCell, collections::BTreeMap, fs, path::Path, time::Duration};

use lambda_http::{Body, Request, Response, request};
use local::Options;
use serde_json::{Value, json};
use shared::App;
use tests::{stage::Stage, web_socket::Socket, whole::whole};

use super::{mutator::Mutator, run};

/// A Switchboard, and the sample events as text.
struct Corpus {
    stage: Stage,
    events: Vec<(String, String)>,
    /// The ids in the events, and those that stand for them.
    ids: RefCell<[(&'static str, String); 3]>,
    _socket: Socket,
}

impl Corpus {
    async fn new(wanted: impl Fn(&str) -> bool) -> Self {
        let stage = Stage::with(Options { person_wait: Duration::ZERO, ..Options::default() }).await;
        let customer = stage.persona("acme", "customer", "cara");
        let socket = customer.connects().await;
        let ids = RefCell::new(Self::new_ids(&stage).await);
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../events");
        let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
        files.sort();
        let name = |path: &Path| path.file_stem().unwrap().to_str().unwrap().to_owned();
        let events = files.iter().map(|path| (name(path), fs::read_to_string(path).unwrap()));
        let events = events.filter(|(name, _)| wanted(name)).collect();
        Self { stage, events, ids, _socket: socket }
    }

    /// A new chatbot and thread, and the open socket.
    async fn new_ids(stage: &Stage) -> [(&'static str, String); 3] {
        let chatbot = stage.public_chatbot().await;
        let thread = stage.thread_of(&stage.persona("acme", "customer", "cara"), &chatbot).await;
        // An erasure closes the customer's socket: from then on the events name one that is gone.
        let connection = stage.board.connections().ids().first().cloned().unwrap_or_else(|| "EXAMPLEconn=".to_owned());
        [(shared::openapi::THREAD, thread), (shared::openapi::CHATBOT, chatbot), ("EXAMPLEconn=", connection)]
    }

    /// Changes an event, plays it through its handler, and checks the answer. Returns the status; `None` of an event
    /// that API Gateway could not have sent.
    async fn plays(&self, seed: u64) -> Option<u16> {
        let mut mutator = Mutator::seeded(seed);
        let (name, event) = mutator.pick(&self.events);
        let ids = self.ids.borrow().clone();
        let event = ids.iter().fold(event.clone(), |text, (placeholder, id)| text.replace(placeholder, id));
        let mut event = serde_json::from_str(&event).unwrap();
        change(&mut mutator, &mut event);
        let request = request::from_str(&event.to_string()).ok()?;
        let answer = self.handle(name, request).await;
        let (head, body) = answer.into_parts();
        let status = head.status.as_u16();
        let body = String::from_utf8_lossy(&body).into_owned();
        assert!((200..500).contains(&status), "{name}: {status} {body}\n{event:#}");
        // No line that a handler puts together is heavier than Lambda's answer.
        assert!(body.len() < 6_000_000, "{name}: {} bytes\n{event:#}", body.len());
        if status < 300 && ["thread-delete", "chatbot-delete", "chat-end"].contains(&name.as_str()) {
            let new_ids = Self::new_ids(&self.stage).await;
            self.ids.replace(new_ids);
        }
        Some(status)
    }

    async fn handle(&self, event: &str, request: Request) -> Response<Body> {
        let app: &App = self.stage.board.app();
        let function = FUNCTIONS.into_iter().find(|function| event.starts_with(function)).unwrap();
        let handled = match function {
            "thread" => Box::pin(thread::handle(app, request)).await,
            "chatbot" => Box::pin(chatbot::handle(app, request)).await,
            "chat" => whole(Box::pin(chat::handle(app, request)).await).await,
            "chat-end" => Box::pin(chat_end::handle(app, request)).await,
            "customer" => whole(Box::pin(customer::handle(app, request)).await).await,
            "handoff" => Box::pin(handoff::handle(app, request)).await,
            "socket" => Box::pin(socket::handle(app, request)).await,
            _ => {
                let rate_limit = visitor::RateLimit { max_tokens: u64::MAX, ..visitor::RateLimit::default() };
                let tokens = visitor::VisitorTokens::new("a secret of thirty-two bytes, and more");
                Box::pin(visitor::handle(app, &visitor::Visitors { tokens, rate_limit }, request)).await
            }
        };
        handled.unwrap_or_else(|error| panic!("{event}: {error}"))
    }
}

/// Longest names first, because `chat-end` begins with `chat`.
const FUNCTIONS: [&str; 8] = ["chat-end", "chatbot", "customer", "handoff", "socket", "thread", "visitor", "chat"];

/// Changes what a caller decides: the body, the query, the parameters of the path, the headers.
fn change(mutator: &mut Mutator, event: &mut Value) {
    for _ in 0..=mutator.below(2) {
        match mutator.below(8) {
            0..=3 => {
                let body = event["body"].as_str().unwrap_or("{}").to_owned();
                event["body"] = match serde_json::from_str::<Value>(&body) {
                    Ok(mut json) if mutator.below(6) > 0 => {
                        mutator.json(&mut json);
                        json!(json.to_string())
                    }
                    _ => json!(mutator.text(&body)),
                };
            }
            4 => texts(mutator, event, "pathParameters", None),
            5 => texts(mutator, event, "queryStringParameters", Some("multiValueQueryStringParameters")),
            6 => texts(mutator, event, "headers", Some("multiValueHeaders")),
            _ => {
                let name = *mutator.pick(&["limit", "cursor", "after", "before", "as", "status", "with", "from", "to"]);
                let value = mutator.text("1");
                for (map, value) in
                    [("queryStringParameters", json!(value)), ("multiValueQueryStringParameters", json!([value]))]
                {
                    if !event[map].is_object() {
                        event[map] = json!({});
                    }
                    event[map][name] = value;
                }
            }
        }
    }
}

/// Changes one of the texts in a map of the event, and its twin in the map with several values for a name.
fn texts(mutator: &mut Mutator, event: &mut Value, map: &str, twin: Option<&str>) {
    // API Gateway finds its API by the host, and writes `X-Forwarded-Proto` itself: a caller cannot choose either.
    let fields = event[map].as_object().into_iter().flat_map(|it| it.keys().cloned());
    let names: Vec<String> = fields.filter(|name| !["Host", "X-Forwarded-Proto"].contains(&name.as_str())).collect();
    if names.is_empty() {
        return;
    }
    let name = mutator.pick(&names);
    let value = mutator.text(event[map][name].as_str().unwrap_or_default());
    if let Some(twin) = twin {
        event[twin][name] = json!([value]);
    }
    event[map][name] = json!(value);
}

async fn fuzz(target: &str, count: u64, wanted: impl Fn(&str) -> bool) {
    let corpus = Corpus::new(wanted).await;
    let statuses = RefCell::new(BTreeMap::<Option<u16>, usize>::new());
    run(target, count, async |seed| {
        let status = corpus.plays(seed).await;
        *statuses.borrow_mut().entry(status).or_default() += 1;
    })
    .await;
    println!("  statuses: {:?}", statuses.borrow());
}

#[tokio::test]
async fn requests_are_answered_and_never_by_a_5xx() {
    let is_rest =
        |name: &str| !["socket-", "authorizer-", "sweep", "chat-run"].iter().any(|start| name.starts_with(start));
    fuzz("events::requests", 1_500, is_rest).await;
}

#[tokio::test]
async fn frames_are_answered_and_never_by_a_5xx() {
    fuzz("events::frames", 1_500, |name| name.starts_with("socket-")).await;
}
