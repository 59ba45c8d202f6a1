//! A Lambda Runtime API in this process, which plays events through the built function binaries: they poll it for
//! invocations, as they poll Lambda's.

pub mod answer;

pub use answer::{Answer, Failure, Outcome};
use std::{
    env,
    ffi::OsStr,
    fs,
    path::PathBuf,
    process::Command,
    sync::{Arc, OnceLock},
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use axum::{
    Router,
    extract::{Path, Request, State},
    http::{HeaderName, StatusCode},
    response::IntoResponse,
    routing::{get, post},
};
use serde_json::{Value, json};
use tempfile::NamedTempFile;
use tokio::{
    net::TcpListener,
    process::Child,
    sync::{Mutex, mpsc},
    task::JoinSet,
};

use crate::log_privacy::{PrivateTexts, shown_in_file};

/// A function's timeout for one event; it reads the deadline from `lambda-runtime-deadline-ms`.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The running process of a built function, with a Runtime API of its own. Dropping it kills the process.
pub struct FunctionProcess {
    child: Child,
    logs: NamedTempFile,
    events: mpsc::UnboundedSender<Event>,
    outcomes: mpsc::UnboundedReceiver<(Subject, Outcome)>,
    invocations: u64,
    private_texts: PrivateTexts,
    _server: JoinSet<()>,
}

/// The request id of the event that an outcome belongs to; a failed start has none.
type Subject = Option<String>;

struct Event {
    request_id: String,
    payload: String,
}

impl FunctionProcess {
    /// Starts the function `name` as Lambda does. It sees nothing of this process's environment: `envs` is its whole
    /// environment.
    pub async fn start<K, V>(name: &str, envs: impl IntoIterator<Item = (K, V)>) -> Self
    where
        K: AsRef<OsStr>,
        V: AsRef<OsStr>,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address").to_string();
        let (events, next) = mpsc::unbounded_channel();
        let (answered, outcomes) = mpsc::unbounded_channel();
        let api = Arc::new(RuntimeApi {
            function_arn: format!("arn:aws:lambda:eu-central-1:000000000000:function:{name}"),
            next: Mutex::new(next),
            answered,
        });
        let mut server = JoinSet::new();
        server.spawn(async { axum::serve(listener, routes(api)).await.expect("it serves") });

        let logs = NamedTempFile::new().expect("a temporary file");
        let output = logs.reopen().expect("our own file opens");
        let child = tokio::process::Command::new(binary(deployed(name)))
            .env_clear()
            .env("_HANDLER", name)
            .env("AWS_LAMBDA_RUNTIME_API", address)
            .env("AWS_LAMBDA_FUNCTION_NAME", name)
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
            .env("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{name}"))
            .env("AWS_LAMBDA_LOG_STREAM_NAME", "test")
            .env("AWS_REGION", "eu-central-1")
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .envs(envs)
            .stdout(output.try_clone().expect("one more handle"))
            .stderr(output)
            .kill_on_drop(true)
            .spawn()
            .expect("the function starts");
        let private_texts = PrivateTexts::default();
        Self { child, logs, events, outcomes, invocations: 0, private_texts, _server: server }
    }

    /// Plays one event and waits for its outcome. One at a time, as Lambda does. The outcome of an earlier event that
    /// nobody waited for is dropped.
    pub async fn invoke(&mut self, event: &Value) -> Outcome {
        self.invocations += 1;
        self.private_texts.add(&json_or_text(event["body"].as_str().unwrap_or_default()));
        self.private_texts.add_token(event["headers"]["Authorization"].as_str().unwrap_or_default());
        let request_id = format!("00000000-0000-4000-8000-{:012}", self.invocations);
        let event = Event { request_id: request_id.clone(), payload: event.to_string() };
        self.events.send(event).expect("the Runtime API listens as long as this process is held");
        loop {
            tokio::select! {
                biased;
                Some((subject, outcome)) = self.outcomes.recv() => {
                    if subject.is_none_or(|subject| subject == request_id) {
                        return outcome;
                    }
                }
                status = self.child.wait() => {
                    return Err(Failure::Exited(status.expect("the child was ours to wait for")));
                }
            }
        }
    }

    /// Everything that the function has printed so far.
    pub fn logs(&self) -> String {
        fs::read_to_string(&self.logs).expect("logs are text")
    }
}

impl Drop for FunctionProcess {
    /// Verifies that the function has logged no private text of its events.
    fn drop(&mut self) {
        if !thread::panicking() {
            let shown = shown_in_file(&self.private_texts, self.logs.path());
            assert_eq!(shown, Vec::<String>::new(), "private texts in the log of the process");
        }
    }
}

struct RuntimeApi {
    function_arn: String,
    next: Mutex<mpsc::UnboundedReceiver<Event>>,
    answered: mpsc::UnboundedSender<(Subject, Outcome)>,
}

fn routes(api: Arc<RuntimeApi>) -> Router {
    Router::new()
        .route("/2018-06-01/runtime/init/error", post(init_error))
        .route("/2018-06-01/runtime/invocation/next", get(next))
        .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
        .route("/2018-06-01/runtime/invocation/{id}/error", post(invocation_error))
        .with_state(api)
}

async fn init_error(State(api): State<Arc<RuntimeApi>>, error: String) -> impl IntoResponse {
    api.answer(None, Err(Failure::Init(json_or_text(&error))))
}

/// The request for the next event, held open until there is one.
async fn next(State(api): State<Arc<RuntimeApi>>) -> impl IntoResponse {
    let Some(event) = api.next.lock().await.recv().await else {
        return Err(StatusCode::GONE);
    };
    let deadline = SystemTime::now() + TIMEOUT;
    let deadline = deadline.duration_since(UNIX_EPOCH).expect("after 1970").as_millis();
    let headers = [
        ("lambda-runtime-aws-request-id", event.request_id),
        ("lambda-runtime-deadline-ms", deadline.to_string()),
        ("lambda-runtime-invoked-function-arn", api.function_arn.clone()),
        ("lambda-runtime-trace-id", "Root=1-00000000-000000000000000000000000;Sampled=0".to_owned()),
    ];
    Ok((headers.map(|(name, value)| (HeaderName::from_static(name), value)), event.payload).into_response())
}

async fn response(State(api): State<Arc<RuntimeApi>>, Path(id): Path<String>, request: Request) -> impl IntoResponse {
    api.answer(Some(id), answer::read(request).await)
}

async fn invocation_error(
    State(api): State<Arc<RuntimeApi>>,
    Path(id): Path<String>,
    error: String,
) -> impl IntoResponse {
    api.answer(Some(id), Err(Failure::Invocation(json_or_text(&error))))
}

impl RuntimeApi {
    /// Passes on an outcome. Nobody may be waiting for it any more, because the test has ended.
    fn answer(&self, subject: Subject, outcome: Outcome) -> (StatusCode, &'static str) {
        let _ended = self.answered.send((subject, outcome));
        (StatusCode::ACCEPTED, r#"{"status":"OK"}"#)
    }
}

fn json_or_text(error: &str) -> Value {
    serde_json::from_str(error).unwrap_or_else(|_| json!(error))
}

/// The name of the binary that is deployed for a function. One that is not deployed has its own.
fn deployed(function: &str) -> &str {
    match function {
        "chat" | "chat-end" | "chatbot" | "customer" | "handoff" | "socket" | "sweep" | "thread" | "visitor" => {
            "bundle"
        }
        other => other,
    }
}

/// A binary of this name, in the folder that this test was built in and as new as the sources.
///
/// `cargo test` builds no plain binary of another package, so the first caller has cargo build them all: with the
/// features that `cargo test` resolves, so that nothing that is already compiled is compiled again.
pub fn binary(name: &str) -> PathBuf {
    static BUILT_INTO: OnceLock<PathBuf> = OnceLock::new();
    let folder = BUILT_INTO.get_or_init(|| {
        let test = env::current_exe().expect("a running test has a path");
        let folder = test.ancestors().nth(2).expect("it lies in target/PROFILE/deps");
        let profile = match folder.file_name().and_then(OsStr::to_str).expect("a profile's name") {
            "debug" => "dev",
            profile => profile,
        };
        let build = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--workspace", "--bins", "--tests", "--profile", profile])
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
            .status();
        assert!(build.expect("cargo starts").success(), "the functions do not build");
        folder.to_owned()
    });
    let binary = folder.join(name);
    assert!(binary.exists(), "{} is missing: is it built elsewhere, for another target?", binary.display());
    binary
}
