//! The two ways to play an event: through its handler in this process, and through the function's built binary.

use std::{
    collections::{BTreeSet, HashMap},
    path::Path,
    sync::{Arc, OnceLock},
};

use aws_lambda_events::apigw::ApiGatewayCustomAuthorizerRequestTypeRequest;
use http::{HeaderMap, header::CONTENT_TYPE};
use lambda_http::{Body, Request, Response};
use local::{DynamoWire, Options};
use serde_json::{Value, json};
use shared::domain::budget::BudgetSettings;
use tempfile::TempDir;
use tokio::process::Command;

use super::{
    payload,
    permissions::{Permission, Watched},
};
use tests::{
    clock::Turned,
    runtime_api::{Answer, Failure, FunctionProcess, binary},
    sample::event,
    stage::Stage,
    topic::TopicServer,
    whole::whole,
};

#[derive(Clone, Copy, Debug)]
pub(super) enum Way {
    /// Each function has an app of its own, which records the permissions that it needs.
    InProcess,
    /// The binaries reach the table, OpenAI's stand-in and the sockets over TCP.
    Binaries,
}

/// A Switchboard, and the events that are played against it.
pub(super) struct Player {
    pub(super) stage: Stage,
    /// The functions' clock, if they run in process.
    pub(super) turned: Turned,
    way: Way,
    environment: Vec<(String, String)>,
    processes: HashMap<&'static str, FunctionProcess>,
    watched: HashMap<&'static str, Watched>,
    placeholders: Vec<(&'static str, String)>,
    pub(super) played: Vec<String>,
    /// The payloads of the binaries as text, by event.
    pub(super) payloads: Vec<(String, String)>,
    /// The functions that called OpenAI, if they run in process.
    pub(super) asked_openai: BTreeSet<&'static str>,
    _data_dir: TempDir,
}

/// An HTTP function's response: its status, its content type, its body.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Played {
    pub(super) status: u16,
    pub(super) content_type: Option<String>,
    pub(super) body: Value,
}

impl Player {
    pub(super) async fn new(way: Way) -> Self {
        let (turned, data_dir) = (Turned::default(), tempfile::tempdir().unwrap());
        let path = Some(data_dir.path().to_owned());
        let database = Arc::new(OnceLock::new());
        let seen = Arc::clone(&database);
        let dynamo = DynamoWire::new(move |inner| seen.get_or_init(|| inner).clone());
        let stage = Stage::with(Options {
            data_dir: path,
            share: true,
            dynamo,
            // As deployed: counting needs permissions too.
            budgets: BudgetSettings::default(),
            clock: turned.clock(),
            ..Options::default()
        })
        .await;
        let mut watched = HashMap::new();
        for function in FUNCTIONS {
            watched.insert(function, Watched::on(&stage.board, database.get().unwrap()).await);
        }
        let environment = exports(data_dir.path()).await;
        Self {
            stage,
            turned,
            way,
            environment,
            processes: HashMap::new(),
            watched,
            placeholders: Vec::new(),
            played: Vec::new(),
            payloads: Vec::new(),
            asked_openai: BTreeSet::new(),
            _data_dir: data_dir,
        }
    }

    /// Replaces `placeholder` in all events from now on by `value`.
    pub(super) fn replace(&mut self, placeholder: &'static str, value: &str) {
        self.placeholders.retain(|(known, _)| *known != placeholder);
        self.placeholders.push((placeholder, value.to_owned()));
    }

    /// A variable of the functions' environment.
    pub(super) fn variable(&self, name: &str) -> &str {
        &self.environment.iter().find(|(known, _)| known == name).unwrap().1
    }

    /// Sets a variable of the functions that are not running yet.
    pub(super) fn set_variable(&mut self, name: &str, value: &str) {
        self.environment.retain(|(known, _)| known != name);
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    /// The topic as `function` alone sees it, in process.
    pub(super) fn topic_of(&self, function: &str) -> &TopicServer {
        &self.watched[function].topic
    }

    /// The permissions that `function` has needed so far, if it runs in process.
    pub(super) fn needed(&self, function: &str) -> BTreeSet<Permission> {
        self.watched.get(function).map(Watched::needed).unwrap_or_default()
    }

    /// Plays `events/{name}.json`.
    pub(super) async fn plays(&mut self, name: &str) -> Played {
        self.plays_as(name, |_| ()).await
    }

    /// Plays `events/{name}.json` with a change.
    pub(super) async fn plays_as(&mut self, name: &str, change: impl FnOnce(&mut Value)) -> Played {
        let mut event = self.event(name);
        change(&mut event);
        let function = function_of(name);
        let response = match self.way {
            Way::InProcess => self.handles(function, &event).await.map(|body| body.as_ref().to_vec()),
            Way::Binaries => {
                let answer = self.invokes(function, &event).await;
                let answer = answer.unwrap_or_else(|failure| panic!("{name}: {failure}"));
                self.payloads.push((name.to_owned(), payload::text(&answer)));
                // Their routes use the streaming integration, so that no response meets the limits of a buffered one.
                let streams = ["chat", "customer"].contains(&function);
                assert_eq!(matches!(answer, Answer::Streamed { .. }), streams, "{name}: {answer:?}");
                if function == "sweep" { nothing(&answer.into_json()) } else { answer.into_http() }
            }
        };
        let (head, body) = response.into_parts();
        let body = match content_type(&head.headers).as_deref() {
            Some("text/event-stream") => events(&String::from_utf8(body).unwrap()),
            Some("application/x-ndjson") => lines(&String::from_utf8(body).unwrap()),
            _ if body.is_empty() => Value::Null,
            _ => serde_json::from_slice(&body).unwrap(),
        };
        // The runtime calls a stream without a body `application/octet-stream`; here it counts as none.
        let content_type = content_type(&head.headers).filter(|_| !body.is_null());
        Played { status: head.status.as_u16(), content_type, body }
    }

    /// Plays an event of the authorizer; returns its policy, or the message of its refusal.
    pub(super) async fn authorizes(&mut self, name: &str) -> Result<Value, Value> {
        let event = self.event(name);
        match self.way {
            Way::InProcess => {
                let [secret, issuer, audience] =
                    ["JWT_SECRET", "JWT_ISSUER", "JWT_AUDIENCE"].map(|name| self.variable(name));
                let keys = authorizer::Keys::secret(secret, authorizer::Rules::new(issuer, audience)).unwrap();
                let keys = keys.with_visitors(self.variable("VISITOR_SECRET")).unwrap();
                let request: ApiGatewayCustomAuthorizerRequestTypeRequest = serde_json::from_value(event).unwrap();
                let decided = authorizer::handle(&keys, request).await;
                decided
                    .map(|policy| serde_json::to_value(policy).unwrap())
                    .map_err(|refusal| json!(lambda_runtime_message(refusal)))
            }
            Way::Binaries => match self.invokes("authorizer", &event).await {
                Ok(answer) => {
                    self.payloads.push((name.to_owned(), payload::text(&answer)));
                    Ok(answer.into_json())
                }
                Err(Failure::Invocation(error)) => Err(error["errorMessage"].clone()),
                Err(failure) => panic!("{failure}"),
            },
        }
    }

    fn event(&mut self, name: &str) -> Value {
        self.played.push(name.to_owned());
        let filled = |text: String, (placeholder, value): &(&str, String)| text.replace(placeholder, value);
        serde_json::from_str(&self.placeholders.iter().fold(event(name), filled)).unwrap()
    }

    async fn handles(&mut self, function: &'static str, event: &Value) -> Response<Body> {
        let request: Request = lambda_http::request::from_str(&event.to_string()).unwrap();
        let app = &self.watched[function].app;
        let asked_before = self.stage.standin().requests().len();
        // Boxed, as by a runtime: together they are too large for a test's stack.
        let handled = match function {
            "thread" => Box::pin(thread::handle(app, request)).await,
            "chatbot" => Box::pin(chatbot::handle(app, request)).await,
            "chat" => whole(Box::pin(chat::handle(app, request)).await).await,
            "chat-end" => Box::pin(chat_end::handle(app, request)).await,
            "customer" => whole(Box::pin(customer::handle(app, request)).await).await,
            "handoff" => Box::pin(handoff::handle(app, request)).await,
            "socket" => Box::pin(socket::handle(app, request)).await,
            "sweep" => Box::pin(sweep::handle(app, request)).await,
            "visitor" => {
                let tokens = visitor::VisitorTokens::new(self.variable("VISITOR_SECRET"));
                let visitors = visitor::Visitors { tokens, rate_limit: visitor::RateLimit::default() };
                Box::pin(visitor::handle(app, &visitors, request)).await
            }
            _ => panic!("there is no function {function}"),
        };
        if self.stage.standin().requests().len() > asked_before {
            self.asked_openai.insert(function);
        }
        handled.unwrap()
    }

    async fn invokes(&mut self, function: &'static str, event: &Value) -> Result<Answer, Failure> {
        if !self.processes.contains_key(function) {
            let process = FunctionProcess::start(function, self.environment.iter().cloned()).await;
            self.processes.insert(function, process);
        }
        let process = self.processes.get_mut(function).unwrap();
        let outcome = process.invoke(event).await;
        if outcome.is_err() {
            eprintln!("{}", process.logs());
        }
        outcome
    }
}

/// All functions except the authorizer. Longest names first, because `chat-end` begins with `chat`.
pub(super) const FUNCTIONS: [&str; 9] =
    ["chat-end", "chatbot", "customer", "handoff", "socket", "sweep", "thread", "visitor", "chat"];

/// The function that handles the event of this name.
pub(super) fn function_of(name: &str) -> &'static str {
    let mut functions = ["authorizer"].into_iter().chain(FUNCTIONS);
    functions
        .find(|function| name.starts_with(function))
        .unwrap_or_else(|| panic!("no function handles the event {name}"))
}

/// The response that stands for null: a schedule waits for none, so the binary gives null where the handler gives 204.
fn nothing(answer: &Value) -> Response<Vec<u8>> {
    assert!(answer.is_null(), "{answer}");
    let mut response = Response::new(Vec::new());
    *response.status_mut() = http::StatusCode::NO_CONTENT;
    response
}

/// The data of each event of a stream; text if it is not JSON.
fn events(stream: &str) -> Value {
    let data = stream.lines().filter_map(|line| line.strip_prefix("data: "));
    data.map(|data| serde_json::from_str(data).unwrap_or_else(|_| json!(data))).collect()
}

/// The objects of JSON Lines.
fn lines(text: &str) -> Value {
    text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()).collect()
}

fn content_type(headers: &HeaderMap) -> Option<String> {
    headers.get(CONTENT_TYPE).map(|value| value.to_str().unwrap().to_owned())
}

/// The error message that Lambda gets for a refusal.
fn lambda_runtime_message(refusal: authorizer::Refusal) -> String {
    lambda_http::lambda_runtime::Diagnostic::from(refusal).error_message
}

/// The variables that `switchboard env` prints for the instance that works with `data_dir`.
pub(super) async fn exports(data_dir: &Path) -> Vec<(String, String)> {
    let output = Command::new(binary("switchboard"))
        .args(["env", "--data-dir"])
        .arg(data_dir)
        .env_remove("OPENAI_API_KEY")
        .env_remove("OPENAI_MEMORY")
        .env_remove("OPENAI_HISTORY_TOKENS")
        .env_remove("PERSON_WAIT_SECONDS")
        .env_remove("CUSTOMERS_MAY_DELETE")
        .output();
    let output = output.await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).unwrap();
    let variable = |line: &str| {
        let (name, value) = line.strip_prefix("export ").unwrap().split_once('=').unwrap();
        (name.to_owned(), value.trim_matches('\'').to_owned())
    };
    lines.lines().map(variable).collect()
}
