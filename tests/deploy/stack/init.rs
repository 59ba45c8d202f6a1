//! `switchboard init`: its first run, and those after.

use std::{collections::BTreeMap, fs, path::Path};

use serde_json::{Value, json};
use tokio::process::Command;

use super::cloud::{Cloud, Outputs, failed, printed, stage, variable};

/// The files of `web/` by their names.
fn files() -> BTreeMap<String, Vec<u8>> {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../web"));
    let paths = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    paths.map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read(&path).unwrap())).collect()
}

fn init(cloud: &Cloud) -> Command {
    let mut command = cloud.switchboard("init");
    command.args(["--stack", "board", "--tenant", "shop"]);
    command
}

#[tokio::test]
async fn a_new_stack_gets_its_pages_a_chatbot_and_tokens() {
    let Some(cloud) = Cloud::start().await else { return };
    let stage = stage().await;
    cloud.deploy("board", &stage, Outputs::of(&stage), &[]).await;
    let said = printed(&mut init(&cloud)).await;

    let (mut stored, expected) = (cloud.objects("board").await, files());
    let (kind, cache, config) = stored.remove("config.json").expect("the scripts are told where the APIs are");
    assert_eq!((kind.as_str(), cache.as_str()), ("application/json", "no-cache"));
    assert_eq!(stored.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    for (name, content) in &expected {
        let (_, cache, found) = &stored[name];
        assert_eq!((cache.as_str(), found), ("no-cache", content), "{name}");
    }
    let kind = |name: &str| stored[name].0.as_str();
    assert_eq!(kind("widget.js"), "text/javascript; charset=utf-8");
    assert_eq!(kind("console.html"), "text/html; charset=utf-8");
    assert_eq!(kind("console.css"), "text/css; charset=utf-8");
    let count = expected.len() + 1;
    let first = said.lines().next().unwrap();
    assert_eq!(
        first,
        format!(
            "Stack board in eu-central-1: pages at https://pages.example, {count} files uploaded, 0 files unchanged."
        )
    );

    let admin = stage.bearing(Some(variable(&said, "ADMIN").to_owned()));
    let chatbots = admin.get("/chatbots").await.expect(200).body;
    let [chatbot] = chatbots["data"].as_array().unwrap().as_slice() else { panic!("{chatbots}") };
    assert_eq!((&chatbot["public"], &chatbot["name"]), (&json!(true), &json!("Demo")));
    let id = chatbot["id"].as_str().unwrap();
    let config: Value = serde_json::from_slice(&config).unwrap();
    let demo = json!({ "tenant": "shop", "chatbot_id": id });
    assert_eq!(config, json!({ "url": stage.board.url(), "socketUrl": stage.board.socket_url(), "demo": demo }));
    for row in [
        "  Demo page  https://pages.example/".to_owned(),
        format!("  REST       {}", stage.board.url()),
        format!("  WebSocket  {}", stage.board.socket_url()),
    ] {
        assert!(said.lines().any(|line| line == row), "{row} in {said}");
    }

    // The console's token is an agent's, and the customer's opens a conversation with the chatbot, as pasted.
    let console =
        said.lines().find_map(|line| line.trim().strip_prefix("Console    https://pages.example/console#token="));
    stage.bearing(Some(console.unwrap().to_owned())).get("/threads?status=queued").await.expect(200);
    let script = said.split_once("\nURL=").map(|(_, rest)| format!("URL={rest}")).unwrap();
    let pasted = Command::new("sh").args(["-euc", &script]).output().await.expect("there is a shell");
    let answers = String::from_utf8(pasted.stdout).unwrap();
    assert!(pasted.status.success(), "is curl installed? {}", String::from_utf8_lossy(&pasted.stderr));
    let first: Value = serde_json::from_str(answers.lines().next().unwrap()).unwrap();
    assert_eq!(first["reply"]["role"], "bot", "{answers}");
}

#[tokio::test]
async fn a_later_run_uploads_what_changed_and_deletes_nothing() {
    let Some(cloud) = Cloud::start().await else { return };
    let stage = stage().await;
    cloud.deploy("board", &stage, Outputs::of(&stage), &[]).await;
    printed(&mut init(&cloud)).await;
    let before = cloud.objects("board").await;
    let count = before.len();

    let said = printed(&mut init(&cloud)).await;
    assert!(said.starts_with(&format!(
        "Stack board in eu-central-1: pages at https://pages.example, nothing uploaded, {count} files unchanged.\n"
    )));
    let admin = stage.persona("shop", "admin", "ada");
    let first = admin.get("/chatbots").await.expect(200).body;
    assert_eq!(first["data"].as_array().unwrap().len(), 1, "{first}");

    // An older file, one with other headers, and one that is not ours.
    cloud.put("board", "widget.js", b"// of an older version").await;
    cloud.put("board", "console.css", &before["console.css"].2).await;
    cloud.put("board", "logo.png", b"a picture").await;
    // A newer public chatbot does not take the demo page over.
    admin.post("/chatbots", json!({ "name": "New", "model": "gpt-5-mini", "public": true })).await.expect(201);
    let said = printed(&mut init(&cloud)).await;
    let unchanged = count - 2;
    assert!(said.contains(&format!(", console.css, widget.js uploaded, {unchanged} files unchanged.\n")), "{said}");
    let mut after = cloud.objects("board").await;
    assert_eq!(after.remove("logo.png").expect("it is not deleted").2, b"a picture");
    assert_eq!(after, before);
}

#[tokio::test]
async fn a_pipeline_uploads_the_pages_alone_and_prints_no_token() {
    let Some(cloud) = Cloud::start().await else { return };
    let stage = stage().await;
    cloud.deploy("board", &stage, Outputs::of(&stage), &[]).await;
    printed(&mut init(&cloud)).await;
    let before = cloud.objects("board").await;
    cloud.put("board", "widget.js", b"// of an older version").await;
    let said = printed(init(&cloud).arg("--pages-only")).await;
    assert!(said.starts_with("Stack board in eu-central-1: pages at https://pages.example, widget.js uploaded, "));
    assert_eq!(said.trim().lines().count(), 1, "{said}");
    assert_eq!(cloud.objects("board").await, before, "the demo page keeps its chatbot");
}

#[tokio::test]
async fn a_chatbot_that_cannot_be_made_leaves_the_pages_uploaded() {
    let Some(cloud) = Cloud::start().await else { return };
    let stage = stage().await;
    let nobody = "http://127.0.0.1:9/v1";
    cloud.deploy("board", &stage, Outputs::of(&stage), &[("OpenAiBaseUrl", nobody)]).await;
    let (said, complaint) = failed(&mut init(&cloud)).await;
    assert!(said.starts_with("Stack board in eu-central-1: pages at"), "{said}");
    assert!(complaint.starts_with(&format!("no model for the demo chatbot ({nobody}: ")), "{complaint}");
    assert!(complaint.ends_with("with --model, or leave the chatbot out with --no-chatbot"), "{complaint}");
    assert!(cloud.objects("board").await.contains_key("config.json"));

    // The functions' own refusal.
    let (_, complaint) = failed(init(&cloud).arg("--model=")).await;
    assert!(complaint.starts_with("the demo chatbot could not be created: "), "{complaint}");
    let said = printed(init(&cloud).arg("--no-chatbot")).await;
    assert!(said.contains("  Chatbot    none, as --no-chatbot says\n"), "{said}");
    let chatbots = stage.persona("shop", "admin", "ada").get("/chatbots").await.expect(200).body;
    assert_eq!(chatbots["data"], json!([]));

    let said = printed(init(&cloud).args(["--model", "gpt-5-mini"])).await;
    assert!(said.contains("(created, with the model gpt-5-mini; public)\n"), "{said}");
}
