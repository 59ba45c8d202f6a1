//! `cargo lambda`: its real `watch` and `invoke` play every sample event, as `switchboard event` prints it, through the
//! built binaries against a running laptop.
//!
//! `watch` gets `--only-lambda-apis`, so that it does not build once more what is built; the functions are started
//! here.

use std::{collections::BTreeSet, env, ffi::OsString, path::Path, process::Stdio, time::Duration};

use local::{Options, demo::ModelChoice};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    net::TcpListener,
    process::{Child, Command},
    time::timeout,
};

use super::{
    names, payload,
    player::{FUNCTIONS, exports, function_of},
};
use tests::{persona::Persona, runtime_api::binary, stage::Stage};

/// Nothing takes this long unless it hangs.
const TIMEOUT: Duration = Duration::from_mins(1);

/// Every event, in an order in which each has what it needs.
const EVENTS: [&str; 40] = [
    "authorizer-rest",
    "authorizer-socket",
    "chatbot-list",
    "chatbot-get",
    "chatbot-profile",
    "visitor-create",
    "visitor-try",
    "visitor-merge",
    "thread-create",
    "thread-get",
    "thread-update",
    "socket-connect",
    "socket-subscribe",
    "socket-typing",
    "socket-read",
    "socket-ping",
    "socket-default",
    "socket-unsubscribe",
    "socket-disconnect",
    "chat",
    "chat-ui",
    "chat-ui-stream",
    "chat-agui",
    "thread-messages",
    "handoff-escalate",
    "thread-list",
    "handoff-claim",
    "handoff-release",
    "chat-run",
    "sweep",
    "chat-end",
    "customer-erase",
    "customer-erasure",
    "customer-usage",
    "customer-export",
    "thread-delete",
    "customer-audit",
    "chatbot-create",
    "chatbot-update",
    "chatbot-delete",
];

/// A running `cargo lambda watch` with every function. Dropping it kills its processes.
struct Watch {
    program: OsString,
    port: String,
    stage: Stage,
    data_dir: TempDir,
    _processes: Vec<Child>,
}

impl Watch {
    /// `None` without `CARGO_LAMBDA`, which names the program `cargo-lambda`; `cargo xtask test` sets it.
    async fn start() -> Option<Self> {
        let program = env::var_os("CARGO_LAMBDA")?;
        let data_dir = tempfile::tempdir().unwrap();
        let stage =
            Stage::with(Options { data_dir: Some(data_dir.path().to_owned()), share: true, ..Options::default() })
                .await;
        stage.board.demo(ModelChoice::default()).await.unwrap();

        let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let port = free.port().to_string();
        let mut watch = Command::new(&program);
        watch.args(["lambda", "watch", "--only-lambda-apis", "-A", "127.0.0.1", "-P", &port]);
        let mut processes = vec![started(&mut watch, "starting Runtime server").await];
        let exports = exports(data_dir.path()).await;
        for function in FUNCTIONS.into_iter().chain(["authorizer"]) {
            let child = Command::new(binary(function))
                .envs(exports.iter().cloned())
                .env("AWS_LAMBDA_RUNTIME_API", format!("http://{free}/.rt/{function}"))
                .env("AWS_LAMBDA_FUNCTION_NAME", function)
                .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
                .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512")
                .kill_on_drop(true)
                .spawn();
            processes.push(child.unwrap());
        }
        Some(Self { program, port, stage, data_dir, _processes: processes })
    }

    /// The customer of the events.
    fn cara(&self) -> Persona {
        self.stage.persona("acme", "customer", "cara")
    }

    /// A thread with a message for the bot, whose invocation got lost: the sweep has it answered.
    async fn leaves_a_message_due(&self) -> String {
        let threads = self.cara().get("/threads").await.expect(200).body;
        let thread = threads["data"][0]["id"].as_str().unwrap();
        self.stage.agent().claims(thread).await.expect(200);
        self.cara().says(thread, "Still there?").await.expect(202);
        self.stage.releases_unheard(thread).await;
        thread.to_owned()
    }

    /// The event with the ids and the token of the laptop.
    async fn event(&self, name: &str) -> String {
        let mut switchboard = Command::new(binary("switchboard"));
        switchboard.arg("event").arg(name).arg("--data-dir").arg(self.data_dir.path());
        printed(&mut switchboard).await
    }

    /// The status with which `watch` answers the request that `cargo lambda invoke` sends.
    async fn posts(&self, name: &str) -> u16 {
        let url = format!("http://127.0.0.1:{}/2015-03-31/functions/{}/invocations", self.port, function_of(name));
        let request = reqwest::Client::new().post(url).body(self.event(name).await).timeout(TIMEOUT);
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        response.bytes().await.unwrap();
        status
    }

    /// The output of `cargo lambda invoke`.
    async fn invokes(&self, name: &str) -> String {
        let file = self.data_dir.path().join(format!("{name}.json"));
        std::fs::write(&file, self.event(name).await).unwrap();
        let mut invoke = Command::new(&self.program);
        invoke.args(["lambda", "invoke", function_of(name), "-A", "127.0.0.1", "-P", &self.port, "--data-file"]);
        printed(invoke.arg(&file)).await
    }
}

/// Starts a program, and returns once it has printed a line with `ready`.
async fn started(command: &mut Command, ready: &str) -> Child {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let seen = timeout(TIMEOUT, async {
        while let Some(line) = lines.next_line().await.unwrap() {
            if line.contains(ready) {
                return true;
            }
        }
        false
    });
    assert!(seen.await.expect("it gets ready"), "it ended without the line: {ready}");
    // A program that cannot write ends.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    child
}

async fn printed(command: &mut Command) -> String {
    let output = timeout(TIMEOUT, command.stdin(Stdio::null()).kill_on_drop(true).output());
    let output = output.await.expect("it ends by itself").unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The status that the golden file of the event has.
fn golden_status(name: &str) -> Option<u16> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/events/golden").join(name).with_extension("snap");
    let golden = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    payload::status(&golden)
}

#[tokio::test]
async fn cargo_lambda_answers_every_event_as_its_golden_file_says() {
    let all: BTreeSet<_> = names(|_| true).into_iter().collect();
    assert_eq!(all, EVENTS.map(str::to_owned).into(), "every event is played");
    let Some(watch) = Watch::start().await else { return };
    for name in EVENTS {
        let due = if name == "sweep" { Some(watch.leaves_a_message_due().await) } else { None };
        let streams = ["chat", "customer"].contains(&function_of(name));
        if streams {
            // `watch` makes HTTP of a stream, of which `invoke` prints the body alone.
            assert_eq!(Some(watch.posts(name).await), golden_status(name), "{name}");
            // `invoke` of cargo-lambda 1.9 takes the body of any other status for an error of Lambda's.
            if golden_status(name) != Some(200) {
                continue;
            }
        }
        let printed = watch.invokes(name).await;
        if !streams {
            assert_eq!(payload::status(&printed), golden_status(name), "{name}: {printed}");
        }
        // Under a deadline in 1970, the bot would have handed the customer to a person, and the sweep done nothing.
        if name == "chat" {
            assert!(printed.contains("stand-in, not a model"), "{printed}");
        }
        if let Some(thread) = due {
            watch.stage.board.invocations().finished().await;
            assert_eq!(watch.cara().log(&thread).await.last().unwrap()["role"], "bot");
        }
    }
}
