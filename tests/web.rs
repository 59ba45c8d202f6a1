//! The client and the Vercel AI SDK's transport, as Node and a browser run them, against a Switchboard of their own.
//!
//! The scripts are in `tests/web`. `NODE_TOOLS` names a folder whose `node_modules` they need, `CHROMIUM` a browser; without
//! them there is nothing to run.

use std::{env, process::Stdio, time::Duration};

use local::Options;
use tokio::{process::Command, time::timeout};

use crate::personas::World;

/// A script that hangs is a failure.
const PATIENCE: Duration = Duration::from_mins(5);

/// Runs a script's tests; what it has to say is shown where one fails.
async fn run(script: &str) {
    run_with(script, &[]).await;
}

/// One that needs a browser too.
async fn run_in_browser(script: &str) {
    if env::var_os("CHROMIUM").is_some() {
        run(script).await;
    }
}

async fn run_with(script: &str, settings: &[(&str, &str)]) {
    let Some(tools) = env::var_os("NODE_TOOLS") else { return };
    let world = World::with(Options::default()).await;
    let mut node = Command::new("node");
    node.arg("--test-reporter=spec")
        .arg(format!("{}/web/{script}", env!("CARGO_MANIFEST_DIR")))
        .env("NODE_TOOLS", tools)
        .env("SWITCHBOARD_URL", world.board.url())
        .env("SWITCHBOARD_SOCKET", world.board.socket_url())
        .env("CUSTOMER", world.board.token("acme", "customer", "cus"))
        .env("AGENT", world.board.token("acme", "agent", "ana"))
        .env("ADMIN", world.board.token("acme", "admin", "root"))
        .envs(settings.iter().copied())
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let ran = timeout(PATIENCE, node.output()).await.expect("it hangs").unwrap();
    assert!(ran.status.success(), "{}{}", String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
}

#[tokio::test]
async fn the_ai_sdk_streams_a_reply() {
    run("ai.test.mjs").await;
}

#[tokio::test]
async fn the_client_hears_each_message_once_and_in_order() {
    run("client.test.mjs").await;
}

/// Without settings the script loses ten thousand sockets of two hundred clients.
#[tokio::test]
async fn the_client_ends_with_the_log_however_often_its_socket_is_lost() {
    run_with("churn.mjs", &[("CLIENTS", "40"), ("THREADS", "5"), ("DISCONNECTS", "600"), ("ROUNDS", "4")]).await;
}
