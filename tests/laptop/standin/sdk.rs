//! OpenAI's own Python SDK against the stand-in.

use std::{env, ffi::OsString, process::Stdio};

use tokio::process::Command;

use super::Server;
use tests::openai_schema::validate_request;

/// `OPENAI_PYTHON` names a Python that has the `openai` package; without it the test does nothing.
#[tokio::test]
async fn the_python_sdk_drives_the_stand_in() {
    let Some(python) = env::var_os("OPENAI_PYTHON") else {
        return;
    };
    let server = Server::start().await;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/laptop/standin/openai_sdk.py");
    let base = format!("http://{}/v1", server.address);
    let arguments: [OsString; 2] = [script.into(), base.into()];
    let run = Command::new(python).args(arguments).stdin(Stdio::null()).output().await.unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));

    let counts = server.standin.counts();
    assert_eq!((counts.conversations, counts.items, counts.responses), (0, 0, 0));
    for request in server.standin.requests() {
        validate_request(&request.path, &request.method, &request.body);
    }
}
