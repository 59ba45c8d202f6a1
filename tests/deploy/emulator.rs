//! An emulator of AWS as a process of its own.

use std::{ffi::OsStr, io, net::TcpListener, process::Stdio, time::Duration};

use reqwest::Client;
use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    net::unix::pipe,
    process::{Child, Command},
    time::timeout,
};

/// The longest time for a start or a request: nothing takes this long unless it hangs.
const TIMEOUT: Duration = Duration::from_mins(1);
/// Both emulators read the service and the region from here, and check no more of it.
const AUTHORIZATION: &str = "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20261129/eu-central-1/dynamodb/\
                             aws4_request, SignedHeaders=host, Signature=0";

/// A running emulator on a port of its own. Dropping it kills it.
pub(super) struct Emulator {
    pub(super) url: String,
    http: Client,
    _child: Child,
    /// Its home and the folder of its temporary files.
    _folder: TempDir,
}

impl Emulator {
    pub(super) async fn moto(program: &OsStr) -> Self {
        let mut command = Command::new(program);
        command.args(["-H", "127.0.0.1", "-p", "0"]);
        Self::start(command).await
    }

    /// `services`: their names, with commas. It takes port 0 for no choice, so a free port is looked up.
    pub(super) async fn ministack(program: &OsStr, services: &str) -> Self {
        Self::start(ministack(program, services)).await
    }

    /// A ministack that checks signatures and permissions. The key `test` is the account's root.
    pub(super) async fn ministack_with_permissions(program: &OsStr, services: &str) -> Self {
        let mut command = ministack(program, services);
        command.env("AUTH", "true");
        Self::start(command).await
    }

    /// Starts it and waits until it has printed its URL.
    async fn start(mut command: Command) -> Self {
        let folder = tempfile::tempdir().unwrap();
        command.env("HOME", folder.path()).env("TMPDIR", folder.path()).env("PYTHONUNBUFFERED", "1");
        // Both streams in one pipe.
        let (reader, writer) = io::pipe().unwrap();
        command.stdin(Stdio::null()).stdout(writer.try_clone().unwrap()).stderr(writer).kill_on_drop(true);
        let child = command.spawn().unwrap();
        // The command owns its ends of the pipe.
        drop(command);
        let output = pipe::Receiver::from_owned_fd(reader.into()).unwrap();
        let url = timeout(TIMEOUT, url_in(output)).await.expect("it says in time that it listens");
        Self { url, http: Client::new(), _child: child, _folder: folder }
    }

    /// Sends a request as the SDK does; returns the status and the JSON of the response.
    pub(super) async fn asks(&self, operation: &str, request: &Value) -> (u16, Value) {
        let request = self
            .http
            .post(&self.url)
            .timeout(TIMEOUT)
            .header("authorization", AUTHORIZATION)
            .header("content-type", "application/x-amz-json-1.0")
            .header("x-amz-target", format!("DynamoDB_20120810.{operation}"))
            .body(request.to_string());
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let text = response.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap_or_else(|error| panic!("{operation}: {status}, {error}: {text}")))
    }
}

fn ministack(program: &OsStr, services: &str) -> Command {
    let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    let mut command = Command::new(program);
    command.env("BIND_HOST", "127.0.0.1").env("GATEWAY_PORT", port.to_string()).env("SERVICES", services);
    command
}

/// The URL that the output names. What comes later is read and dropped, so that the process never waits.
async fn url_in(output: pipe::Receiver) -> String {
    const START: &str = "http://127.0.0.1:";
    let (mut lines, mut earlier) = (BufReader::new(output).lines(), Vec::new());
    while let Some(line) = lines.next_line().await.unwrap() {
        if let Some((_, rest)) = line.split_once(START) {
            let port: String = rest.chars().take_while(char::is_ascii_digit).collect();
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return format!("{START}{port}");
        }
        earlier.push(line);
    }
    panic!("it ended by itself:\n{}", earlier.join("\n"));
}
