//! Switchboard on a laptop: the data that it keeps, and the commands that it prints for pasting.

use std::{path::Path, process::Stdio};

use local::{Error, Options, Switchboard, demo::ModelChoice, greeting};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

use tests::{
    runtime_api::{FunctionProcess, binary},
    sample::event,
};

fn on_disk(path: &Path) -> Options {
    Options { data_dir: Some(path.to_owned()), ..Options::default() }
}

/// The titles of the tenant's threads, as an agent lists them.
async fn titles(url: &str, token: &str) -> Vec<String> {
    let list = reqwest::Client::new().get(format!("{url}/threads")).bearer_auth(token).send().await.unwrap();
    let list: Value = list.json().await.unwrap();
    list["data"].as_array().unwrap().iter().map(|thread| thread["title"].as_str().unwrap().to_owned()).collect()
}

async fn create(url: &str, token: &str, path: &str, body: &Value) -> Value {
    let answer =
        reqwest::Client::new().post(format!("{url}{path}")).bearer_auth(token).json(body).send().await.unwrap();
    assert_eq!(answer.status(), 201);
    answer.json().await.unwrap()
}

async fn create_thread(switchboard: &Switchboard, title: &str) {
    let chatbot = switchboard.demo(ModelChoice::default()).await.unwrap().id;
    let customer = switchboard.token("acme", "customer", "cleo");
    create(switchboard.url(), &customer, "/threads", &json!({"chatbot_id": chatbot, "title": title})).await;
}

#[tokio::test]
async fn the_printed_conversation_works_when_pasted() {
    let switchboard = local::start(Options::default()).await.unwrap();
    let chatbot = switchboard.demo(ModelChoice::default()).await.unwrap().id;
    let again = switchboard.demo(ModelChoice::default()).await.unwrap();
    assert_eq!(again.id, chatbot, "a second start creates no second chatbot");

    let script = greeting::conversation(switchboard.url(), switchboard.tokens(), "acme", &chatbot);
    let pasted = Command::new("sh").args(["-euc", &script]).output().await.expect("there is a shell");
    let said = String::from_utf8(pasted.stdout).unwrap();
    assert!(pasted.status.success(), "is curl installed? {}", String::from_utf8_lossy(&pasted.stderr));
    let answers: Vec<Value> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers[0]["reply"]["role"], "bot");
    assert_eq!(answers[1]["thread"]["status"], "agent");
    assert_eq!(answers[2]["data"].as_array().unwrap().len(), 5);
    assert_eq!(answers[3]["status"], "ended");
    switchboard.stop().await;
}

#[tokio::test]
async fn a_second_start_finds_the_data_and_takes_the_old_tokens() {
    let folder = tempfile::tempdir().unwrap();
    let switchboard = local::start(on_disk(folder.path())).await.unwrap();
    create_thread(&switchboard, "kept").await;
    let agent = switchboard.token("acme", "agent", "ana");
    switchboard.stop().await;

    let switchboard = local::start(on_disk(folder.path())).await.unwrap();
    assert_eq!(titles(switchboard.url(), &agent).await, ["kept"]);
    switchboard.stop().await;

    let emptied = Options { reset: true, ..on_disk(folder.path()) };
    let switchboard = local::start(emptied).await.unwrap();
    assert!(titles(switchboard.url(), &agent).await.is_empty());
}

#[tokio::test]
async fn a_second_process_on_the_same_data_is_told_so() {
    let folder = tempfile::tempdir().unwrap();
    let _first = local::start(on_disk(folder.path())).await.unwrap();
    let Err(refused) = local::start(on_disk(folder.path())).await else { panic!("two processes opened one table") };
    assert!(matches!(refused, Error::InUse(_)), "{refused}");
}

#[tokio::test]
async fn a_port_that_was_asked_for_and_is_taken_is_an_error() {
    let first = local::start(Options::default()).await.unwrap();
    let port = first.url().rsplit(':').next().unwrap().parse().unwrap();
    let Err(refused) = local::start(Options { port: Some(port), ..Options::default() }).await else {
        panic!("two processes listen on one port")
    };
    assert!(matches!(refused, Error::PortTaken(_)), "{refused}");
}

#[cfg(unix)]
#[tokio::test]
async fn the_secret_and_the_table_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let data_dir = folder.path().join("data");
    let _switchboard = local::start(on_disk(&data_dir)).await.unwrap();
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&data_dir.join("secret")), 0o600);
    assert_eq!(mode(&data_dir), 0o700);
}

/// Starts the binary, and returns it with the URL that it prints.
async fn spawn(data_dir: &Path) -> (Child, String) {
    let mut child = Command::new(binary("switchboard"))
        .args(["--port", "0", "--data-dir"])
        .arg(data_dir)
        .env_remove("OPENAI_API_KEY")
        .env_remove("OPENAI_BASE_URL")
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let first = lines.next_line().await.unwrap().expect("it prints its URL");
    // Reads to the end of the greeting, by which the demo chatbot exists.
    while lines.next_line().await.unwrap().is_some_and(|line| !line.starts_with("Ctrl-C")) {}
    child.stdout = Some(lines.into_inner().into_inner());
    (child, first.rsplit(' ').next().unwrap().to_owned())
}

async fn output(data_dir: &Path, arguments: &[&str]) -> String {
    let output = Command::new(binary("switchboard")).args(arguments).arg("--data-dir").arg(data_dir).output().await;
    let output = output.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

#[tokio::test]
async fn an_acknowledged_write_survives_kill_9() {
    let folder = tempfile::tempdir().unwrap();
    let (mut child, url) = spawn(folder.path()).await;
    let token = async |role: &str, sub: &str| {
        output(folder.path(), &["token", "--tenant", "acme", "--role", role, "--sub", sub]).await
    };
    let admin = token("admin", "ada").await;
    let bots = reqwest::Client::new().get(format!("{url}/chatbots")).bearer_auth(&admin).send().await.unwrap();
    let bots: Value = bots.json().await.unwrap();
    let customer = token("customer", "cleo").await;
    let titled = |title: &str| json!({"chatbot_id": bots["data"][0]["id"], "title": title});
    let mut acknowledged = Vec::new();
    for number in 0..20 {
        let title = format!("thread {number}");
        create(&url, &customer, "/threads", &titled(&title)).await;
        acknowledged.push(title);
    }
    child.kill().await.unwrap();

    let switchboard = local::start(on_disk(folder.path())).await.unwrap();
    let mut found = titles(switchboard.url(), &admin).await;
    found.sort_by_key(|title| acknowledged.iter().position(|known| known == title));
    assert_eq!(found, acknowledged);
}

#[tokio::test]
async fn a_function_of_another_process_works_with_the_exports() {
    let folder = tempfile::tempdir().unwrap();
    let (_child, _url) = spawn(folder.path()).await;
    let exports = output(folder.path(), &["env"]).await;
    let environment = exports.lines().map(|line| {
        let (name, value) = line.strip_prefix("export ").unwrap().split_once('=').unwrap();
        (name.to_owned(), value.trim_matches('\'').to_owned())
    });
    let mut function = FunctionProcess::start("chatbot", environment).await;
    let event: Value = serde_json::from_str(&event("chatbot-list")).unwrap();
    let answer = function.invoke(&event).await.unwrap_or_else(|failure| panic!("{failure}\n{}", function.logs()));
    assert_eq!(answer.into_json()["statusCode"], 200, "{}", function.logs());
}

#[cfg(unix)]
#[tokio::test]
async fn a_request_of_the_system_to_end_ends_it_cleanly() {
    let folder = tempfile::tempdir().unwrap();
    let (mut child, _url) = spawn(folder.path()).await;
    let pid = child.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().await.unwrap().success());
    assert!(child.wait().await.unwrap().success());
    assert!(!folder.path().join("table.sqlite-wal").exists(), "the database was closed");
}
