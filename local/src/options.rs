//! The options that a Switchboard is started with.

use std::{
    net::{IpAddr, Ipv4Addr},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use authorizer::Keys;
use aws_sdk_dynamodb::Client;
use aws_smithy_runtime_api::client::http::HttpClient;
use shared::{
    Clock, DEFAULT_HISTORY_TOKENS, DEFAULT_PERSON_WAIT, QueuedTopic,
    domain::{Timeouts, budget::BudgetSettings, chatbot::Memory, webhook::NetworkPolicy},
    metrics::Metrics,
    openai::{RetryPolicy, Wire},
    webhook,
};
use visitor::RateLimit;

use crate::{
    Upstream,
    dynamo::{self, InProcess},
    gateway::{Limits, management},
};

/// Options of a Switchboard. The default is for tests: a free port, and all data in memory.
pub struct Options {
    /// The port; `None` tries 3000 and the ports after it, zero takes any free one.
    pub port: Option<u16>,
    /// The address on which the APIs, the shared database and the stand-in listen.
    pub listen: IpAddr,
    /// The directory of the table and the token secret; `None` keeps them in memory.
    pub data_dir: Option<PathBuf>,
    /// Empties the table of `data_dir` first.
    pub reset: bool,
    /// Opens the services for other processes: the table on a port of its own, `Invoke` and `@connections`.
    pub share: bool,
    pub limits: Limits,
    pub openai: Upstream,
    pub memory: Memory,
    /// The tokens of the log in a request to the model.
    pub history_tokens: usize,
    /// The longest time that a stream waits for a person's next message.
    pub person_wait: Duration,
    /// The limits of customers, chatbots and the tenant; by default none.
    pub budgets: BudgetSettings,
    /// The times after which the sweep acts on a thread.
    pub timeouts: Timeouts,
    /// The metrics of the functions; by default none are written.
    pub metrics: Metrics,
    /// The interval of the sweep; `None` leaves it to [`Switchboard::sweep`](crate::Switchboard::sweep).
    pub sweep_every: Option<Duration>,
    pub retry_policy: RetryPolicy,
    pub visitor_rate_limit: RateLimit,
    /// Lets in the tokens of an identity provider too, beside the instance's own.
    pub identity_provider: Option<Keys>,
    /// Lets customers delete their threads.
    pub customers_may_delete: bool,
    /// Webhooks may reach any address by default: a receiver on a laptop is a local process.
    pub webhooks: webhook::Settings,
    /// The topic that is told of threads in the queue; by default none.
    pub queued_topic: Option<QueuedTopic>,
    /// The transport between the SDK's client and the embedded database.
    pub dynamo: DynamoWire,
    /// The transport between the SDK's client and the sockets.
    pub sockets: SocketsWire,
    /// The transport to OpenAI or its stand-in.
    pub openai_wire: OpenAiWire,
    /// The clock of the functions. Tokens are issued and authorized by the machine's clock.
    pub clock: Clock,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            port: Some(0),
            listen: Ipv4Addr::LOCALHOST.into(),
            data_dir: None,
            reset: false,
            share: false,
            limits: Limits::default(),
            openai: Upstream::default(),
            memory: Memory::default(),
            history_tokens: DEFAULT_HISTORY_TOKENS,
            person_wait: DEFAULT_PERSON_WAIT,
            budgets: BudgetSettings::OFF,
            timeouts: Timeouts::default(),
            metrics: Metrics::default(),
            sweep_every: None,
            retry_policy: RetryPolicy::default(),
            visitor_rate_limit: RateLimit::default(),
            identity_provider: None,
            customers_may_delete: false,
            webhooks: webhook::Settings { network_policy: NetworkPolicy::Anywhere, ..webhook::Settings::default() },
            queued_topic: None,
            dynamo: DynamoWire::default(),
            sockets: SocketsWire::default(),
            openai_wire: OpenAiWire::default(),
            clock: Clock::system(),
        }
    }
}

/// The functions' transport to the table, which a test or a bench may wrap: with a meter, or with faults.
pub struct DynamoWire(pub(crate) Box<dyn FnOnce(InProcess) -> Client + Send>);

impl DynamoWire {
    pub fn new<Wire: HttpClient + 'static>(wrap: impl FnOnce(InProcess) -> Wire + Send + 'static) -> Self {
        Self(Box::new(|inner| dynamo::client_over(wrap(inner))))
    }
}

impl Default for DynamoWire {
    fn default() -> Self {
        Self::new(|inner| inner)
    }
}

/// The functions' transport to the sockets, which a test or a bench may wrap.
pub struct SocketsWire(pub(crate) Box<dyn FnOnce(management::InProcess) -> management::Client + Send>);

impl SocketsWire {
    pub fn new<Wire: HttpClient + 'static>(wrap: impl FnOnce(management::InProcess) -> Wire + Send + 'static) -> Self {
        Self(Box::new(|inner| management::client_over(wrap(inner))))
    }
}

impl Default for SocketsWire {
    fn default() -> Self {
        Self::new(|inner| inner)
    }
}

/// The transport to OpenAI, which a test or a bench may wrap. The wrapped one leads to the stand-in's router in this
/// process, or to a real server by HTTP.
pub struct OpenAiWire(pub(crate) Box<dyn FnOnce(AnyWire) -> AnyWire + Send>);

/// A transport to OpenAI of any kind.
pub type AnyWire = Arc<dyn Wire>;

impl OpenAiWire {
    pub fn new<W: Wire + 'static>(wrap: impl FnOnce(AnyWire) -> W + Send + 'static) -> Self {
        Self(Box::new(|inner| Arc::new(wrap(inner))))
    }
}

impl Default for OpenAiWire {
    fn default() -> Self {
        Self(Box::new(|inner| inner))
    }
}
