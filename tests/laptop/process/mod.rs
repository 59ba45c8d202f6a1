//! The process `switchboard`: its output, its exit, and the data that it keeps.

mod crash;
mod demo_model;
mod disk;
mod doctor;
mod heavy_model;
mod inspection;
mod local_invocation;
mod model_server;
mod refusals;
mod start;
mod upstream;

use std::{
    path::Path,
    process::{ExitStatus, Output, Stdio},
    sync::Mutex,
    time::Duration,
};

use reqwest::Method;
use serde_json::{Value, json};
use tempfile::NamedTempFile;
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStdout, Command},
};

use tests::{
    log_privacy::{PrivateTexts, shown_in_file},
    runtime_api::binary,
};

/// Timeout: nothing takes this long unless it hangs.
pub(super) const TIMEOUT: Duration = Duration::from_mins(1);

/// A running `switchboard`. Dropping it kills it.
pub(super) struct Laptop {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    /// Everything that it printed until it was ready.
    pub(super) introduction: String,
    url: String,
    http: reqwest::Client,
    /// Its standard error.
    logs: NamedTempFile,
    /// Texts that its log must not show: what was said, and answered.
    private_texts: Mutex<PrivateTexts>,
}

/// The command `switchboard` on a folder, without the variables of this process's environment that it would read.
fn switchboard(data_dir: &Path) -> Command {
    let mut command = Command::new(binary("switchboard"));
    for name in [
        "OPENAI_API_KEY",
        "OPENAI_BASE_URL",
        "OPENAI_MEMORY",
        "OPENAI_HISTORY_TOKENS",
        "OPENAI_MODEL",
        "PERSON_WAIT_SECONDS",
        "CUSTOMERS_MAY_DELETE",
        "JWT_ISSUER",
        "JWT_JWKS_URL",
        "JWT_SECRET",
        "RUST_LOG",
    ] {
        command.env_remove(name);
    }
    command.arg("--data-dir").arg(data_dir).stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// The output of a command that ends by itself.
async fn run(command: &mut Command) -> Output {
    tokio::time::timeout(TIMEOUT, command.output()).await.expect("it ends by itself").unwrap()
}

/// The standard output of a command that succeeds.
async fn printed(command: &mut Command) -> String {
    let output = run(command).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

/// The error message of a command that fails.
async fn complaint(command: &mut Command) -> String {
    let output = run(command).await;
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8(output.stderr).unwrap().trim_end().to_owned()
}

impl Laptop {
    /// Starts on a free port.
    pub(super) async fn start(data_dir: &Path) -> Self {
        Self::ready(switchboard(data_dir).args(["--port", "0"])).await
    }

    /// Starts the command and reads its output until it is ready.
    async fn ready(command: &mut Command) -> Self {
        let logs = NamedTempFile::new().unwrap();
        let mut child = command.stdout(Stdio::piped()).stderr(logs.reopen().unwrap()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut introduction = String::new();
        while !introduction.ends_with("Ctrl-C ends it.\n") {
            let line = tokio::time::timeout(TIMEOUT, lines.next_line()).await.expect("it prints that it is ready");
            let Some(line) = line.unwrap() else {
                panic!("it runs until it is told to stop; its log: {}", std::fs::read_to_string(&logs).unwrap());
            };
            introduction.push_str(&line);
            introduction.push('\n');
        }
        let url = introduction.split_whitespace().find(|word| word.starts_with("http://")).unwrap().to_owned();
        let private_texts = Mutex::default();
        Self { child, lines, introduction, url, http: reqwest::Client::new(), logs, private_texts }
    }

    /// The value of `NAME=value` among the printed lines.
    fn variable(&self, name: &str) -> &str {
        let value = |line: &'_ str| line.strip_prefix(name)?.strip_prefix('=').map(str::len);
        let line = self.introduction.lines().find(|line| value(line).is_some());
        &line.unwrap_or_else(|| panic!("no {name} in {}", self.introduction))[name.len() + 1..]
    }

    async fn request(&self, method: Method, path: &str, token: &str, body: Option<Value>) -> (u16, Value) {
        let request = self.http.request(method, format!("{}{path}", self.url)).bearer_auth(token).timeout(TIMEOUT);
        let request = if let Some(body) = &body { request.json(body) } else { request };
        let answer = request.send().await.unwrap();
        let (status, answer) = (answer.status().as_u16(), answer.json().await.unwrap());
        let mut texts = self.private_texts.lock().unwrap();
        texts.add_token(token);
        // An error's text tells the fault, not what people said.
        [body.as_ref(), (status < 400).then_some(&answer)].into_iter().flatten().for_each(|value| texts.add(value));
        (status, answer)
    }

    async fn get(&self, path: &str, token: &str) -> Value {
        let (status, body) = self.request(Method::GET, path, token, None).await;
        assert_eq!(status, 200, "{body}");
        body
    }

    /// The printed problems, one line each.
    fn problems(&self) -> Vec<&str> {
        let lines = self.introduction.lines().skip_while(|line| *line != "Needs attention:").skip(1);
        lines.map_while(|line| line.strip_prefix("  - ")).collect()
    }

    /// The value of a row of the printed table.
    fn row(&self, name: &str) -> &str {
        let row = self.introduction.lines().find_map(|line| line.trim_start().strip_prefix(name));
        row.unwrap_or_else(|| panic!("no {name} in {}", self.introduction)).trim()
    }

    /// The whole log of a thread, oldest first.
    async fn log(&self, thread: &str, token: &str) -> Vec<Value> {
        let mut log: Vec<Value> = Vec::new();
        loop {
            let after = log.last().map_or(0, |last| last["seq"].as_u64().unwrap());
            let page = self.get(&format!("/threads/{thread}/messages?after={after}&limit=100"), token).await;
            log.extend(page["data"].as_array().unwrap().iter().cloned());
            if page["next_cursor"].is_null() {
                return log;
            }
        }
    }

    /// Creates a thread of the token's customer with the demo chatbot; returns its id.
    async fn thread(&self) -> String {
        let bots = self.get("/chatbots", self.variable("ADMIN")).await;
        let body = json!({ "chatbot_id": bots["data"][0]["id"] });
        let (status, thread) = self.request(Method::POST, "/threads", self.variable("CUSTOMER"), Some(body)).await;
        assert_eq!(status, 201, "{thread}");
        thread["id"].as_str().unwrap().to_owned()
    }

    /// The demo chatbot's answer in a new thread.
    async fn answer(&self) -> String {
        let config: Value =
            self.http.get(format!("{}/config.json", self.url)).send().await.unwrap().json().await.unwrap();
        let (customer, body) = (self.variable("CUSTOMER"), json!({ "chatbot_id": config["demo"]["chatbot_id"] }));
        let (status, thread) = self.request(Method::POST, "/threads", customer, Some(body)).await;
        assert_eq!(status, 201, "{thread}");
        let path = format!("/threads/{}/chat", thread["id"].as_str().unwrap());
        let (status, answer) =
            self.request(Method::POST, &path, customer, Some(json!({ "text": "Who are you?" }))).await;
        assert_eq!(status, 200, "{answer}");
        answer["reply"]["text"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    }

    /// Sends a signal, such as `INT`, and waits for the exit. Returns the rest of the output, and the exit status.
    async fn ended_by(mut self, signal: &str) -> (String, ExitStatus) {
        let pid = self.child.id().unwrap().to_string();
        assert!(Command::new("kill").args(["-s", signal, &pid]).status().await.unwrap().success());
        let mut said = String::new();
        while let Some(line) =
            tokio::time::timeout(TIMEOUT, self.lines.next_line()).await.expect("it exits in time").unwrap()
        {
            said += &line;
            said += "\n";
        }
        (said, self.child.wait().await.unwrap())
    }
}

impl Drop for Laptop {
    /// Verifies that the process has logged no private text; shows its log where a test fails.
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", std::fs::read_to_string(&self.logs).unwrap_or_default());
            return;
        }
        let shown = shown_in_file(&self.private_texts.lock().unwrap(), self.logs.path());
        assert_eq!(shown, Vec::<String>::new(), "private texts in the log of the process");
    }
}
