//! The reference client of `docs/clients.md`, in Python.

use std::{env, fs, process::Stdio};

use local::Options;
use tokio::process::Command;

use crate::api::snippets::{block, prints};
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
async fn the_reference_client_hears_the_bot_and_a_person() {
    let Some(python) = env::var_os("OPENAI_PYTHON") else { return };
    let stage = Stage::start().await;
    let thread = stage.thread().await;
    let folder = tempfile::tempdir().unwrap();
    fs::copy(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/client.py"), folder.path().join("client.py")).unwrap();
    let code = block("clients.md", "python", "the_reference_client_hears_the_bot_and_a_person");
    fs::write(folder.path().join("chat.py"), code).unwrap();
    let mut chat = Command::new(python);
    chat.args(["-Bu", "chat.py"]).current_dir(&folder);
    chat.env("URL", stage.board.url()).env("THREAD", &thread).env("CUSTOMER", stage.customer().token.unwrap());
    let takes_over = async {
        let mut socket = stage.agent().listens(&thread).await;
        while socket.hears_of("message.created").await["message"]["role"] != "bot" {}
        stage.agent().says(&thread, "Ana here.").await.expect(202);
    };
    let expected = ["1 customer Where is my order?", "2 bot ", "3 system ", "4 agent Ana here."];
    tokio::join!(prints(chat, &expected), takes_over);
}
