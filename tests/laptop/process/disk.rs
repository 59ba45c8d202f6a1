//! A table whose file fails: a full disk, and a damaged file.

use reqwest::Method;
use serde_json::json;
use tempfile::tempdir;
use tokio::process::Command;

use super::{Laptop, complaint, switchboard};
use tests::runtime_api::binary;

/// The largest file that the process may write, in blocks of 512 bytes: 2 MB stand in for a full disk.
const FILE_BLOCKS: usize = 4096;

/// A file that cannot grow any more refuses messages with 503 and the reason, and keeps those that it accepted.
#[tokio::test]
async fn a_full_disk_is_said_and_loses_no_acknowledged_message() {
    let folder = tempdir().unwrap();
    let plain = switchboard(folder.path());
    let mut limited = Command::new("sh");
    // The signal would end the process, where a full disk returns an error.
    let script = format!("trap '' XFSZ; ulimit -f {FILE_BLOCKS}; exec \"$0\" --data-dir \"$1\" --port 0");
    limited.args(["-c", &script]).arg(binary("switchboard")).arg(folder.path()).kill_on_drop(true);
    for (name, value) in plain.as_std().get_envs() {
        match value {
            Some(value) => limited.env(name, value),
            None => limited.env_remove(name),
        };
    }
    let laptop = Laptop::ready(&mut limited).await;
    let (customer, thread) = (laptop.variable("CUSTOMER").to_owned(), laptop.thread().await);
    laptop.request(Method::POST, &format!("/threads/{thread}/escalate"), &customer, Some(json!({}))).await;
    let mut acknowledged = Vec::new();
    let refused = loop {
        let client_id = format!("message-{}", acknowledged.len());
        let body = json!({ "text": "x".repeat(30_000), "client_id": client_id });
        let path = format!("/threads/{thread}/chat");
        match laptop.request(Method::POST, &path, &customer, Some(body)).await {
            (200 | 202, _) => acknowledged.push(client_id),
            refused => break refused,
        }
        assert!(acknowledged.len() < 1_000, "the limit of the file's size has no effect");
    };
    assert_eq!((refused.0, &refused.1["code"]), (503, &json!("busy")), "{}", refused.1);
    let detail = refused.1["detail"].as_str().unwrap();
    assert!(detail.contains("disk") && detail.contains("full"), "{detail}");
    assert!(acknowledged.len() > 5, "{acknowledged:?}");
    // Reads go on.
    assert_eq!(laptop.get(&format!("/threads/{thread}"), &customer).await["status"], "queued");
    laptop.ended_by("KILL").await;

    let laptop = Laptop::start(folder.path()).await;
    let log = laptop.log(&thread, &customer).await;
    for client_id in acknowledged {
        assert_eq!(log.iter().filter(|message| message["client_id"] == client_id).count(), 1, "{client_id}");
    }
}

#[tokio::test]
async fn a_damaged_table_is_said_at_the_start() {
    let folder = tempdir().unwrap();
    std::fs::write(folder.path().join("table.sqlite"), "This is no database. ".repeat(500)).unwrap();
    let said = complaint(switchboard(folder.path()).args(["--port", "0"])).await;
    assert!(said.contains("the table's file is no database; `--reset` starts with an empty one"), "{said}");
    let laptop = Laptop::ready(switchboard(folder.path()).args(["--port", "0", "--reset"])).await;
    laptop.answer().await;
}
