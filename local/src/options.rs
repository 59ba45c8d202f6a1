//! What a Switchboard is started with.

use std::{path::PathBuf, sync::Arc, time::Duration};

use aws_sdk_dynamodb::Client;
use aws_smithy_runtime_api::client::http::HttpClient;
use shared::{
    Clock,
    domain::{Timeouts, chatbot::Memory, webhook::NetworkPolicy},
    openai::{RetryPolicy, Wire},
    webhook,
};

use crate::{
    Upstream,
    dynamo::{self, InProcess},
    gateway::{Limits, management},
};

/// What may differ between a test, a bench and a laptop. The default is a test's: a free port, all in memory.
pub struct Options {
    /// `None` tries 3000 and the ports after it; zero is any free one.
    pub port: Option<u16>,
    /// Where the table and the token secret are kept; `None` keeps them in memory.
    pub data_dir: Option<PathBuf>,
    /// Empties the table of `data_dir` first.
    pub reset: bool,
    /// Opens a port of its own for the database too, for other processes and tools.
    pub share_database: bool,
    pub limits: Limits,
    pub openai: Upstream,
    pub memory: Memory,
    /// How long things may wait before the sweep sees to them.
    pub timeouts: Timeouts,
    /// How often the sweep comes by itself; `None` leaves it to [`Switchboard::sweep`].
    pub sweep_every: Option<Duration>,
    pub retry_policy: RetryPolicy,
    /// Anywhere: what receives webhooks on a laptop runs there too.
    pub webhooks: webhook::Settings,
    /// The wire between the SDK's client and the embedded database.
    pub dynamo: DynamoWire,
    /// The wire between the SDK's client and the sockets.
    pub sockets: SocketsWire,
    /// The wire to OpenAI or its stand-in.
    pub openai_wire: OpenAiWire,
    /// What time the functions believe it is. Tokens are issued, and let in at the door, by the machine's own.
    pub clock: Clock,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            port: Some(0),
            data_dir: None,
            reset: false,
            share_database: false,
            limits: Limits::default(),
            openai: Upstream::default(),
            memory: Memory::default(),
            timeouts: Timeouts::default(),
            sweep_every: None,
            retry_policy: RetryPolicy::default(),
            webhooks: webhook::Settings { reach: NetworkPolicy::Anywhere, ..webhook::Settings::default() },
            dynamo: DynamoWire::default(),
            sockets: SocketsWire::default(),
            openai_wire: OpenAiWire::default(),
            clock: Clock::system(),
        }
    }
}

/// A wire on which a test or a bench may put something: a meter, or faults.
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

/// The same for what is posted to sockets.
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

/// The same for OpenAI: what it is given leads to the stand-in's router in this process, or to a real server by HTTP.
pub struct OpenAiWire(pub(crate) Box<dyn FnOnce(AnyWire) -> AnyWire + Send>);

/// Either of them, or a test's around it.
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
