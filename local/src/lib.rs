//! Switchboard on a laptop: what AWS and OpenAI would run around the functions, in one process.
//!
//! [`start`] puts it together: the gateway on one port, the functions behind it, the embedded database, and OpenAI's
//! stand-in unless there is a real one. The binary `switchboard` and the tests start the same.
//!
//! **Architecture Invariant.** No business here. The functions reach the table and the sockets through the SDK's own
//! clients, whose transports end in this process; so do requests to the stand-in.

pub mod cli;
mod data_dir;
pub mod demo;
pub mod dynamo;
mod error;
pub mod gateway;
pub mod greeting;
mod openai;
mod options;
pub mod pages;
pub mod standin;
pub mod template;
mod tokens;
mod verify;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use dynoxide::Database;
use lambda_http::lambda_runtime::Diagnostic;
use shared::{App, Invoker, Settings, openai as client};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use visitor::VisitorTokens;

pub use data_dir::{DataDir, Running};
pub use error::Error;
pub use openai::Upstream;
pub use options::{AnyWire, OpenAiWire, Options, SocketsWire, Transport};
pub use standin::Standin;
pub use tokens::Tokens;

use dynamo::InProcess;
use gateway::{Connections, Functions, Gateway, Invocations};
use template::Template;

/// The table's name on a laptop.
pub const TABLE: &str = "switchboard";

/// The port that is tried first where none is asked for.
const PORT: u16 = 3000;

/// The function that is invoked for an answer: by the name of its binary, here.
const CHAT: &str = "chat";

/// How often expired items leave the table, as DynamoDB's own sweep would have them do within days.
const EXPIRE_EVERY: Duration = Duration::from_mins(10);

/// A running Switchboard. Dropping it stops it too, but waits for nothing.
pub struct Switchboard {
    address: SocketAddr,
    app: Arc<App>,
    database: Database,
    connections: Connections,
    gateway: Arc<Gateway>,
    invocations: Invocations,
    standin: Option<Standin>,
    running: Running,
    tokens: Tokens,
    http: reqwest::Client,
    openai_key: String,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
    /// Holds the lock on the data directory.
    _data_dir: DataDir,
}

/// Starts everything and returns when it is listening.
pub async fn start(options: Options) -> Result<Switchboard, Error> {
    let data_dir = DataDir::open(options.data_dir.as_deref(), options.reset)?;
    let listener = listen(options.port).await?;
    let address = listener.local_addr()?;
    let (stop, stopped) = watch::channel(false);
    let mut tasks = JoinSet::new();

    let template = Template::built_in()?;
    let database = data_dir.database()?;
    dynamo::create_table(&database, TABLE, &template.table)?;
    let mut database_url = None;
    if options.share_database {
        database_url = Some(share(&database, &mut tasks, stopped.clone()).await?);
    }
    tasks.spawn(expire(database.clone(), stopped.clone()));

    let openai = options.openai.serve(&mut tasks, stopped.clone()).await?;
    let running = Running { url: format!("http://{address}"), database_url, openai_url: openai.base_url.clone() };
    data_dir.write(&running)?;

    let connections = Connections::new(options.limits);
    let invocations = Invocations::default();
    let settings = Settings {
        table: TABLE.to_owned(),
        memory: options.memory,
        timeouts: options.timeouts,
        openai: client::Settings {
            base_url: openai.base_url.parse().map_err(|_| Error::OpenAiUrl(openai.base_url.clone()))?,
            api_key: openai.api_key.clone(),
            retry_policy: options.retry_policy.clone(),
        },
        webhooks: options.webhooks,
    };
    let http = options.retry_policy.http().map_err(|error| Error::Io(io::Error::other(error)))?;
    let dynamo = (options.dynamo.0)(InProcess::new(&database));
    let management = (options.sockets.0)(gateway::management::InProcess::new(&connections));
    let app = App::new(settings, dynamo, management, http.clone());
    let wire: AnyWire = match &openai.standin {
        Some(standin) => Arc::new(standin::InProcess::new(standin)),
        None => Arc::new(http.clone()),
    };
    let wire = (options.openai_wire.0)(wire);
    let invoker = Some(Invoker::new(gateway::invocations::client(&invocations), CHAT.to_owned()));
    let app = Arc::new(App { clock: options.clock, openai: app.openai.clone().over(wire), invoker, ..app });
    let tokens = data_dir.tokens()?;
    let passes = VisitorTokens::new(&tokens.visitors()).map_err(|error| Error::Io(io::Error::other(error)))?;
    let functions = functions(&app, tokens.keys()?, passes);
    let gateway = Gateway::new(template, functions, connections.clone(), invocations.clone())?;
    if let Some(every) = options.sweep_every {
        tasks.spawn(sweep(Arc::clone(&gateway), every, stopped.clone()));
    }
    tasks.spawn(Arc::clone(&gateway).serve(listener, stopped));

    Ok(Switchboard {
        address,
        app,
        database,
        connections,
        gateway,
        invocations,
        standin: openai.standin,
        running,
        tokens,
        http,
        openai_key: openai.api_key,
        stop,
        tasks,
        _data_dir: data_dir,
    })
}

impl Switchboard {
    /// `http://127.0.0.1:3000`
    pub fn url(&self) -> &str {
        &self.running.url
    }

    /// `ws://127.0.0.1:3000/ws`
    pub fn socket_url(&self) -> String {
        format!("ws://{}{}", self.address, gateway::SOCKET_PATH)
    }

    pub fn app(&self) -> &Arc<App> {
        &self.app
    }

    /// The table, by a wire of its own: without whatever a test has put on the functions'.
    pub fn table(&self) -> Client {
        dynamo::client(&self.database)
    }

    pub fn connections(&self) -> &Connections {
        &self.connections
    }

    /// Does at once what is due, as the schedule would within a minute; whether all of it could be looked at. What
    /// `chat` was asked for by it may still be under way: see [`Invocations::finished`].
    pub async fn sweep(&self) -> bool {
        self.gateway.sweep().await
    }

    pub fn invocations(&self) -> &Invocations {
        &self.invocations
    }

    /// OpenAI's stand-in, unless a real one was named.
    pub fn standin(&self) -> Option<&Standin> {
        self.standin.as_ref()
    }

    /// A bearer token that this instance takes.
    pub fn token(&self, tenant: &str, role: &str, subject: &str) -> String {
        self.tokens.token(tenant, role, subject)
    }

    pub fn tokens(&self) -> &Tokens {
        &self.tokens
    }

    /// Where its parts are found from outside.
    pub fn running(&self) -> &Running {
        &self.running
    }

    /// Closes every socket, lets what is under way end (for a few seconds at most), and closes the database.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        // The gateway keeps to its own bound; a half-sent request to the database's port must not hold up the rest.
        let ended = async { while self.tasks.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(gateway::PATIENCE * 2, ended).await;
    }
}

/// The functions of the template, each with the app, and the authorizer with its keys.
fn functions(app: &Arc<App>, keys: authorizer::Keys, passes: VisitorTokens) -> Functions {
    macro_rules! with_app {
        ($function:ident) => {{
            let app = Arc::clone(app);
            move |request| {
                let app = Arc::clone(&app);
                async move { $function::handle(&app, request).await }
            }
        }};
    }
    let authorize = move |event| {
        let keys = keys.clone();
        async move {
            let decision = authorizer::handle(&keys, event).await;
            decision.map_err(|refusal| Diagnostic::from(refusal).error_message.into())
        }
    };
    let visited = Arc::clone(app);
    let visit = move |request| {
        let (app, passes) = (Arc::clone(&visited), passes.clone());
        async move { visitor::handle(&app, &passes, request).await }
    };
    Functions::guarded_by("authorizer", authorize)
        .with("visitor", visit)
        .with("thread", with_app!(thread))
        .with("chatbot", with_app!(chatbot))
        .with("chat", with_app!(chat))
        .with("chat-end", with_app!(chat_end))
        .with("handoff", with_app!(handoff))
        .with("socket", with_app!(socket))
        .with("sweep", with_app!(sweep))
}

/// Always on this machine alone: there is no TLS here.
async fn listen(port: Option<u16>) -> Result<TcpListener, Error> {
    let bind = |port: u16| TcpListener::bind(("127.0.0.1", port));
    let Some(asked) = port else {
        for port in PORT..PORT + 100 {
            match bind(port).await {
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
                bound => return Ok(bound?),
            }
        }
        return Ok(bind(0).await?);
    };
    bind(asked).await.map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => Error::PortTaken(asked),
        _ => error.into(),
    })
}

/// Serves the database's own HTTP on a free port, on a thread of its own: its handlers block.
async fn share(
    database: &Database,
    tasks: &mut JoinSet<()>,
    mut stopped: watch::Receiver<bool>,
) -> Result<String, Error> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let url = format!("http://{}", listener.local_addr()?);
    let listener = listener.into_std()?;
    let database = database.clone();
    tasks.spawn_blocking(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let served = runtime.and_then(|runtime| {
            runtime.block_on(async {
                let listener = TcpListener::from_std(listener)?;
                let stop = async move {
                    let _ = stopped.wait_for(|stop| *stop).await;
                };
                dynoxide::server::serve_with_shutdown(listener, database, stop).await.map_err(io::Error::other)
            })
        });
        if let Err(error) = served {
            tracing::error!(%error, "the database's port is closed");
        }
    });
    Ok(url)
}

/// The schedule: the sweep may take longer than its minute, and the next one then comes later.
async fn sweep(gateway: Arc<Gateway>, every: Duration, mut stopped: watch::Receiver<bool>) {
    loop {
        if !gateway.sweep().await {
            tracing::warn!("what is due could not all be looked at");
        }
        if tokio::time::timeout(every, stopped.wait_for(|stop| *stop)).await.is_ok() {
            return;
        }
    }
}

/// Takes expired items from the table.
async fn expire(database: Database, mut stopped: watch::Receiver<bool>) {
    while tokio::time::timeout(EXPIRE_EVERY, stopped.wait_for(|stop| *stop)).await.is_err() {
        let database = database.clone();
        if let Ok(Err(error)) = tokio::task::spawn_blocking(move || database.sweep_ttl()).await {
            tracing::warn!(%error, "expired items stay in the table for now");
        }
    }
}
