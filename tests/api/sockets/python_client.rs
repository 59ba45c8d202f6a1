//! The reference client of `docs/clients.md`, in Python.

use std::{env, fs, process::Stdio};

use local::Options;
use serde_json::json;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
};

use crate::api::snippets::block;
use tests::stage::Stage;

/// `OPENAI_PYTHON` names a Python that has the packages `httpx` and `websockets`; without it the test does nothing.
#[tokio::test]
async fn the_reference_client_ends_with_the_log_whatever_the_network_does() {
    let Some(python) = env::var_os("OPENAI_PYTHON") else { return };
    let stage = Stage::with(Options::default()).await;
    let mut churn = Command::new(python);
    churn
        .arg("-B")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/api/sockets/python_client.py"))
        .env("SWITCHBOARD_URL", stage.board.url())
        .env("SWITCHBOARD_SOCKET", stage.board.socket_url())
        .env("JWT_SECRET", stage.board.tokens().secret())
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = churn.output().await.unwrap();
    let printed = [&output.stdout, &output.stderr].map(|printed| String::from_utf8_lossy(printed).into_owned());
    assert!(output.status.success(), "{}", printed.concat());
    println!("{}", printed[0]);
}

#[tokio::test]
async fn the_lines_of_the_docs_print_what_is_said() {
    let Some(python) = env::var_os("OPENAI_PYTHON") else { return };
    let stage = Stage::start().await;
    let thread = stage.thread().await;
    let folder = tempfile::tempdir().unwrap();
    fs::copy(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/client.py"), folder.path().join("client.py")).unwrap();
    fs::write(folder.path().join("chat.py"), block("clients.md", "python")).unwrap();
    let mut chat = Command::new(python);
    chat.args(["-Bu", "chat.py"]).current_dir(&folder).stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
    chat.env("URL", stage.board.url()).env("THREAD", &thread).env("CUSTOMER", stage.customer().token.unwrap());
    let mut chat = chat.spawn().unwrap();
    let mut lines = BufReader::new(chat.stdout.take().unwrap()).lines();
    assert_eq!(lines.next_line().await.unwrap().unwrap(), "1 customer Where is my order?");
    let reply = lines.next_line().await.unwrap().unwrap();
    assert!(reply.starts_with("2 bot "), "{reply}");
    // A person takes over.
    stage.agent().post(&format!("/threads/{thread}/chat"), json!({ "text": "Ana here." })).await.expect(202);
    assert_eq!(lines.next_line().await.unwrap().unwrap(), "3 system ");
    assert_eq!(lines.next_line().await.unwrap().unwrap(), "4 agent Ana here.");
}
