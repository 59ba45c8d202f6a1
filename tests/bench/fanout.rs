//! Fan-out: one message to a thousand sockets, and the memory of ten thousand, most of them idle.
//!
//! The listeners run in a process of their own, so that memory and CPU time are Switchboard's alone.

use std::{
    io::{BufRead, BufReader, Write, stdin},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use aws_smithy_runtime_api::client::{
    http::{HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector},
    orchestrator::HttpRequest,
    runtime_components::RuntimeComponents,
};
use futures::{SinkExt, StreamExt};
use local::{Options, SocketsWire, gateway::management::InProcess};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_tungstenite::{connect_async, tungstenite::client::IntoClientRequest};

use crate::{
    board::{Board, line, middle},
    cpu::{BOARD, resident, runtime, used_by},
};

/// The argument with which the bench starts itself again, to listen.
pub(crate) const LISTENERS: &str = "listeners";

const SOCKETS: usize = 1_000;
const IDLE: usize = 9_000;
const ROUNDS: u32 = 40;
const SLOW_ROUNDS: u32 = 9;
/// Time that API Gateway may take for a post.
const POST_DELAY: Duration = Duration::from_millis(20);

pub(crate) fn run() {
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    let delay = Arc::new(AtomicU64::new(0));
    let delayed = Arc::clone(&delay);
    let sockets = SocketsWire::new(move |end| Delayed { end, delay: delayed });
    let board = Board::start(Options { sockets, ..Options::default() });
    let token = board.switchboard.token("acme", "agent", "ana");
    let (customer, thread) = board.clients.block_on(async {
        let customer = board.switchboard.token("acme", "customer", "cus");
        let thread = board.thread(&customer, &board.chatbot().await).await;
        board.post(&token, &format!("/threads/{thread}/claim"), &json!({})).await;
        (customer, thread)
    });
    let alone = resident();
    let mut listeners = Listeners::start(&board, &customer, SOCKETS, &thread);
    let subscribed = resident();
    let broadcast = |listeners: &mut Listeners| {
        let begun = now();
        let (path, body) = (format!("/threads/{thread}/chat"), json!({ "text": "Ana here, one moment." }));
        let said = board.clients.block_on(board.post(&token, &path, &body));
        assert!(said["message"]["id"].is_string(), "{said}");
        listeners.heard_by_all().saturating_sub(begun)
    };
    for _ in 0..5 {
        broadcast(&mut listeners);
    }
    let before = used_by(BOARD);
    let last = middle((0..ROUNDS).map(|_| broadcast(&mut listeners)).collect());
    let delivery = used_by(BOARD).saturating_sub(before) / ROUNDS / u32::try_from(SOCKETS).unwrap_or(u32::MAX);
    delay.store(u64::try_from(POST_DELAY.as_millis()).unwrap_or(0), Relaxed);
    let slow = middle((0..SLOW_ROUNDS).map(|_| broadcast(&mut listeners)).collect());
    delay.store(0, Relaxed);

    println!("One message to {SOCKETS} sockets, through the SDK's own client:");
    line("CPU of a delivery, gateway and function together", delivery, Some(Duration::from_micros(60)));
    line("until the last socket has it, p50", last, Some(Duration::from_millis(120)));
    line("the same, if each post takes 20 ms", slow, Some(Duration::from_millis(250)));

    let _idle = Listeners::start(&board, &customer, IDLE, "");
    let held = board.switchboard.connections().count();
    let each = |grown: usize, sockets: usize| format!("{} KB", grown.div_ceil(sockets * 1024));
    println!("\nMemory:");
    println!("  a subscribed socket   {}   (at most 24)", each(subscribed.saturating_sub(alone), SOCKETS));
    println!(
        "  each of {held} sockets, most of them idle   {}   (at most 24)",
        each(resident().saturating_sub(alone), held)
    );
    assert_eq!(held, SOCKETS + IDLE);
    drop(listeners);
    board.stop();
}

/// Time since 1970: the clock that two processes share.
fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// The process that holds the sockets. It prints `ready` when all are open, and for each message the time at which the
/// last of them received it.
struct Listeners {
    process: Child,
    said: BufReader<ChildStdout>,
    _open: ChildStdin,
}

impl Listeners {
    fn start(board: &Board, token: &str, sockets: usize, thread: &str) -> Self {
        let mut process = Command::new(std::env::current_exe().expect("a bench is a program"))
            .args([LISTENERS, &board.switchboard.socket_url(), token, &sockets.to_string(), thread])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the bench starts again");
        let said = BufReader::new(process.stdout.take().expect("piped"));
        let open = process.stdin.take().expect("piped");
        let mut listeners = Self { process, said, _open: open };
        assert_eq!(listeners.line(), "ready");
        listeners
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.said.read_line(&mut line).expect("a line");
        line.trim().to_owned()
    }

    /// The time at which the last socket received the next message.
    fn heard_by_all(&mut self) -> Duration {
        Duration::from_nanos(self.line().parse().expect("a time"))
    }
}

impl Drop for Listeners {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Runs the process of the listeners: `URL TOKEN SOCKETS [THREAD]`. It ends with its standard input.
pub(crate) fn listen(arguments: &[String]) {
    let [url, token, sockets, thread] = arguments else { panic!("listeners URL TOKEN SOCKETS THREAD") };
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    let sockets: usize = sockets.parse().expect("a number");
    let clients = runtime("listeners", 1);
    std::thread::spawn(|| {
        let _ = stdin().lines().count();
        std::process::exit(0);
    });
    clients.block_on(async {
        let (heard, mut all) = mpsc::unbounded_channel();
        for _ in 0..sockets {
            let mut request = url.as_str().into_client_request().expect("a URL");
            request.headers_mut().insert("authorization", format!("Bearer {token}").parse().expect("a header"));
            let (mut socket, _) = connect_async(request).await.expect("a socket");
            if !thread.is_empty() {
                let frame = json!({ "action": "subscribe", "thread_id": thread }).to_string();
                socket.send(frame.into()).await.expect("a frame is sent");
                socket.next().await.expect("subscribed").expect("a frame");
            }
            let heard = heard.clone();
            tokio::spawn(async move {
                while let Some(Ok(frame)) = socket.next().await {
                    let at = now();
                    let event: Value = serde_json::from_slice(&frame.into_data()).unwrap_or_default();
                    if event["type"] == "message.created" {
                        let _ = heard.send(at);
                    }
                }
            });
        }
        say("ready");
        let mut last = Duration::ZERO;
        for count in 1.. {
            last = last.max(all.recv().await.expect("a listener"));
            if count % sockets == 0 {
                say(&last.as_nanos().to_string());
            }
        }
    });
}

fn say(line: &str) {
    println!("{line}");
    let _ = std::io::stdout().flush();
}

/// A wire to the sockets that delays each post.
#[derive(Clone, Debug)]
struct Delayed {
    end: InProcess,
    /// Delay in milliseconds.
    delay: Arc<AtomicU64>,
}

impl HttpClient for Delayed {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Delayed {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (delay, end) = (self.delay.load(Relaxed), self.end.clone());
        if delay == 0 {
            return end.call(request);
        }
        HttpConnectorFuture::new(async move {
            tokio::time::sleep(Duration::from_millis(delay)).await;
            end.call(request).await
        })
    }
}
