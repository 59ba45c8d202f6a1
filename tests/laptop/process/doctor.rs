//! `switchboard doctor`: what it finds in a deployment on this machine, behind a URL, or in a table.

use std::{path::Path, time::Duration};

use local::Options;
use reqwest::Method;
use serde_json::{Value, json};
use shared::{Clock, domain::At};
use tempfile::tempdir;
use tokio::process::Command;

use super::{Laptop, complaint, model_server::Setup, printed, run, switchboard};
use tests::stage::Stage;

/// The lines that a doctor who finds something prints.
async fn found(command: &mut Command) -> Vec<String> {
    let output = run(command).await;
    let (said, summary) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    let lines: Vec<String> = said.lines().map(str::to_owned).collect();
    assert_eq!(output.status.code(), Some(1), "{said}{summary}");
    let things = if lines.len() == 1 { "thing needs" } else { "things need" };
    assert!(summary.ends_with(&format!("switchboard: {} {things} attention\n", lines.len())), "{summary}");
    lines
}

fn doctor(data_dir: &Path) -> Command {
    let mut command = switchboard(data_dir);
    command.arg("doctor");
    command
}

/// A day from now, `YYYY-MM-DD`.
fn in_days(days: u64) -> String {
    (Clock::system().now() + Duration::from_hours(24 * days)).to_string()[..10].to_owned()
}

/// A Switchboard on a folder whose functions believe that it is two hours earlier, and which sweeps only when told to.
async fn two_hours_ago(data_dir: &Path) -> Stage {
    let earlier = Clock::system().now().millis() - 2 * 3_600_000;
    let clock = Clock::new(move || At::from_millis(earlier));
    let options = Options { data_dir: Some(data_dir.to_owned()), share: true, clock, ..Options::default() };
    Stage::with(options).await
}

#[tokio::test]
async fn nothing_is_found_where_all_is_well_running_or_stopped() {
    let folder = tempdir().unwrap();
    let said = complaint(&mut doctor(folder.path())).await;
    assert!(said.contains("holds no table"), "{said}");
    let laptop = Laptop::start(folder.path()).await;
    let admin = laptop.variable("ADMIN");
    assert_eq!(printed(&mut doctor(folder.path())).await, "Nothing found.");
    let by_rest = ["--url", &format!("{}/", laptop.url), "--token", admin];
    assert_eq!(printed(doctor(folder.path()).args(by_rest)).await, "Nothing found.");
    laptop.ended_by("TERM").await;
    assert_eq!(printed(&mut doctor(folder.path())).await, "Nothing found.");
}

#[tokio::test]
async fn a_server_that_lost_models_or_ends_them_is_reported() {
    let folder = tempdir().unwrap();
    let first = Laptop::start(folder.path()).await;
    let own = json!({ "name": "Own", "model": "gpt-standin" });
    let (status, own) = first.request(Method::POST, "/chatbots", first.variable("ADMIN"), Some(own)).await;
    assert_eq!(status, 201, "{own}");
    first.ended_by("INT").await;

    let models = json!([{ "id": "gemma-3", "shutdown_date": in_days(10) }]);
    let server = Setup { models, key: Some("right"), ..Setup::default() }.start().await;
    let url = format!("{}/v1", server.url);
    let environment = [("OPENAI_BASE_URL", url.as_str()), ("OPENAI_API_KEY", "right")];
    let laptop = Laptop::ready(switchboard(folder.path()).args(["--port", "0"]).envs(environment)).await;
    let end = format!("shuts down on {}", in_days(10));
    assert_eq!(laptop.problems(), [format!("the demo chatbot's model gemma-3 {end}: set OPENAI_MODEL to another one")]);

    let mut lines = found(doctor(folder.path()).env("OPENAI_API_KEY", "right")).await;
    lines.sort_by_key(|line| line.contains("Own"));
    let (demo, own) = (lines[0].split(" (").nth(1).unwrap(), own["id"].as_str().unwrap());
    assert_eq!(
        demo,
        format!("\"Demo\", tenant acme): the model `gemma-3` {end}; set `model` to another one before that day")
    );
    let missing = "the server does not have the model `gpt-standin`; set `model` to one that it has";
    assert_eq!(lines[1..], [format!("chatbot {own} (\"Own\", tenant acme): {missing}")]);

    // Without the server, what the table knows of its models is still reported: the demo chatbot's day was stored.
    let without_key = found(&mut doctor(folder.path())).await;
    assert_eq!(without_key[0], format!("{url} requires an API key (status 401): set OPENAI_API_KEY"));
    assert_eq!(without_key[1..], [lines[0].clone()]);
}

#[tokio::test]
async fn long_waits_and_work_that_piles_up_are_reported() {
    let folder = tempdir().unwrap();
    let stage = two_hours_ago(folder.path()).await;
    let (customer, agent) = (stage.customer(), stage.agent());
    let waiting = stage.thread().await;
    customer.escalates(&waiting).await.expect(200);
    let unanswered = stage.thread().await;
    agent.claims(&unanswered).await.expect(200);
    customer.says(&unanswered, "Are you there?").await.expect(202);

    let lines = found(&mut doctor(folder.path())).await;
    assert_eq!(lines.len(), 2, "{lines:?}");
    let waits = "1 thread of tenant acme has waited for an agent for more than an hour, the longest since 20";
    assert!(lines[0].starts_with(waits) && lines[0].contains(&waiting), "{lines:?}");
    // One for its customer in the queue, one for its agent.
    let due =
        "2 threads have been due for more than 5 minutes: check that the function sweep runs each minute, and its log";
    assert_eq!(lines[1], due);

    // By REST, a tenant's agent sees no due work.
    let token = agent.token.clone().unwrap();
    let by_rest = found(doctor(folder.path()).args(["--url", stage.board.url(), "--token", &token])).await;
    assert_eq!(by_rest, [lines[0].replace(" of tenant acme", "")]);
}

#[tokio::test]
async fn a_table_is_read_with_the_credentials_of_the_environment() {
    let folder = tempdir().unwrap();
    let laptop = Laptop::ready(switchboard(folder.path()).args(["--port", "0", "--sweep-every", "3600"])).await;
    let token = async |tenant: &str| {
        printed(switchboard(folder.path()).args(["token", "--tenant", tenant, "--role", "admin", "--sub", "zoe"])).await
    };
    let mut ids = Vec::new();
    for tenant in ["globex", "initech"] {
        let chatbot = json!({ "name": "Robin", "model": "gpt-5-mini" });
        let (status, made) = laptop.request(Method::POST, "/chatbots", &token(tenant).await, Some(chatbot)).await;
        assert_eq!(status, 201, "{made}");
        ids.push(made["id"].as_str().unwrap().to_owned());
    }
    let exports = printed(switchboard(folder.path()).arg("env")).await;
    let environment: Vec<(String, String)> = exports
        .lines()
        .map(|line| line.strip_prefix("export ").unwrap().split_once('=').unwrap())
        .map(|(name, value)| (name.to_owned(), value.trim_matches('\'').to_owned()))
        .collect();
    let elsewhere = tempdir().unwrap();
    let mut of_table = doctor(elsewhere.path());
    of_table.envs(environment.iter().cloned()).args(["--table", "switchboard"]);
    assert_eq!(printed(&mut of_table).await, "Nothing found.");

    let variable = |name: &str| environment.iter().find(|(known, _)| known == name).unwrap().1.as_str();
    let key = (variable("AWS_ACCESS_KEY_ID"), variable("AWS_SECRET_ACCESS_KEY"));
    let table = client(variable("AWS_ENDPOINT_URL_DYNAMODB"), key);
    set_status(&table, "globex", &ids[0], json!({ "is_missing": true })).await;
    set_status(&table, "initech", &ids[1], json!({ "shutdown_date": in_days(59) })).await;
    make_overdue(&table, "globex#CHATBOT#bot_1", "REMOVAL#vs_1").await;
    make_overdue(&table, "globex#THREAD#thr_1", "NOTICE#msg_1").await;
    make_overdue(&table, "globex#THREAD#thr_2", "NOTICE#msg_2").await;
    make_overdue(&table, "globex#THREAD#thr_2", "TOPIC#msg_2").await;
    let mut lines = found(&mut of_table).await;
    lines[..2].sort_by_key(|line| line.contains("initech"));
    let overdue = |items: &str| {
        format!("{items} been due for more than 5 minutes: check that the function sweep runs each minute, and its log")
    };
    let (missing, ends) = ("the server does not have the model `gpt-5-mini`", "the model `gpt-5-mini` shuts down on");
    assert_eq!(
        lines,
        [
            format!("chatbot {} (\"Robin\", tenant globex): {missing}; set `model` to one that it has", ids[0]),
            format!(
                "chatbot {} (\"Robin\", tenant initech): {ends} {}; set `model` to another one before that day",
                ids[1],
                in_days(59)
            ),
            overdue("1 OpenAI deletion has"),
            overdue("1 topic notice has"),
            overdue("2 webhook calls have"),
        ]
    );

    let said = complaint(doctor(elsewhere.path()).envs(environment).args(["--table", "nowhere"])).await;
    assert!(said.contains("reading the table failed"), "{said}");
}

#[tokio::test]
async fn a_url_or_token_that_does_not_work_is_named() {
    let folder = tempdir().unwrap();
    let laptop = Laptop::start(folder.path()).await;
    let url = &laptop.url;
    let by_rest =
        async |url: &str, token: &str| complaint(doctor(folder.path()).args(["--url", url, "--token", token])).await;
    let said = by_rest(url, laptop.variable("CUSTOMER")).await;
    assert!(said.starts_with(&format!("switchboard: GET /chatbots failed at {url}: status 403 (")), "{said}");
    assert!(said.ends_with("; --token needs a valid token of an agent or admin"), "{said}");
    assert!(by_rest(url, "none").await.contains("status 401 ("));
    let said =
        by_rest(laptop.row("OpenAI").split([' ', ';']).find(|word| word.starts_with("http")).unwrap(), "x").await;
    assert!(said.ends_with("status 404"), "{said}");
    let server = Setup { base_path: "/elsewhere", ..Setup::default() }.start().await;
    assert!(by_rest(&server.url, "x").await.ends_with("status 404 (Not Found)"));
}

fn client(database_url: &str, (id, secret): (&str, &str)) -> aws_sdk_dynamodb::Client {
    use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .credentials_provider(Credentials::new(id, secret, None, None, "test"))
        .endpoint_url(database_url);
    aws_sdk_dynamodb::Client::from_conf(config.build())
}

/// Stores what the server said of a chatbot's model.
async fn set_status(table: &aws_sdk_dynamodb::Client, tenant: &str, id: &str, status: Value) {
    use aws_sdk_dynamodb::types::AttributeValue::{Bool, M, S};
    let field = |(name, value): (&String, &Value)| {
        (name.clone(), value.as_str().map_or(Bool(value == true), |text| S(text.to_owned())))
    };
    let status = M(status.as_object().unwrap().iter().map(field).collect());
    let update = table
        .update_item()
        .table_name("switchboard")
        .key("pk", S(format!("{tenant}#CHATBOT")))
        .key("sk", S(id.to_owned()))
        .update_expression("SET model_status = :status")
        .expression_attribute_values(":status", status);
    update.send().await.unwrap();
}

/// Stores an item that has been due for a long time.
async fn make_overdue(table: &aws_sdk_dynamodb::Client, pk: &str, sk: &str) {
    use aws_sdk_dynamodb::types::AttributeValue::S;
    let put = table
        .put_item()
        .table_name("switchboard")
        .item("pk", S(pk.to_owned()))
        .item("sk", S(sk.to_owned()))
        .item("due_pk", S(shared::store::key::due(pk)))
        .item("due_sk", S("2026-01-01T00:00:00.000Z".to_owned()));
    put.send().await.unwrap();
}
