//! The services of AWS that other processes may reach: the table on a port of its own, and on the gateway's port
//! Lambda's `Invoke` and the `@connections` API.
//!
//! They know no tenants and no roles: who reaches them may read and write everything. So they are closed until
//! `--share` or `switchboard env` opens them, and then take only requests that are signed with the instance's access
//! key. A web page that the developer visits reaches this machine too: requests with an `Origin`, or for a host that
//! this instance is not known by, are refused before anything of them is read.

use std::{
    collections::HashSet,
    io,
    net::IpAddr,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use axum::{
    body::Body,
    extract::Request,
    http::{
        Method, Response, StatusCode, Uri,
        header::{HOST, ORIGIN},
        request::Parts,
        uri::Authority,
    },
};
use bytes::Bytes;
use dynoxide::Database;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::{
    net::TcpListener,
    sync::{OnceCell, watch},
};
use tokio_util::task::TaskTracker;

use crate::{
    Error,
    access_key::{AccessKey, SignatureError},
    data_dir::{self, Endpoints},
    dynamo,
    error::innermost,
    http_server::{self, BodyError},
    in_process::ServiceResponse,
    reachable,
};

/// The path at which `switchboard env` asks the instance to open its services.
pub(crate) const PATH: &str = "/@share";

/// The largest request of `switchboard env`, and the service's name in its signature.
const MAX_ASK_BYTES: usize = 4096;
const SERVICE: &str = "switchboard";

/// The services of one instance for other processes. Clones share everything.
#[derive(Clone)]
pub struct Share(Arc<Inner>);

struct Inner {
    key: AccessKey,
    listen: IpAddr,
    database: Database,
    stopped: watch::Receiver<bool>,
    is_open: AtomicBool,
    /// The names by which `switchboard env --host` made this machine known.
    hosts: Mutex<HashSet<String>>,
    table_url: OnceCell<String>,
    running: TaskTracker,
}

/// The body of a request to [`PATH`].
#[derive(Default, Deserialize, Serialize)]
struct Ask {
    host: Option<String>,
}

/// The response to an [`Ask`].
#[derive(Deserialize, Serialize)]
struct Opened {
    database_url: String,
}

/// The reason why a request to a service is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum Refused {
    #[error("this service is closed; `--share` or `switchboard env` opens it")]
    Closed,
    #[error("requests of web pages are refused")]
    WebPage,
    #[error("this instance is not known by the host of the request; `switchboard env --host NAME` makes it so")]
    Host,
    #[error(transparent)]
    Signature(#[from] SignatureError),
    #[error("the body of the request is too large, or took too long")]
    Body,
}

impl Share {
    pub fn new(key: AccessKey, listen: IpAddr, database: &Database, stopped: watch::Receiver<bool>) -> Self {
        Self(Arc::new(Inner {
            key,
            listen,
            database: database.clone(),
            stopped,
            is_open: AtomicBool::new(false),
            hosts: Mutex::default(),
            table_url: OnceCell::new(),
            running: TaskTracker::new(),
        }))
    }

    /// Opens the services. Returns the URL of the table, which gets its port the first time.
    pub async fn open(&self) -> io::Result<String> {
        let url = self.0.table_url.get_or_try_init(|| self.serve_table()).await?;
        self.0.is_open.store(true, Relaxed);
        Ok(url.clone())
    }

    /// Resolves when the gateway has been told to stop, and the table's port is closed.
    pub(crate) async fn closed(self) {
        let _ = self.0.stopped.clone().wait_for(|stop| *stop).await;
        self.0.running.close();
        self.0.running.wait().await;
    }

    /// The body of a request that may call `service`, or the response that refuses it.
    pub(crate) async fn receive(
        &self,
        service: &str,
        request: Request,
        max_bytes: usize,
    ) -> Result<(Parts, Bytes), Response<Body>> {
        self.admit(service, request, max_bytes, self.0.is_open.load(Relaxed)).await.map_err(refuse)
    }

    /// Answers `switchboard env`, which opens the services.
    pub(crate) async fn serve(&self, request: Request) -> Response<Body> {
        let ask = match self.admit(SERVICE, request, MAX_ASK_BYTES, true).await {
            Ok((parts, body)) if parts.method == Method::POST => {
                serde_json::from_slice::<Ask>(&body).unwrap_or_default()
            }
            Ok(_) => return ServiceResponse::new(StatusCode::METHOD_NOT_ALLOWED, String::new()).into(),
            Err(refused) => return refuse(refused),
        };
        if let Some(host) = ask.host {
            self.0.hosts.lock().unwrap_or_else(PoisonError::into_inner).insert(host.to_ascii_lowercase());
        }
        match self.open().await {
            Ok(database_url) => {
                let opened = serde_json::to_string(&Opened { database_url }).unwrap_or_default();
                ServiceResponse::new(StatusCode::OK, opened).into()
            }
            Err(error) => {
                tracing::error!(%error, "opening a port for the table failed");
                let body = json!({ "message": "opening a port for the table failed" }).to_string();
                ServiceResponse::error(StatusCode::INTERNAL_SERVER_ERROR, "ServiceException", body).into()
            }
        }
    }

    async fn admit(
        &self,
        service: &str,
        request: Request,
        max_bytes: usize,
        is_open: bool,
    ) -> Result<(Parts, Bytes), Refused> {
        let (parts, body) = request.into_parts();
        if parts.headers.contains_key(ORIGIN) {
            return Err(Refused::WebPage);
        }
        if !self.is_known_as(&parts) {
            return Err(Refused::Host);
        }
        if !is_open {
            return Err(Refused::Closed);
        }
        let body = match http_server::body(body, max_bytes).await {
            Ok(body) => body,
            Err(BodyError::TooLarge | BodyError::TooSlow | BodyError::Broken) => return Err(Refused::Body),
        };
        self.0.key.verify(service, (&parts.method, &parts.uri, &parts.headers), &body)?;
        Ok((parts, body))
    }

    /// True if the request's host is this machine, the address that the instance listens on, or a name that
    /// `switchboard env --host` was given.
    fn is_known_as(&self, parts: &Parts) -> bool {
        let mut sent = parts.headers.get_all(HOST).iter();
        let (Some(host), None) = (sent.next(), sent.next()) else { return false };
        let Some(authority) = host.to_str().ok().and_then(|host| host.parse::<Authority>().ok()) else { return false };
        let name = authority.host().trim_matches(['[', ']']).to_ascii_lowercase();
        let hosts = self.0.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        match name.parse::<IpAddr>() {
            Ok(address) if address.is_loopback() || address == self.0.listen || self.0.listen.is_unspecified() => true,
            _ => name == "localhost" || hosts.contains(&name),
        }
    }

    /// Serves the table on a free port, on a thread of its own because the database blocks. Returns its URL.
    async fn serve_table(&self) -> io::Result<String> {
        let listener = TcpListener::bind((self.0.listen, 0)).await?;
        let url = format!("http://{}", reachable(listener.local_addr()?));
        let listener = listener.into_std()?;
        let share = self.clone();
        self.0.running.spawn_blocking(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let (database, stopped) = (share.database().clone(), share.0.stopped.clone());
            let admit = move |request| {
                let share = share.clone();
                async move { share.receive("dynamodb", request, dynamo::MAX_REQUEST_BYTES).await }
            };
            let serving = dynamo::serve(listener, database, admit, stopped);
            let outcome = runtime.and_then(|runtime| runtime.block_on(serving));
            if let Err(error) = outcome {
                tracing::error!(%error, "the server of the embedded database stopped");
            }
        });
        Ok(url)
    }

    pub(crate) fn database(&self) -> &Database {
        &self.0.database
    }
}

fn refuse(refused: Refused) -> Response<Body> {
    let error_type = match refused {
        Refused::Closed | Refused::WebPage | Refused::Host => "AccessDeniedException",
        Refused::Signature(SignatureError::Missing) => "MissingAuthenticationTokenException",
        Refused::Signature(SignatureError::UnknownKey) => "UnrecognizedClientException",
        Refused::Signature(_) => "InvalidSignatureException",
        Refused::Body => {
            let body = json!({ "__type": "RequestTooLargeException", "message": refused.to_string() }).to_string();
            return ServiceResponse::error(StatusCode::PAYLOAD_TOO_LARGE, "RequestTooLargeException", body).into();
        }
    };
    let body = json!({ "__type": error_type, "message": refused.to_string() }).to_string();
    ServiceResponse::error(StatusCode::FORBIDDEN, error_type, body).into()
}

/// Asks the running instance of a data directory to open its services, also for processes that know this machine as
/// `host`. Returns its endpoints, the table's among them.
pub(crate) async fn ask(data_dir: &Path, host: Option<&str>) -> Result<Endpoints, Error> {
    let endpoints = data_dir::endpoints(data_dir)?;
    let key = data_dir::tokens(data_dir)?.access_key();
    let failed = |cause: String| Error::NotShared { url: endpoints.url.clone(), cause };
    let url = format!("{}{PATH}", endpoints.url);
    let uri: Uri = url.parse().map_err(|_| failed("it is no URL".to_owned()))?;
    let authority = uri.authority().map(ToString::to_string).unwrap_or_default();
    let body = json!(Ask { host: host.map(str::to_owned) }).to_string();
    // Without a proxy, since it is this machine.
    let http = reqwest::Client::builder().no_proxy().build().map_err(Error::http)?;
    let mut request = http.post(&url);
    for (name, value) in key.sign(SERVICE, (&Method::POST, &uri, &[("host", &authority)]), body.as_bytes()) {
        request = request.header(name, value);
    }
    let sent = async { request.body(body).send().await?.error_for_status()?.json::<Opened>().await };
    let opened = sent.await.map_err(|error| failed(innermost(&error)))?;
    Ok(Endpoints { database_url: Some(opened.database_url), ..endpoints })
}
