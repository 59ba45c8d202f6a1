//! A world of which nothing happens by itself: functions as on Lambda, one call an instance at a time, over wires that
//! end in this process, by a clock that only moves when all else waits.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use aws_lambda_events::apigw::{ApiGatewayProxyRequestContext, ApiGatewayWebsocketProxyRequestContext};
use aws_sdk_dynamodb::{
    config::{retry::RetryPartition, timeout::TimeoutConfig},
    types::AttributeValue,
};
use lambda_http::{Body, Request, RequestExt, Response, request::RequestContext};
use local::{
    TABLE, dynamo,
    gateway::{invocations, management},
    standin::Standin,
    template::Template,
};
use serde_json::{Value, json};
use shared::{
    App, Clock, Ids, Invoker, Settings,
    domain::{At, Timeouts, chatbot::Memory},
    openai::{self, RetryPolicy},
};
use tokio::time::Instant;
use ulid::Ulid;

use crate::whole::whole;

use super::{
    gate::{Gate, InstanceId},
    leases::Leases,
    wires::{Doorbell, Frames, OpenAi, Table, Through},
};

/// The tenant of every story.
pub const TENANT: &str = "acme";

/// A wait in the queue ends where the clock is turned far, else not: a model that asks for a person again would be asked
/// for ever. No thread ends or goes by itself, for its log is to be read.
const TIMEOUTS: Timeouts =
    Timeouts { queue: Some(Duration::from_mins(30)), agent: Some(Duration::from_mins(1)), idle: None, retention: None };

/// When every world begins.
pub(super) const BEGINNING: At = At::from_seconds(1_800_000_000);

/// How long the table is waited for, as on Lambda: a try that is given up may land all the same.
const ATTEMPT: Duration = Duration::from_secs(5);

/// Clones are the same world.
#[derive(Clone)]
pub struct World(Arc<Inner>);

pub(super) struct Inner {
    gate: Gate,
    begun: Instant,
    table: Table,
    openai: OpenAi,
    frames: Frames,
    http: reqwest::Client,
    ids: Mutex<fastrand::Rng>,
    idle: Mutex<Vec<Instance>>,
    busy: Mutex<usize>,
}

struct Instance {
    id: InstanceId,
    app: App,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    Chat,
    ChatEnd,
    Chatbot,
    Handoff,
    Socket,
    Sweep,
    Thread,
}

/// What a caller got.
#[derive(Clone, Debug, PartialEq)]
pub struct Answered {
    pub status: u16,
    pub body: Value,
}

/// Who calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Who {
    pub role: &'static str,
    pub subject: &'static str,
}

pub const ADMIN: Who = Who { role: "admin", subject: "root" };

impl From<Arc<Inner>> for World {
    fn from(inner: Arc<Inner>) -> Self {
        Self(inner)
    }
}

impl World {
    /// All its ids follow from the seed. To be made on a current-thread runtime whose clock is paused.
    pub fn new(seed: u64) -> Self {
        let database = dynamo::memory().expect("a database in memory");
        dynamo::create_table(&database, TABLE, table()).expect("a new table");
        let standin = Standin::new(local::standin::Options::default());
        Self(Arc::new(Inner {
            gate: Gate::new(),
            begun: Instant::now(),
            table: Table { database: dynamo::InProcess::new(&database), leases: Leases::default() },
            openai: OpenAi::new(&standin),
            frames: Frames::default(),
            http: requests(),
            ids: Mutex::new(fastrand::Rng::with_seed(seed)),
            idle: Mutex::default(),
            busy: Mutex::default(),
        }))
    }

    pub fn gate(&self) -> &Gate {
        &self.0.gate
    }

    pub fn frames(&self) -> &Frames {
        &self.0.frames
    }

    pub fn openai(&self) -> &OpenAi {
        &self.0.openai
    }

    pub fn now(&self) -> At {
        BEGINNING + self.0.begun.elapsed()
    }

    /// An app whose calls pass no gate: for looking at what has become of the world.
    pub fn onlooker(&self) -> App {
        let gate = Gate::new();
        let id = gate.instance();
        self.app(&gate, id)
    }

    /// What was seen of leases.
    pub fn leases(&self) -> &Leases {
        &self.0.table.leases
    }

    /// Whether something in the table is due.
    pub async fn has_due(&self) -> bool {
        let table = dynamo::client_over(self.0.table.database.clone());
        let due = table.scan().table_name(TABLE).filter_expression("due_sk <= :now");
        let due = due.expression_attribute_values(":now", AttributeValue::S(self.now().to_string()));
        due.send().await.expect("the table answers").count > 0
    }

    /// Whether no function is at work.
    pub fn is_idle(&self) -> bool {
        *lock(&self.0.busy) == 0
    }

    /// Calls a function, as API Gateway does. `None`: it died. A caller that leaves ends nothing.
    pub async fn call(&self, function: Function, request: Request) -> Option<Answered> {
        lock(&self.0.idle).retain(|idle| self.0.gate.is_alive(idle.id));
        let idle = lock(&self.0.idle).pop();
        let instance = idle.unwrap_or_else(|| {
            let id = self.0.gate.instance();
            Instance { id, app: self.app(&self.0.gate, id) }
        });
        let who = format!("#{} {function:?}", instance.id.0);
        self.0.gate.note(&format!("{who} is called{}", told(&request)));
        *lock(&self.0.busy) += 1;
        let world = self.clone();
        let running = tokio::spawn(async move {
            let handled = function.handle(&instance.app, request);
            tokio::select! {
                biased;
                () = world.0.gate.death(instance.id) => {
                    *lock(&world.0.busy) -= 1;
                    world.0.gate.nudge();
                    None
                }
                answered = handled => {
                    *lock(&world.0.busy) -= 1;
                    lock(&world.0.idle).push(instance);
                    world.0.gate.nudge();
                    Some(answered)
                }
            }
        });
        let answered = running.await.expect("a handler that does not panic");
        let status = answered.as_ref().map(|answered| answered.status);
        self.0.gate.note(&format!("{who} answers {status:?}"));
        answered
    }

    fn app(&self, gate: &Gate, instance: InstanceId) -> App {
        let settings = Settings {
            table: TABLE.to_owned(),
            memory: Memory::default(),
            timeouts: TIMEOUTS,
            openai: openai::Settings {
                base_url: "http://openai.test/v1".parse().expect("a URL"),
                api_key: "standin".to_owned(),
                retry_policy: RetryPolicy::default(),
            },
            webhooks: shared::webhook::Settings::default(),
        };
        let table = dynamo::client_over(Through::new(gate, instance, self.0.table.clone()));
        // An instance counts its retries itself: others' are none of its business, in other worlds least of all.
        let config = table.config().to_builder().retry_partition(RetryPartition::custom("instance").build());
        let timeouts = TimeoutConfig::builder().operation_attempt_timeout(ATTEMPT).build();
        let table = aws_sdk_dynamodb::Client::from_conf(config.timeout_config(timeouts).build());
        let sockets = management::client_over(Through::new(gate, instance, self.0.frames.clone()));
        let app = App::new(settings, table, sockets, self.0.http.clone());
        let wire = Arc::new(Through::new(gate, instance, self.0.openai.clone()));
        let doorbell = Doorbell(Arc::downgrade(&self.0));
        let lambda = invocations::client_over(Through::new(gate, instance, doorbell));
        let invoker = Some(Invoker::new(lambda, "chat".to_owned()));
        App { invoker, openai: app.openai.clone().over(wire), clock: self.clock(), ids: self.ids(), ..app }
    }

    fn clock(&self) -> Clock {
        let begun = self.0.begun;
        Clock::new(move || BEGINNING + begun.elapsed())
    }

    fn ids(&self) -> Ids {
        let world = Arc::downgrade(&self.0);
        Ids::new(move || {
            let Some(world) = world.upgrade() else { return Ulid::nil() };
            let now = u64::try_from((BEGINNING + world.begun.elapsed()).millis()).unwrap_or_default();
            let random = lock(&world.ids).u128(..);
            Ulid::from_parts(now, random)
        })
    }
}

/// The template's table, read once.
fn table() -> &'static Value {
    static TEMPLATE: LazyLock<Template> =
        LazyLock::new(|| Template::built_in().expect("the template that is built in"));
    &TEMPLATE.table
}

/// What builds requests to OpenAI. Reading the system's certificates for each world would cost more than the world.
fn requests() -> reqwest::Client {
    static REQUESTS: LazyLock<reqwest::Client> =
        LazyLock::new(|| RetryPolicy::default().http().expect("the system's certificates"));
    REQUESTS.clone()
}

/// Who asks, for the trace: not the ids, which say nothing to a reader.
fn told(request: &Request) -> String {
    match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV1(context)) => {
            let who = context.authorizer.fields.get("subject").and_then(Value::as_str).unwrap_or_default();
            let route = context.resource_path.as_deref().unwrap_or_default();
            let said = String::from_utf8_lossy(request.body().as_ref());
            format!(" by {who}: {} {route} {said}", request.method())
        }
        _ => String::new(),
    }
}

impl Function {
    async fn handle(self, app: &App, request: Request) -> Answered {
        let response = match self {
            Self::Chat => whole(chat::handle(app, request).await).await,
            Self::ChatEnd => chat_end::handle(app, request).await,
            Self::Chatbot => chatbot::handle(app, request).await,
            Self::Handoff => handoff::handle(app, request).await,
            Self::Socket => socket::handle(app, request).await,
            Self::Sweep => sweep::handle(app, request).await,
            Self::Thread => thread::handle(app, request).await,
        };
        // An invocation that failed, as Lambda counts it.
        response.map_or(Answered { status: 500, body: Value::Null }, |response| Answered::read(&response))
    }
}

impl Answered {
    fn read(response: &Response<Body>) -> Self {
        let body = serde_json::from_slice(response.body().as_ref()).unwrap_or_default();
        Self { status: response.status().as_u16(), body }
    }
}

impl Who {
    /// A request of theirs, as API Gateway hands it to a function.
    pub fn asks(self, method: &str, route: &str, thread: Option<&str>, body: &Value) -> Request {
        let mut context = ApiGatewayProxyRequestContext::default();
        context.resource_path = Some(route.to_owned());
        context.authorizer.fields = self.granted();
        let request = http::Request::builder().method(method).uri("https://api.test/");
        let body = if body.is_null() { Body::Empty } else { Body::Text(body.to_string()) };
        let request = request.body(body).expect("a request");
        let ids = thread.map(|thread| ("thread_id".to_owned(), vec![thread.to_owned()]));
        let ids: HashMap<_, _> = ids.into_iter().collect();
        request.with_path_parameters(ids).with_request_context(RequestContext::ApiGatewayV1(context))
    }

    /// A frame on their socket, or `$connect`.
    pub fn sends(self, connection: &str, route: &str, frame: &Value) -> Request {
        let mut context = ApiGatewayWebsocketProxyRequestContext::default();
        context.route_key = Some(route.to_owned());
        context.connection_id = Some(connection.to_owned());
        context.authorizer.fields = self.granted();
        let request = http::Request::new(Body::Text(frame.to_string()));
        request.with_request_context(RequestContext::WebSocket(context))
    }

    fn granted(self) -> HashMap<String, Value> {
        let expires = (BEGINNING + Duration::from_hours(24)).seconds().to_string();
        let fields = [("tenant", TENANT), ("role", self.role), ("subject", self.subject), ("expires", &expires)];
        fields.map(|(name, value)| (name.to_owned(), json!(value))).into()
    }
}

/// The schedule's event.
pub fn minute() -> Request {
    invoked("{}".to_owned())
}

/// The event that has `chat` answer what waits in a thread.
pub fn due(thread: &str) -> Request {
    invoked(json!({ "tenant": TENANT, "thread_id": thread }).to_string())
}

pub(super) fn invoked(event: String) -> Request {
    http::Request::new(Body::Text(event)).with_request_context(RequestContext::PassThrough)
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
