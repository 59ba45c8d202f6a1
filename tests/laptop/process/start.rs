//! Start, conversation, stop, and another start.

use reqwest::Method;
use serde_json::{Value, json};
use tempfile::tempdir;
use tokio::process::Command;

use super::{Laptop, printed, switchboard};

/// The lines between the tokens and the end, as a user would mark and paste them.
fn conversation(introduction: &str) -> &str {
    let start = introduction.find("URL=").expect("a conversation is printed");
    &introduction[start..introduction.find("\nCtrl-C").unwrap()]
}

/// Runs lines as bash does when they are pasted. Returns the response to each `curl`.
async fn pasted(lines: &str) -> Vec<Value> {
    let tools = Command::new("bash").args(["-c", "command -v curl sed"]).output().await;
    let tools = tools.is_ok_and(|tools| tools.status.success());
    assert!(tools, "COULD NOT RUN: the printed lines need bash, curl and sed (Debian: `apt-get install curl`)");
    let shell = Command::new("bash").args(["-euo", "pipefail", "-c", lines]).output().await.unwrap();
    assert!(shell.status.success(), "{}", String::from_utf8_lossy(&shell.stderr));
    let said = String::from_utf8(shell.stdout).unwrap();
    said.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

#[tokio::test]
async fn a_first_start_says_what_it_is_and_prints_a_conversation_that_works() {
    let folder = tempdir().unwrap();
    let laptop = Laptop::start(folder.path()).await;
    let said = &laptop.introduction;
    assert!(said.starts_with(&format!("Switchboard is listening on {}\n", laptop.url)), "{said}");
    let socket_url = format!("{}/ws", laptop.url.replace("http://", "ws://"));
    for part in ["exactly one of them holds the line", &socket_url, "a stand-in, not a model", "OPENAI_API_KEY"] {
        assert!(said.contains(part), "{part} is not in {said}");
    }
    for (name, status) in [("CUSTOMER", 403), ("AGENT", 200), ("ADMIN", 200)] {
        let listed = laptop.request(Method::GET, "/chatbots", laptop.variable(name), None).await;
        assert_eq!(listed.0, status, "{name}");
    }

    let answers = pasted(conversation(said)).await;
    assert_eq!(answers.len(), 4);
    assert_eq!(answers[0]["reply"]["role"], "bot");
    assert_eq!(answers[1]["thread"]["status"], "agent");
    let roles: Vec<_> = answers[2]["data"].as_array().unwrap().iter().map(|message| &message["role"]).collect();
    assert_eq!(roles, ["bot", "customer", "bot", "system", "agent"]);
    assert_eq!(answers[3]["status"], "ended");
}

#[tokio::test]
async fn a_second_start_finds_the_thread_its_log_and_the_old_tokens() {
    let folder = tempdir().unwrap();
    let first = Laptop::start(folder.path()).await;
    pasted(conversation(&first.introduction)).await;
    let customer = first.variable("CUSTOMER").to_owned();
    let threads = first.get("/threads", &customer).await;
    let thread = threads["data"][0]["id"].as_str().unwrap().to_owned();
    let log = first.log(&thread, &customer).await;

    let (said, status) = first.ended_by("INT").await;
    assert_eq!((said.trim(), status.code()), ("Stopping.", Some(0)));
    assert!(!folder.path().join("table.sqlite-wal").exists(), "the database was closed");

    let second = Laptop::start(folder.path()).await;
    assert_eq!(second.get("/threads", &customer).await, threads);
    assert_eq!(second.log(&thread, &customer).await, log);
    let bots = second.get("/chatbots", second.variable("ADMIN")).await;
    assert_eq!(bots["data"].as_array().unwrap().len(), 1, "the demo chatbot is created once");

    let (said, status) = second.ended_by("TERM").await;
    assert_eq!((said.trim(), status.code()), ("Stopping.", Some(0)));

    let emptied = Laptop::ready(switchboard(folder.path()).args(["--port", "0", "--reset"])).await;
    assert_eq!(emptied.get("/threads", &customer).await["data"], json!([]));
}

#[tokio::test]
async fn a_token_can_be_had_for_anybody() {
    let folder = tempdir().unwrap();
    let token = async |tenant: &str, role: &str| {
        let arguments = ["token", "--tenant", tenant, "--role", role, "--sub", "zoe"];
        printed(switchboard(folder.path()).args(arguments)).await
    };
    // The secret exists before the first start too: the first command that needs it creates it.
    let early = token("acme", "agent").await;
    let laptop = Laptop::start(folder.path()).await;
    laptop.get("/threads?status=queued", &early).await;
    assert_eq!(laptop.get("/chatbots", &token("other", "admin").await).await["data"], json!([]));
}

#[tokio::test]
async fn env_prints_exports_that_a_shell_takes() {
    let folder = tempdir().unwrap();
    let laptop = Laptop::start(folder.path()).await;
    let exports = printed(switchboard(folder.path()).arg("env")).await;
    let script = format!("{exports}\necho \"$TABLE $SOCKETS_URL $AWS_ENDPOINT_URL_DYNAMODB $OPENAI_BASE_URL\"");
    let values = printed(Command::new("bash").args(["-euc", &script])).await;
    let values: Vec<_> = values.split(' ').collect();
    assert_eq!(values[..2], ["switchboard", &laptop.url]);
    assert!(laptop.introduction.contains(values[3]), "{} was not printed at the start", values[3]);
    assert!(!laptop.introduction.contains(values[2]), "the table has a port from the start");
}
