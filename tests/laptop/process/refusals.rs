//! Commands that fail, and their error messages.

use tempfile::tempdir;
use tokio::net::TcpListener;

use super::{Laptop, complaint, switchboard};

#[tokio::test]
async fn a_second_process_on_the_same_data_is_told_so() {
    let folder = tempdir().unwrap();
    let _first = Laptop::start(folder.path()).await;
    let said = complaint(switchboard(folder.path()).args(["--port", "0"])).await;
    let folder = folder.path().display();
    assert_eq!(
        said,
        format!(
            "switchboard: another switchboard is using {folder}; \
             stop it first, or choose another directory with --data-dir"
        )
    );
}

#[tokio::test]
async fn a_taken_port_that_was_asked_for_is_an_error() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let folder = tempdir().unwrap();
    let said = complaint(switchboard(folder.path()).args(["--port", &port])).await;
    assert_eq!(said, format!("switchboard: port {port} is in use; choose another with --port"));
}

#[tokio::test]
async fn a_taken_port_that_nobody_asked_for_gives_way_to_the_next() {
    // The port is taken, by this listener or by another program.
    let _taken = TcpListener::bind("127.0.0.1:3000").await;
    let folder = tempdir().unwrap();
    let laptop = Laptop::ready(&mut switchboard(folder.path())).await;
    let port: u16 = laptop.url.rsplit(':').next().unwrap().parse().unwrap();
    assert!((3001..3100).contains(&port), "{port}");
    let first = laptop.introduction.lines().next().unwrap();
    assert_eq!(first, format!("Switchboard is listening on http://127.0.0.1:{port} (port 3000 is in use)"));
}

#[tokio::test]
async fn exports_need_a_running_instance() {
    let folder = tempdir().unwrap();
    let said = complaint(switchboard(folder.path()).arg("env")).await;
    assert!(said.contains("no switchboard is running on"), "{said}");

    let laptop = Laptop::start(folder.path()).await;
    laptop.ended_by("TERM").await;
    let said = complaint(switchboard(folder.path()).arg("env")).await;
    assert!(said.contains("no switchboard is running on"), "{said}");
}

#[tokio::test]
async fn a_wrong_variable_is_named() {
    let folder = tempdir().unwrap();
    let said = complaint(switchboard(folder.path()).env("OPENAI_MEMORY", "elephant")).await;
    assert_eq!(said, "switchboard: OPENAI_MEMORY must be conversation or local, not elephant");
    let said = complaint(switchboard(folder.path()).env("OPENAI_HISTORY_TOKENS", "999")).await;
    assert_eq!(said, "switchboard: OPENAI_HISTORY_TOKENS must be a number of at least 1000, not 999");
    let said = complaint(switchboard(folder.path()).env("PERSON_WAIT_SECONDS", "601")).await;
    assert_eq!(said, "switchboard: PERSON_WAIT_SECONDS must be a whole number from 0 to 600, not 601");
    let said = complaint(switchboard(folder.path()).env("CUSTOMERS_MAY_DELETE", "yes")).await;
    assert_eq!(said, "switchboard: CUSTOMERS_MAY_DELETE must be true or false, not yes");
    let provider = [("JWT_ISSUER", "https://id.example"), ("JWT_AUDIENCE", "chat")];
    let said = complaint(switchboard(folder.path()).envs(provider)).await;
    assert_eq!(said, "switchboard: set either JWT_SECRET (HS256) or JWT_JWKS_URL (RS256, ES256, EdDSA)");
}
