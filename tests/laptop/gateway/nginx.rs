//! nginx in front of the gateway, as its package configures it: only `proxy_pass` is added.
//!
//! `NGINX_PROGRAM` names nginx; without it the test does nothing.

use std::{env, ffi::OsStr, fs, net::TcpListener, process::Stdio, time::Duration};

use reqwest::{Method, Response};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    time::timeout,
};

use tests::{persona::Persona, stage::Stage};

/// Timeout: nothing takes this long unless it hangs.
const TIMEOUT: Duration = Duration::from_secs(20);

/// A running nginx. Dropping it kills it.
struct Nginx {
    url: String,
    _child: Child,
    _folder: TempDir,
}

impl Nginx {
    /// Starts nginx in front of a URL. `directives` are lines of its `location`, beside `proxy_pass`.
    async fn start(program: &OsStr, url: &str, directives: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|name| format!("{name}_temp_path {}/{name};", folder.path().display()))
            .concat();
        // `sendfile`, `tcp_nopush` and `gzip` as in Debian's own file. The notice that it runs goes to the log.
        let configuration = format!(
            "daemon off; master_process off; pid {}/pid; error_log stderr notice; events {{}}
             http {{
               {temporary} access_log off; sendfile on; tcp_nopush on; gzip on;
               server {{ listen {address}; location / {{ proxy_pass {url}; {directives} }} }}
             }}",
            folder.path().display()
        );
        let file = folder.path().join("nginx.conf");
        fs::write(&file, configuration).unwrap();
        let mut nginx = Command::new(program);
        // The package's own log file belongs to root.
        nginx.arg("-c").arg(&file).args(["-e", "stderr"]).stdin(Stdio::null()).stderr(Stdio::piped());
        let mut child = nginx.kill_on_drop(true).spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut printed = String::new();
        // Logged once it listens.
        while !printed.contains("event method") {
            let line = timeout(TIMEOUT, log.next_line()).await.expect("nginx starts in time").unwrap();
            printed += &line.unwrap_or_else(|| panic!("nginx ended by itself: {printed}"));
        }
        tokio::spawn(async move { while let Ok(Some(_)) = log.next_line().await {} });
        Self { url: format!("http://{address}"), _child: child, _folder: folder }
    }
}

/// The routes that stream an answer, with a body for each, and the beginning of its last event.
fn requests(thread: &str) -> [(String, Value, &'static str); 3] {
    let part = json!({ "type": "text", "text": "Where is my parcel?" });
    let messages = json!([{ "id": "m1", "role": "user", "parts": [part] }]);
    let message = json!([{ "id": "m2", "role": "user", "content": "Where is my refund?" }]);
    [
        (format!("/threads/{thread}/chat"), json!({ "text": "Where is my order?" }), "event: done"),
        ("/chat".to_owned(), json!({ "id": thread, "messages": messages, "trigger": "submit-message" }), "[DONE]"),
        ("/agui".to_owned(), json!({ "threadId": thread, "runId": "one", "messages": message }), "RUN_FINISHED"),
    ]
}

async fn asks(customer: &Persona, path: &str, body: &Value) -> Response {
    let request = customer.request(Method::POST, path).header("accept", "text/event-stream").json(body);
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 200, "{path}");
    response
}

/// Reads on until the text is in what was read.
async fn reads_until(response: &mut Response, read: &mut String, text: &str) {
    while !read.contains(text) {
        let chunk = response.chunk().await.unwrap().unwrap_or_else(|| panic!("no {text} in {read}"));
        *read += std::str::from_utf8(&chunk).unwrap();
    }
}

#[tokio::test]
async fn nginx_passes_the_first_word_on_before_the_answer_is_complete() {
    let Some(program) = env::var_os("NGINX_PROGRAM") else { return };
    let stage = Stage::start().await;
    let nginx = Nginx::start(&program, stage.board.url(), "").await;
    let customer = Persona::of(&nginx.url, "", stage.customer().token);
    for (path, body, end) in requests(&stage.thread().await) {
        let hold = stage.standin().hold("POST", "/v1/responses", 1);
        let (mut response, mut read) = (asks(&customer, &path, &body).await, String::new());
        let first_word = reads_until(&mut response, &mut read, "delta");
        timeout(TIMEOUT, first_word).await.unwrap_or_else(|_| panic!("{path}: no word came, only {read}"));
        hold.release();
        reads_until(&mut response, &mut read, end).await;
    }
}

/// The counterpart: the same nginx, which does not read our header, passes nothing on before the answer is complete.
#[tokio::test]
async fn nginx_collects_the_answer_without_the_header() {
    let Some(program) = env::var_os("NGINX_PROGRAM") else { return };
    let stage = Stage::start().await;
    let nginx = Nginx::start(&program, stage.board.url(), "proxy_ignore_headers X-Accel-Buffering;").await;
    let customer = Persona::of(&nginx.url, "", stage.customer().token);
    for (path, body, _) in requests(&stage.thread().await) {
        let hold = stage.standin().hold("POST", "/v1/responses", 1);
        let mut answer = Box::pin(async {
            let (mut response, mut read) = (asks(&customer, &path, &body).await, String::new());
            reads_until(&mut response, &mut read, "delta").await;
        });
        tokio::select! {
            () = &mut answer => panic!("{path}: nginx no longer waits for the whole answer"),
            () = hold.begun() => {}
        }
        // However slow the machine is, nothing comes: a longer wait would only be more certain.
        assert!(timeout(Duration::from_secs(1), &mut answer).await.is_err(), "{path}: nginx does not collect any more");
        hold.release();
        answer.await;
    }
}
