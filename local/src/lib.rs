//! Switchboard on a laptop: API Gateway, DynamoDB, Lambda and OpenAI around the functions, in one process.
//!
//! [`start`] assembles it: the gateway on one port, the functions behind it, the embedded database, and OpenAI's
//! stand-in unless a real server is configured. The binary `switchboard` and the tests start the same thing.
//!
//! **Architecture Invariant.** No business logic here. The functions reach the table and the sockets through the SDK's
//! own clients, whose transports end in this process; requests to the stand-in do too.

mod access_key;
mod account;
mod background;
pub mod cli;
mod data_dir;
pub mod demo;
mod doctor;
pub mod dynamo;
mod entrance;
mod environment;
mod error;
pub mod gateway;
pub mod greeting;
mod handlers;
mod http_server;
mod in_process;
mod init;
mod inspection;
mod models;
mod openai;
mod options;
pub mod pages;
mod sample_event;
mod share;
mod stack;
pub mod standin;
mod table;
pub mod template;
mod token;
mod tokens;
mod verify;

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
};

use aws_sdk_dynamodb::Client;
use dynoxide::Database;
use shared::{App, Invoker, Settings, openai as client};
use tokio::{net::TcpListener, sync::watch, task::JoinSet, time::timeout};
use visitor::{VisitorTokens, Visitors};

pub use self::{
    access_key::AccessKey,
    data_dir::{DataDir, Endpoints},
    error::Error,
    inspection::{Finding, Inspection, MemoryChoice, MemoryReason},
    openai::Upstream,
    options::{AnyWire, DynamoWire, OpenAiWire, Options, SocketsWire},
    share::Share,
    stack::StackError,
    standin::Standin,
    tokens::Tokens,
};
use self::{
    entrance::Entrance,
    gateway::{Connections, Gateway, Invocations, SHUTDOWN_TIMEOUT, invocations, management, route::SOCKET_PATH},
    inspection::url_text,
    openai::OpenAiServer,
    template::Template,
};

/// The table's name on a laptop.
pub const TABLE: &str = "switchboard";

/// The port that is tried first if none is requested.
const DEFAULT_PORT: u16 = 3000;

/// The name of the function that is invoked to answer a thread; locally, the name of its binary.
const CHAT_FUNCTION: &str = "chat";

/// A running Switchboard. Dropping it stops it without waiting for work under way.
pub struct Switchboard {
    address: SocketAddr,
    app: Arc<App>,
    database: Database,
    connections: Connections,
    gateway: Arc<Gateway>,
    invocations: Invocations,
    standin: Option<Standin>,
    endpoints: Endpoints,
    tokens: Tokens,
    http: reqwest::Client,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
    /// Holds the lock on the data directory.
    data_dir: DataDir,
}

/// Starts a Switchboard, and returns once it is listening.
pub async fn start(options: Options) -> Result<Switchboard, Error> {
    let data_dir = DataDir::open(options.data_dir.as_deref(), options.reset)?;
    let listener = listen(options.listen, options.port).await?;
    let address = reachable(listener.local_addr()?);
    let (stop, stopped) = watch::channel(false);
    let mut tasks = JoinSet::new();

    let template = Template::built_in()?;
    let database = data_dir.database()?;
    dynamo::create_table(&database, TABLE, &template.table)?;
    let tokens = data_dir.tokens()?;
    let share = Share::new(tokens.access_key(), options.listen, &database, stopped.clone());
    let database_url = if options.share { Some(share.open().await?) } else { None };
    tasks.spawn(share.clone().closed());
    tasks.spawn(background::expire_items(database.clone(), stopped.clone()));
    let openai = options.openai.clone().serve(options.listen, &mut tasks, stopped.clone()).await?;
    let endpoints = Endpoints {
        url: format!("http://{address}"),
        database_url,
        openai_url: url_text(&openai.base_url),
        is_standin: openai.standin.is_some(),
        memory: options.memory,
    };
    data_dir.write(&endpoints)?;

    let (sweep_every, rate_limit) = (options.sweep_every, options.visitor_rate_limit.clone());
    let identity_provider = options.identity_provider.clone();
    let http = options.retry_policy.http().map_err(Error::http)?;
    let (connections, invocations) = (Connections::new(options.limits), Invocations::default());
    let app = Arc::new(app(options, &openai, http.clone(), &database, &connections, &invocations));
    let visitor_tokens = VisitorTokens::new(tokens.visitor_secret());
    let keys = match identity_provider {
        Some(others) => tokens.keys()?.or(others),
        None => tokens.keys()?,
    };
    let functions = handlers::functions(&app, keys, Visitors { tokens: visitor_tokens, rate_limit });
    let gateway = Gateway::new(template, functions, connections.clone(), invocations.clone(), share)?;
    if let Some(every) = sweep_every {
        tasks.spawn(background::sweep(Arc::clone(&gateway), every, stopped.clone()));
    }
    tasks.spawn(Arc::clone(&gateway).serve(listener, stopped));

    let standin = openai.standin;
    Ok(Switchboard {
        address,
        app,
        database,
        connections,
        gateway,
        invocations,
        standin,
        endpoints,
        tokens,
        http,
        stop,
        tasks,
        data_dir,
    })
}

/// The app of all functions: its clients reach the table, the sockets and the stand-in within this process.
fn app(
    options: Options,
    openai: &OpenAiServer,
    http: reqwest::Client,
    database: &Database,
    connections: &Connections,
    invocations: &Invocations,
) -> App {
    let settings = Settings {
        table: TABLE.to_owned(),
        memory: options.memory,
        history_tokens: options.history_tokens,
        person_wait: options.person_wait,
        budgets: options.budgets,
        customers_may_delete: options.customers_may_delete,
        timeouts: options.timeouts,
        openai: client::Settings {
            base_url: openai.base_url.clone(),
            api_key: openai.api_key.clone().into(),
            retry_policy: options.retry_policy,
        },
        webhooks: options.webhooks,
    };
    let dynamo = (options.dynamo.0)(dynamo::InProcess::new(database));
    let management = (options.sockets.0)(management::InProcess::new(connections));
    let wire: AnyWire = match &openai.standin {
        Some(standin) => Arc::new(standin::InProcess::new(standin)),
        None => Arc::new(http.clone()),
    };
    let wire = (options.openai_wire.0)(wire);
    let invoker = Some(Invoker::new(invocations::client(invocations), CHAT_FUNCTION.to_owned()));
    let app = App::new(settings, dynamo, management, http);
    let (queued_topic, metrics, clock) = (options.queued_topic, options.metrics, options.clock);
    App { clock, metrics, queued_topic, openai: app.openai.clone().over(wire), invoker, ..app }
}

impl Switchboard {
    /// `http://127.0.0.1:3000`
    pub fn url(&self) -> &str {
        &self.endpoints.url
    }

    /// `ws://127.0.0.1:3000/ws`
    pub fn socket_url(&self) -> String {
        format!("ws://{}{SOCKET_PATH}", self.address)
    }

    pub fn app(&self) -> &Arc<App> {
        &self.app
    }

    /// A client of the table with its own transport: without the faults or meters that a test put on the functions'.
    pub fn table(&self) -> Client {
        dynamo::client(&self.database)
    }

    pub fn connections(&self) -> &Connections {
        &self.connections
    }

    /// Runs the sweep now instead of at its next interval. Returns false if it did not see every due item. The
    /// invocations of `chat` that it made may still be running: see [`Invocations::finished`].
    pub async fn sweep(&self) -> bool {
        self.gateway.sweep().await
    }

    pub fn invocations(&self) -> &Invocations {
        &self.invocations
    }

    /// OpenAI's stand-in; `None` if a real server is configured.
    pub fn standin(&self) -> Option<&Standin> {
        self.standin.as_ref()
    }

    /// A bearer token that this instance accepts.
    pub fn token(&self, tenant: &str, role: &str, subject: &str) -> String {
        self.tokens.token(tenant, role, subject)
    }

    pub fn tokens(&self) -> &Tokens {
        &self.tokens
    }

    /// Lets anybody at this machine sign in to the console by a click, as an agent or an admin of the demo's tenant.
    /// Not for an instance that others can reach.
    pub fn open_entrance(&self) {
        self.gateway.admit(Entrance(self.tokens.clone()));
    }

    /// The URLs of its parts, for other processes.
    pub fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }

    /// Closes every socket, waits a few seconds at most for work under way, and closes the database.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        // The gateway has its own timeout; a half-sent request to the database's port must not block the stop.
        let tasks_ended = async { while self.tasks.join_next().await.is_some() {} };
        let _ = timeout(SHUTDOWN_TIMEOUT * 2, tasks_ended).await;
    }
}

/// The address by which this machine reaches a listener: every address (`0.0.0.0`) includes the loopback's.
fn reachable(mut listener: SocketAddr) -> SocketAddr {
    match listener.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => listener.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => listener.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    listener
}

async fn listen(address: IpAddr, port: Option<u16>) -> Result<TcpListener, Error> {
    let bind = async |port: u16| {
        TcpListener::bind((address, port)).await.map_err(|error| match error.kind() {
            io::ErrorKind::AddrInUse => Error::PortTaken(port),
            io::ErrorKind::AddrNotAvailable => Error::NoAddress(address),
            _ => error.into(),
        })
    };
    let Some(port) = port else {
        for port in DEFAULT_PORT..DEFAULT_PORT + 100 {
            match bind(port).await {
                Err(Error::PortTaken(_)) => {}
                bound => return bound,
            }
        }
        return bind(0).await;
    };
    bind(port).await
}
