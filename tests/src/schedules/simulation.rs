//! A simulation in which nothing happens by itself: functions as on Lambda, one call per instance at a time, over wires
//! that end in this process, on a clock that only advances when everything else waits.

use std::{
    sync::{Arc, LazyLock, Mutex},
    time::Duration,
};

use aws_sdk_dynamodb::{
    config::{retry::RetryPartition, timeout::TimeoutConfig},
    types::AttributeValue,
};
use lambda_http::Request;
use local::{
    TABLE, dynamo,
    gateway::{invocations, management},
    standin::{Failure, Standin},
    template::Template,
};
use serde_json::Value;
use shared::{
    App, DEFAULT_HISTORY_TOKENS, DEFAULT_PERSON_WAIT, Ids, Invoker, Settings,
    domain::{
        At, Timeouts,
        budget::{Budget, BudgetSettings, Limits},
        chatbot::Memory,
    },
    openai::{self, RetryPolicy},
};
use ulid::Ulid;

use super::{
    clock::SimulatedClock,
    function::{Answered, Function, told},
    gate::{Gate, InstanceId},
    leases::Leases,
    mood::Mood,
    openai_wire::OpenAi,
    request::invoked,
    tries::Tries,
    wires::{Doorbell, Frames, Table, Through},
};
use crate::{counters::counters, wire::lock};

/// The queue's timeout ends a wait only if the clock is advanced far: a model that asks for a person again would
/// otherwise be asked for ever. No thread ends or is deleted by itself, because its log is checked at the end.
const TIMEOUTS: Timeouts = Timeouts {
    queue: Some(Duration::from_mins(30)),
    long_wait: Some(Duration::from_mins(10)),
    agent: Some(Duration::from_mins(1)),
    idle: None,
    retention: None,
    audit: Some(Duration::from_hours(24)),
};

/// Timeout of one attempt of a call to the table, as on Lambda: an attempt that is given up may land all the same.
const ATTEMPT: Duration = Duration::from_secs(5);

/// Budgets that no story uses up. Of the larger limit of a tenant a function keeps enough for its next turn.
fn budgets(seed: u64) -> BudgetSettings {
    let roomy = [(Budget::TurnsPerMinute, 400), (Budget::MessagesPerMinute, 400), (Budget::TokensPerDay, 10_000_000)];
    let customer = roomy.into_iter().fold(Limits::default(), |limits, (budget, limit)| limits.with(budget, limit));
    let tenant =
        Limits::default().with(Budget::TokensPerDay, if seed.is_multiple_of(2) { 4_000_000 } else { 8_000_000 });
    BudgetSettings { customer, tenant, ..BudgetSettings::OFF }
}

/// A simulation; clones share it.
#[derive(Clone)]
pub struct Simulation(Arc<Inner>);

pub(super) struct Inner {
    seed: u64,
    gate: Gate,
    clock: SimulatedClock,
    table: Table,
    openai: OpenAi,
    frames: Frames,
    tries: Tries,
    http: reqwest::Client,
    ids: Mutex<fastrand::Rng>,
    idle: Mutex<Vec<Instance>>,
    busy: Mutex<usize>,
}

struct Instance {
    id: InstanceId,
    app: App,
}

impl Simulation {
    /// A new simulation, whose ids all follow from the seed, and whose model answers each request. Must be made on a
    /// current-thread runtime with a paused clock.
    pub fn new(seed: u64) -> Self {
        Self::with_mood(seed, Mood::calm())
    }

    /// A simulation whose model is in this mood until it calms down.
    pub(super) fn with_mood(seed: u64, mood: Mood) -> Self {
        let database = dynamo::memory().expect("a database in memory");
        dynamo::create_table(&database, TABLE, table()).expect("a new table");
        let standin = Standin::new(local::standin::Options::default());
        let (clock, tries) = (SimulatedClock::start(), Tries::default());
        Self(Arc::new(Inner {
            gate: Gate::new(),
            clock,
            table: Table {
                database: dynamo::InProcess::new(&database),
                leases: Leases::new(clock),
                tries: tries.clone(),
            },
            openai: OpenAi::new(standin, mood, tries.clone()),
            frames: Frames::default(),
            tries,
            http: requests(),
            seed,
            ids: Mutex::new(fastrand::Rng::with_seed(seed)),
            idle: Mutex::default(),
            busy: Mutex::default(),
        }))
    }

    pub fn gate(&self) -> &Gate {
        &self.0.gate
    }

    pub(super) fn frames(&self) -> &Frames {
        &self.0.frames
    }

    pub(super) fn openai(&self) -> &OpenAi {
        &self.0.openai
    }

    /// The tries seen so far.
    pub(super) fn tries(&self) -> &Tries {
        &self.0.tries
    }

    /// Lets the next response to a request fail or say something else.
    pub fn next_response(&self, failure: Failure) {
        self.0.openai.next_response(failure);
    }

    /// True once a customer's listeners were told that words are void.
    pub fn has_withdrawn(&self) -> bool {
        self.0.frames.of("customer-").iter().any(|frame| frame["type"] == "message.discarded")
    }

    pub fn now(&self) -> At {
        self.0.clock.now()
    }

    /// An app whose calls pass no gate, for inspecting the table.
    pub(super) fn onlooker(&self) -> App {
        let gate = Gate::new();
        let id = gate.instance();
        self.app(&gate, id)
    }

    /// The leases seen so far.
    pub(super) fn leases(&self) -> &Leases {
        &self.0.table.leases
    }

    /// The tokens that are counted in the account whose partition is `pk`.
    pub(super) async fn counted_tokens(&self, pk: &str) -> i64 {
        counters(&dynamo::client_over(self.0.table.database.clone()), pk).await.1
    }

    /// The tokens of the tenant that the functions have counted ahead, as they believe.
    pub(super) fn tokens_ahead(&self, tenant: &str) -> i64 {
        lock(&self.0.idle).iter().map(|instance| instance.app.budgets.tokens_ahead(tenant, self.now())).sum()
    }

    /// True if any item in the table is due.
    pub(super) async fn has_due(&self) -> bool {
        let table = dynamo::client_over(self.0.table.database.clone());
        let due = table.scan().table_name(TABLE).filter_expression("due_sk <= :now");
        let due = due.expression_attribute_values(":now", AttributeValue::S(self.now().to_string()));
        due.send().await.expect("the table answers").count > 0
    }

    /// True while no function is running.
    pub(super) fn is_idle(&self) -> bool {
        *lock(&self.0.busy) == 0
    }

    /// Calls a function, as API Gateway does. `None` if its instance died. A caller that goes away does not stop the
    /// function.
    pub(super) async fn call(&self, function: Function, request: Request) -> Option<Answered> {
        lock(&self.0.idle).retain(|idle| self.0.gate.is_alive(idle.id));
        let idle = lock(&self.0.idle).pop();
        let instance = idle.unwrap_or_else(|| {
            let id = self.0.gate.instance();
            Instance { id, app: self.app(&self.0.gate, id) }
        });
        let who = format!("#{} {function:?}", instance.id.0);
        self.0.gate.note(&format!("{who} is called{}", told(&request)));
        *lock(&self.0.busy) += 1;
        self.0.tries.forget(instance.id);
        let simulation = self.clone();
        let running = tokio::spawn(async move {
            let handled = function.handle(&instance.app, request);
            tokio::select! {
                biased;
                () = simulation.0.gate.death(instance.id) => {
                    simulation.0.tries.forget(instance.id);
                    *lock(&simulation.0.busy) -= 1;
                    simulation.0.gate.nudge();
                    None
                }
                answered = handled => {
                    simulation.0.tries.forget(instance.id);
                    *lock(&simulation.0.busy) -= 1;
                    lock(&simulation.0.idle).push(instance);
                    simulation.0.gate.nudge();
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
            history_tokens: DEFAULT_HISTORY_TOKENS,
            person_wait: DEFAULT_PERSON_WAIT,
            budgets: budgets(self.0.seed),
            customers_may_delete: true,
            timeouts: TIMEOUTS,
            openai: openai::Settings {
                base_url: "http://openai.test/v1".parse().expect("a URL"),
                api_key: "standin".into(),
                retry_policy: RetryPolicy::default(),
            },
            webhooks: shared::webhook::Settings::default(),
        };
        let table = dynamo::client_over(Through::new(gate, instance, self.0.table.clone()));
        // Each instance counts its retries separately, so that simulations do not share a budget of retries.
        let config = table.config().to_builder().retry_partition(RetryPartition::custom("instance").build());
        let timeouts = TimeoutConfig::builder().operation_attempt_timeout(ATTEMPT).build();
        let table = aws_sdk_dynamodb::Client::from_conf(config.timeout_config(timeouts).build());
        let sockets = management::client_over(Through::new(gate, instance, self.0.frames.clone()));
        let app = App::new(settings, table, sockets, self.0.http.clone());
        let wire = Arc::new(Through::new(gate, instance, self.0.openai.clone()));
        let lambda = invocations::client_over(Through::new(gate, instance, self.doorbell()));
        let invoker = Some(Invoker::new(lambda, "chat".to_owned()));
        App { invoker, openai: app.openai.clone().over(wire), clock: self.0.clock.clock(), ids: self.ids(), ..app }
    }

    /// A doorbell that calls `chat` with each event.
    fn doorbell(&self) -> Doorbell {
        let simulation = Arc::downgrade(&self.0);
        Doorbell::new(move |event| {
            if let Some(simulation) = simulation.upgrade().map(Self) {
                tokio::spawn(async move { simulation.call(Function::Chat, invoked(event)).await });
            }
        })
    }

    fn ids(&self) -> Ids {
        let simulation = Arc::downgrade(&self.0);
        Ids::new(move || {
            let Some(simulation) = simulation.upgrade() else { return Ulid::nil() };
            let now = u64::try_from(simulation.clock.now().millis()).unwrap_or_default();
            let random = lock(&simulation.ids).u128(..);
            Ulid::from_parts(now, random)
        })
    }
}

/// The table in the template, parsed once.
fn table() -> &'static Value {
    static TEMPLATE: LazyLock<Template> =
        LazyLock::new(|| Template::built_in().expect("the template that is built in"));
    &TEMPLATE.table
}

/// The HTTP client that builds requests to OpenAI. Reading the system's certificates for each simulation would cost
/// more than the simulation.
fn requests() -> reqwest::Client {
    static REQUESTS: LazyLock<reqwest::Client> =
        LazyLock::new(|| RetryPolicy::default().http().expect("the system's certificates"));
    REQUESTS.clone()
}
