//! The app: a function's clients, its clock and its source of ids.

use std::{
    env,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use aws_calls::Secret;
use aws_config::{BehaviorVersion, SdkConfig, timeout::TimeoutConfig};
use tokio::time::timeout;
use ulid::Ulid;

use crate::{
    Budgets, Error, Invoker, QueuedTopic,
    audited_reads::AuditedReads,
    chatbot_cache::ChatbotCache,
    domain::{At, MessageId, Timeouts, budget::BudgetSettings, chatbot::Memory, webhook::NetworkPolicy},
    metrics::{Metric, Metrics},
    openai::{self, Failure, OpenAi, RetryPolicy},
    sockets::Sockets,
    store::Store,
    webhook::{self, Webhooks},
};

/// Timeouts of calls to AWS: for the connection, and for one attempt.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);

/// The timeout of a call to OpenAI that a request can do without: two of them, and the table, fit into 29 s.
const OPTIONAL_CALL_TIMEOUT: Duration = Duration::from_secs(8);

/// The tokens of the log in a request where nobody sets another number.
pub const DEFAULT_HISTORY_TOKENS: usize = 12_000;

/// The least: below, a long question would go without what was said before.
const MIN_HISTORY_TOKENS: usize = 1_000;

/// The longest time that a stream waits for a person's next message where nobody sets another, and the most that may be
/// set: a function ends after 15 minutes.
pub const DEFAULT_PERSON_WAIT: Duration = Duration::from_mins(1);
const MAX_PERSON_WAIT: Duration = Duration::from_mins(10);

/// The clients of a function; its handlers take it first, as `&App`. Clones share everything.
#[derive(Clone)]
pub struct App {
    pub store: Store,
    pub openai: OpenAi,
    pub sockets: Sockets,
    pub webhooks: Webhooks,
    /// The topic that is told of threads in the queue, if the deployment has one.
    pub queued_topic: Option<QueuedTopic>,
    /// Invokes `chat`; absent but in the functions that give the line back to the bot.
    pub invoker: Option<Invoker>,
    /// The memory that the OpenAI server offers; a chatbot may ask for less.
    pub memory: Memory,
    /// The tokens that the log, and documents beside it, may take in a request to the model.
    pub history_tokens: usize,
    /// The longest time that a stream waits for a person's next message.
    pub person_wait: Duration,
    /// The limits of customers, chatbots and the tenant, and what this process has counted.
    pub budgets: Budgets,
    /// Customers may delete their threads.
    pub customers_may_delete: bool,
    pub metrics: Metrics,
    pub audited_reads: AuditedReads,
    pub clock: Clock,
    pub ids: Ids,
    pub chatbot_cache: ChatbotCache,
}

/// The settings that the environment holds, without the clients.
pub struct Settings {
    /// The table's name.
    pub table: String,
    pub memory: Memory,
    /// See [`App::history_tokens`].
    pub history_tokens: usize,
    /// See [`App::person_wait`].
    pub person_wait: Duration,
    pub budgets: BudgetSettings,
    /// See [`App::customers_may_delete`].
    pub customers_may_delete: bool,
    pub timeouts: Timeouts,
    pub openai: openai::Settings,
    pub webhooks: webhook::Settings,
}

impl App {
    /// An app of clients whose transports the caller has chosen: TLS on Lambda, in process on a laptop.
    pub fn new(
        settings: Settings,
        dynamo: aws_sdk_dynamodb::Client,
        management: aws_sdk_apigatewaymanagement::Client,
        http: reqwest::Client,
    ) -> Self {
        Self {
            store: Store::new(dynamo, settings.table).with(settings.timeouts),
            openai: OpenAi::new(http, settings.openai),
            sockets: Sockets::new(management),
            webhooks: Webhooks::new(settings.webhooks),
            queued_topic: None,
            invoker: None,
            memory: settings.memory,
            history_tokens: settings.history_tokens,
            person_wait: settings.person_wait,
            budgets: Budgets::new(settings.budgets),
            customers_may_delete: settings.customers_may_delete,
            metrics: Metrics::default(),
            audited_reads: AuditedReads::default(),
            clock: Clock::system(),
            ids: Ids::random(),
            chatbot_cache: ChatbotCache::default(),
        }
    }

    /// The app on Lambda. Reads the environment, once; only the authorizer and `visitor` read their secrets themselves:
    ///
    /// | variable | |
    /// |---|---|
    /// | `TABLE` | the table's name |
    /// | `SOCKETS_URL` | the WebSocket API's stage by https; absent in functions that broadcast nothing |
    /// | `OPENAI_API_KEY` | the key, or the ARN of the secret that holds it; may be empty where the server needs none |
    /// | `OPENAI_BASE_URL` | default `https://api.openai.com/v1`; a slash at its end does not count |
    /// | `OPENAI_MEMORY` | `conversation` (default) or `local`; the laptop's default is what the server offers |
    /// | `OPENAI_HISTORY_TOKENS` | the tokens of the log in a request, by estimate; default 12,000 |
    /// | `PERSON_WAIT_SECONDS` | the seconds that a stream waits for a person's next message; default 60 |
    /// | `CUSTOMERS_MAY_DELETE` | `true`: customers may delete their threads; default `false` |
    /// | `WEBHOOK_REACH` | `public` (default) or `anywhere`, for functions on a laptop |
    /// | `QUEUED_TOPIC_ARN`, `CONSOLE_URL` | see [`QueuedTopic::read`], in functions that change owners |
    /// | `METRICS_NAMESPACE` | CloudWatch's namespace of the metrics; absent: none are written |
    /// | `CHAT_FUNCTION` | the name of `chat`, in functions that invoke it |
    /// | `…_BUDGET`, `TOOL_CALLS_PER_TURN`, `MAX_OUTPUT_TOKENS` | see [`BudgetSettings::read`] |
    /// | `…_MINUTES`, `…_DAYS` | see [`Timeouts::read`] |
    ///
    /// The AWS SDK reads its own variables. The connection to the table is opened and the key is read here, while a
    /// cold start has the CPU for TLS.
    pub async fn from_env() -> Result<Self, Error> {
        Self::over(&aws().await).await
    }

    /// The same for a function that invokes `chat`.
    pub async fn from_env_invoking() -> Result<Self, Error> {
        let aws = aws().await;
        let chat = var("CHAT_FUNCTION").ok_or_else(|| Error::internal("the environment has no CHAT_FUNCTION"))?;
        let invoker = Some(Invoker::new(aws_sdk_lambda::Client::new(&aws), chat));
        Ok(Self { invoker, ..Self::over(&aws).await? })
    }

    async fn over(aws: &SdkConfig) -> Result<Self, Error> {
        let mut management = aws_sdk_apigatewaymanagement::config::Builder::from(aws);
        if let Some(url) = var("SOCKETS_URL") {
            management = management.endpoint_url(url);
        }
        let queued_topic = QueuedTopic::read(var).map_err(Error::internal)?;
        let retry_policy = RetryPolicy::default();
        let http = retry_policy.http().map_err(Error::internal)?;
        let app = Self::new(
            Settings::from_env(retry_policy)?,
            aws_sdk_dynamodb::Client::new(aws),
            aws_sdk_apigatewaymanagement::Client::from_conf(management.build()),
            http,
        );
        let (key, ()) = tokio::join!(app.openai.key_ready(), app.store.connect());
        if let Err(error) = key {
            // Read again at each call. What needs no call goes on, and a turn hands the thread over.
            tracing::error!(%error, "OpenAI's API key could not be read");
        }
        let metrics = var("METRICS_NAMESPACE").map(Metrics::on_stdout).unwrap_or_default();
        Ok(Self { queued_topic, metrics, ..app })
    }

    pub fn now(&self) -> At {
        self.clock.now()
    }

    /// Records a metric, at the present.
    pub fn record(&self, metric: Metric) {
        self.metrics.record(self.now(), metric);
    }

    /// True once a token with this expiry no longer counts.
    pub fn is_past(&self, expires: At) -> bool {
        expires <= self.now()
    }

    pub fn ulid(&self) -> Ulid {
        (self.ids.0)()
    }

    /// Waits for a call to OpenAI for [`OPTIONAL_CALL_TIMEOUT`], so that API Gateway does not give up on the request.
    /// An abandoned call may still have its effect.
    pub async fn briefly<T>(&self, call: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
        timeout(OPTIONAL_CALL_TIMEOUT, call).await.unwrap_or(Err(Failure::Unavailable { maybe_ran: true }))
    }

    pub fn message_id(&self) -> MessageId {
        MessageId::new(self.ulid())
    }
}

impl Settings {
    pub fn from_env(retry_policy: RetryPolicy) -> Result<Self, Error> {
        let [api_key] = Secret::from_env(["OPENAI_API_KEY"]).map_err(Error::internal)?;
        let base_url = var("OPENAI_BASE_URL").unwrap_or_else(|| "https://api.openai.com/v1".into());
        Ok(Self {
            table: var("TABLE").ok_or_else(|| Error::internal("the variable TABLE is not set"))?,
            memory: var("OPENAI_MEMORY").map_or(Ok(Memory::default()), |word| {
                word.parse().map_err(|why| Error::internal(format!("OPENAI_MEMORY {why}")))
            })?,
            history_tokens: history_tokens(var).map_err(Error::internal)?,
            person_wait: person_wait(var).map_err(Error::internal)?,
            budgets: BudgetSettings::read(var).map_err(Error::internal)?,
            customers_may_delete: customers_may_delete(var).map_err(Error::internal)?,
            timeouts: Timeouts::read(var).map_err(Error::internal)?,
            openai: openai::Settings {
                base_url: openai::parse_base_url(&base_url)
                    .map_err(|why| Error::internal(format!("OPENAI_BASE_URL {why}")))?,
                api_key,
                retry_policy,
            },
            webhooks: webhook::Settings {
                network_policy: var("WEBHOOK_REACH").map_or(Ok(NetworkPolicy::default()), |word| {
                    word.parse().map_err(|why| Error::internal(format!("WEBHOOK_REACH {why}")))
                })?,
                ..webhook::Settings::default()
            },
        })
    }
}

/// Reads `OPENAI_HISTORY_TOKENS`, which may be absent.
pub fn history_tokens(var: impl Fn(&str) -> Option<String>) -> Result<usize, String> {
    let Some(value) = var("OPENAI_HISTORY_TOKENS") else { return Ok(DEFAULT_HISTORY_TOKENS) };
    let tokens = value.parse().ok().filter(|tokens| *tokens >= MIN_HISTORY_TOKENS);
    tokens
        .ok_or_else(|| format!("OPENAI_HISTORY_TOKENS must be a number of at least {MIN_HISTORY_TOKENS}, not {value}"))
}

/// Reads `PERSON_WAIT_SECONDS`, which may be absent.
pub fn person_wait(var: impl Fn(&str) -> Option<String>) -> Result<Duration, String> {
    let Some(value) = var("PERSON_WAIT_SECONDS") else { return Ok(DEFAULT_PERSON_WAIT) };
    let wait = value.parse().ok().map(Duration::from_secs).filter(|wait| *wait <= MAX_PERSON_WAIT);
    let max = MAX_PERSON_WAIT.as_secs();
    wait.ok_or_else(|| format!("PERSON_WAIT_SECONDS must be a whole number from 0 to {max}, not {value}"))
}

/// Reads `CUSTOMERS_MAY_DELETE`, which may be absent.
pub fn customers_may_delete(var: impl Fn(&str) -> Option<String>) -> Result<bool, String> {
    match var("CUSTOMERS_MAY_DELETE").as_deref() {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(other) => Err(format!("CUSTOMERS_MAY_DELETE must be true or false, not {other}")),
    }
}

async fn aws() -> SdkConfig {
    // A connection may have died while the function was frozen: a short timeout, and another attempt.
    let timeouts =
        TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).operation_attempt_timeout(ATTEMPT_TIMEOUT).build();
    aws_config::defaults(BehaviorVersion::latest()).timeout_config(timeouts).load().await
}

/// The variable's value. An empty one counts as absent, because a template cannot leave a variable out.
fn var(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

/// A source of the time. Injected, so that tests can set it.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> At + Send + Sync>);

impl Clock {
    pub fn new(now: impl Fn() -> At + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    pub fn now(&self) -> At {
        (self.0)()
    }

    pub fn system() -> Self {
        Self::new(|| {
            let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
            At::from_millis(0) + since
        })
    }
}

/// A source of new ids. Injected, so that a test's ids can be repeated.
#[derive(Clone)]
pub struct Ids(Arc<dyn Fn() -> Ulid + Send + Sync>);

impl Ids {
    pub fn new(next: impl Fn() -> Ulid + Send + Sync + 'static) -> Self {
        Self(Arc::new(next))
    }

    pub fn random() -> Self {
        Self::new(Ulid::generate)
    }
}
