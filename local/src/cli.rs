//! The command line of `switchboard`.

use std::{
    io::{self, Write as _},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::{Path, PathBuf},
    time::Duration,
};

use authorizer::{Keys, Misconfigured};
use clap::{Args, Parser, Subcommand};
use reqwest::Url;
use shared::{
    QueuedTopic, customers_may_delete,
    domain::{Timeouts, budget::BudgetSettings, chatbot::Memory},
    history_tokens, person_wait,
};
#[cfg(unix)]
use tokio::signal::unix;
#[cfg(windows)]
use tokio::signal::windows;
use visitor::RateLimit;

use crate::{
    Endpoints, Error, MemoryChoice, Options, TABLE, Upstream, data_dir,
    demo::ModelChoice,
    doctor::Doctor,
    environment::variable,
    gateway::Limits,
    greeting::{self, Introduction},
    in_process::REGION,
    init::Init,
    sample_event::SampleEvent,
    share,
    token::Token,
    tokens,
    verify::Verify,
};

/// Chat backend in which an AI answers first and a person can take over.
///
/// Without a command, starts all of it on this machine: the APIs, an embedded DynamoDB, and a stand-in for OpenAI.
#[derive(Debug, Parser)]
#[command(name = "switchboard", version)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: Serve,
    /// Directory of the table and the token secret.
    #[arg(long, global = true, value_name = "PATH", default_value = ".switchboard")]
    data_dir: PathBuf,
}

#[derive(Debug, Args)]
struct Serve {
    /// Port [default: 3000, or the next free one].
    #[arg(long)]
    port: Option<u16>,
    /// Address to listen on, for the APIs, the table and the stand-in. Other than 127.0.0.1, it exposes all of them.
    #[arg(long, value_name = "ADDRESS", default_value_t = Ipv4Addr::LOCALHOST.into())]
    listen: IpAddr,
    /// Open the table, Lambda's Invoke and the sockets' @connections to other processes, which sign their requests with
    /// the access key that `switchboard env` prints. That command opens them too.
    #[arg(long)]
    share: bool,
    /// Delete all data before starting; the token secret is kept.
    #[arg(long)]
    reset: bool,
    /// Close a WebSocket after this time without a message; AWS's limit is 600.
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    socket_idle: u64,
    /// Close a WebSocket this long after it was opened; AWS's limit is 7200.
    #[arg(long, value_name = "SECONDS", default_value_t = 7200)]
    socket_life: u64,
    /// Interval of the sweep, which does the background work; on AWS it is 60.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    sweep_every: u64,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print a bearer token that is valid for 30 days.
    ///
    /// For a stack on AWS, with --stack: 8 hours.
    Token(Token),
    /// Make a stack on AWS ready: upload its pages, create a demo chatbot, print its URLs and tokens.
    ///
    /// Run it after `sam deploy`, with the credentials and region of the environment. After an upgrade, run it again:
    /// it uploads the pages that changed. It deletes nothing.
    Init(Init),
    /// Print the environment variables that connect a function in another process to the running instance.
    ///
    /// For `cargo lambda watch` and `sam local`, as shell lines: `eval "$(cargo run --quiet -- env)"`.
    Env {
        /// Name or address by which that process reaches this machine, such as Docker Desktop's host.docker.internal
        /// [default: the address of the instance].
        #[arg(long, value_parser = host)]
        host: Option<String>,
    },
    /// Print a sample event with ids and a token of the running instance.
    ///
    /// For `cargo lambda invoke` and `sam local invoke`: `cargo run --quiet -- event thread-list > event.json`.
    Event(SampleEvent),
    /// Check that every thread and its log keep the invariants, and print the violations.
    ///
    /// Reads only, so it may run at any time. Exits with 1 where a thread breaks an invariant.
    Verify(Verify),
    /// Check a deployment, and print one line for each thing that needs attention.
    ///
    /// Models that end, chatbots with warnings, customers who wait for long, due work that piles up; on this machine
    /// the OpenAI server too. Reads only, so it may run at any time. Exits with 1 where something needs attention.
    Doctor(Doctor),
}

impl Cli {
    pub async fn run(self) -> Result<(), Error> {
        match self.command {
            None => self.serve.run(&self.data_dir).await,
            Some(Command::Token(token)) => print(&token.run(&self.data_dir).await?),
            Some(Command::Init(init)) => init.run(print).await,
            Some(Command::Verify(verify)) => print(&verify.run(&self.data_dir).await?),
            Some(Command::Doctor(doctor)) => match &*doctor.run(&self.data_dir).await? {
                [] => print("Nothing found."),
                findings => {
                    print(&findings.join("\n"))?;
                    Err(Error::Findings(findings.len()))
                }
            },
            Some(Command::Env { host }) => print(&exports(&self.data_dir, host.as_deref()).await?),
            Some(Command::Event(event)) => print(&event.text(&self.data_dir).await?),
        }
    }
}

impl Serve {
    async fn run(self, data_dir: &Path) -> Result<(), Error> {
        let setting = memory()?;
        let (openai, inspection) = Upstream::from_env().inspected(setting).await?;
        let (memory, listed, findings) = match inspection {
            Some(found) => (found.memory, Some(found.models), found.findings),
            None => (MemoryChoice::with_standin(setting), None, vec![]),
        };
        let options = Options {
            port: self.port,
            listen: self.listen,
            data_dir: Some(data_dir.to_owned()),
            reset: self.reset,
            share: self.share,
            limits: Limits {
                idle_timeout: Duration::from_secs(self.socket_idle),
                max_duration: Duration::from_secs(self.socket_life),
                ..Limits::default()
            },
            openai,
            memory: memory.memory,
            history_tokens: history_tokens(variable).map_err(Error::Setting)?,
            person_wait: person_wait(variable).map_err(Error::Setting)?,
            budgets: BudgetSettings::read(variable).map_err(Error::Setting)?,
            timeouts: Timeouts::read(variable).map_err(Error::Setting)?,
            visitor_rate_limit: RateLimit::read(variable).map_err(Error::Setting)?,
            identity_provider: identity_provider().map_err(|why| Error::Setting(why.to_string()))?,
            customers_may_delete: customers_may_delete(variable).map_err(Error::Setting)?,
            queued_topic: QueuedTopic::read(variable).map_err(Error::Setting)?,
            sweep_every: Some(Duration::from_secs(self.sweep_every.max(1))),
            ..Options::default()
        };
        let switchboard = crate::start(options).await?;
        if self.listen.is_loopback() && !self.share {
            switchboard.open_entrance();
        }
        print(&greeting::listening(&switchboard, self.port.is_none()))?;
        let demo = switchboard.demo(ModelChoice { named: variable("OPENAI_MODEL"), listed }).await;
        let mut problems: Vec<String> = exposure(self.listen, switchboard.endpoints()).into_iter().collect();
        problems.extend(findings.iter().map(ToString::to_string));
        problems.extend(demo.iter().flat_map(|demo| demo.problems.clone()));
        let introduction = Introduction { data_dir, memory, demo: &demo, problems: &problems };
        // Before the introduction, which says that Ctrl-C ends it.
        let mut stop_signal = StopSignal::listen()?;
        print(&greeting::introduction(&switchboard, &introduction))?;
        stop_signal.received().await;
        print("Stopping.")?;
        tokio::select! {
            () = switchboard.stop() => {}
            // A second signal stops at once. Acknowledged writes are kept all the same.
            () = stop_signal.received() => {}
        }
        Ok(())
    }
}

/// A warning about what others can reach, if others can.
fn exposure(listen: IpAddr, endpoints: &Endpoints) -> Option<String> {
    (!listen.is_loopback()).then(|| {
        let standin = endpoints
            .is_standin
            .then(|| format!(", and without any token the OpenAI stand-in ({})", endpoints.openai_url));
        format!(
            "--listen {listen} exposes, to everybody who reaches that address: the APIs without TLS at {url}{standin}. \
             What `switchboard env` opens is exposed too, to those who have its access key",
            standin = standin.unwrap_or_default(),
            url = endpoints.url,
        )
    })
}

/// A name or an address, without a port; an IPv6 address may stand without its brackets.
fn host(text: &str) -> Result<String, String> {
    let wrong = || "it must be a name or an address, without a port".to_owned();
    let mut url = Url::parse("http://localhost").map_err(|_| wrong())?;
    let host = match text.trim_matches(['[', ']']).parse::<Ipv6Addr>() {
        Ok(address) => format!("[{address}]"),
        // A URL would leave out what follows.
        Err(_) if text.contains(':') => return Err(wrong()),
        Err(_) => text.to_owned(),
    };
    url.set_host(Some(&host)).map_err(|_| wrong())?;
    Ok(host)
}

/// The keys of an identity provider, if the environment names one: by the variables that the authorizer has on AWS.
fn identity_provider() -> Result<Option<Keys>, Misconfigured> {
    let is_named = ["JWT_ISSUER", "JWT_SECRET", "JWT_JWKS_URL"].iter().any(|name| variable(name).is_some());
    is_named.then(Keys::from_env).transpose()
}

/// The memory that `OPENAI_MEMORY` sets.
fn memory() -> Result<Option<Memory>, Error> {
    variable("OPENAI_MEMORY").map(|word| word.parse().map_err(|_| Error::Memory(word))).transpose()
}

/// The `export` lines that connect a function in another process to the running instance, which it reaches as `host`.
async fn exports(data_dir: &Path, host: Option<&str>) -> Result<String, Error> {
    let mut endpoints = share::ask(data_dir, host).await?;
    if let Some(host) = host {
        endpoints = endpoints.seen_as(host);
    }
    let tokens = data_dir::tokens(data_dir)?;
    let access_key = tokens.access_key();
    let api_key = variable("OPENAI_API_KEY").unwrap_or_else(|| "standin".to_owned());
    let memory = variable("OPENAI_MEMORY").unwrap_or_else(|| MemoryChoice::word(endpoints.memory).to_owned());
    let [history_tokens, person_wait, customers_may_delete] =
        ["OPENAI_HISTORY_TOKENS", "PERSON_WAIT_SECONDS", "CUSTOMERS_MAY_DELETE"]
            .map(|name| variable(name).unwrap_or_default());
    let budgets = BUDGETS.map(|name| (name, variable(name).unwrap_or_default()));
    let database_url = endpoints.database_url.unwrap_or_default();
    let variables = [
        ("TABLE", TABLE),
        ("AWS_ENDPOINT_URL_DYNAMODB", &database_url),
        ("SOCKETS_URL", &endpoints.url),
        ("AWS_ENDPOINT_URL_LAMBDA", &endpoints.url),
        ("CHAT_FUNCTION", "chat"),
        ("OPENAI_BASE_URL", &endpoints.openai_url),
        ("OPENAI_API_KEY", &api_key),
        ("OPENAI_MEMORY", &memory),
        ("OPENAI_HISTORY_TOKENS", &history_tokens),
        ("PERSON_WAIT_SECONDS", &person_wait),
        ("CUSTOMERS_MAY_DELETE", &customers_may_delete),
        ("WEBHOOK_REACH", "anywhere"),
        ("VISITOR_SECRET", &tokens.visitor_secret()),
        ("JWT_SECRET", tokens.secret()),
        ("JWT_ISSUER", tokens::ISSUER),
        ("JWT_AUDIENCE", tokens::ISSUER),
        ("AWS_REGION", REGION),
        ("AWS_ACCESS_KEY_ID", access_key.id()),
        ("AWS_SECRET_ACCESS_KEY", access_key.secret()),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ];
    let budgets = budgets.iter().map(|(name, value)| (*name, value.as_str()));
    let export = |(name, value): (&str, &str)| format!("export {name}='{}'", value.replace('\'', r"'\''"));
    Ok(variables.into_iter().chain(budgets).map(export).collect::<Vec<_>>().join("\n"))
}

/// The variables of [`BudgetSettings::read`].
const BUDGETS: [&str; 6] = [
    "VISITOR_BUDGET",
    "CUSTOMER_BUDGET",
    "CHATBOT_BUDGET",
    "TENANT_BUDGET",
    "TOOL_CALLS_PER_TURN",
    "MAX_OUTPUT_TOKENS",
];

/// Ctrl-C and, on Unix, SIGTERM. From its creation on they no longer end the process.
struct StopSignal {
    #[cfg(unix)]
    interrupt: unix::Signal,
    #[cfg(unix)]
    terminate: unix::Signal,
    #[cfg(windows)]
    interrupt: windows::CtrlC,
}

impl StopSignal {
    #[cfg(unix)]
    fn listen() -> Result<Self, Error> {
        use unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    #[cfg(windows)]
    fn listen() -> Result<Self, Error> {
        Ok(Self { interrupt: windows::ctrl_c()? })
    }

    #[cfg(unix)]
    async fn received(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }

    #[cfg(windows)]
    async fn received(&mut self) {
        self.interrupt.recv().await;
    }
}

fn print(text: &str) -> Result<(), Error> {
    writeln!(io::stdout().lock(), "{text}").map_err(Error::Io)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_address_than_this_machines_own_is_warned_of() {
        let endpoints = Endpoints {
            url: "http://172.30.0.1:3000".into(),
            database_url: Some("http://172.30.0.1:8000".into()),
            openai_url: "http://172.30.0.1:9000/v1".into(),
            is_standin: true,
            memory: Memory::default(),
        };
        let warning = exposure("172.30.0.1".parse().unwrap(), &endpoints).unwrap();
        for part in ["without TLS", "172.30.0.1:9000", "172.30.0.1:3000", "access key"] {
            assert!(warning.contains(part), "{warning}");
        }
        assert_eq!(exposure("127.0.0.1".parse().unwrap(), &endpoints), None);
        assert_eq!(exposure("::1".parse().unwrap(), &endpoints), None);
        assert!(exposure("0.0.0.0".parse().unwrap(), &endpoints).is_some());
    }
}
