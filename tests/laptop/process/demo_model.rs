//! The demo chatbot's model, over starts with different servers on one data directory.

use std::path::Path;

use reqwest::Method;
use serde_json::{Value, json};
use tempfile::tempdir;

use super::{Laptop, model_server::Setup, switchboard};

/// Starts with these variables.
async fn start(data_dir: &Path, environment: &[(&str, &str)]) -> Laptop {
    Laptop::ready(switchboard(data_dir).args(["--port", "0"]).envs(environment.iter().copied())).await
}

/// The tenant's only chatbot.
async fn chatbot(laptop: &Laptop) -> Value {
    let chatbots = laptop.get("/chatbots", laptop.variable("ADMIN")).await;
    assert_eq!(chatbots["data"].as_array().unwrap().len(), 1, "{chatbots}");
    chatbots["data"][0].clone()
}

async fn change(laptop: &Laptop, chatbot: &Value, change: Value) {
    let path = format!("/chatbots/{}", chatbot["id"].as_str().unwrap());
    let (status, body) = laptop.request(Method::PATCH, &path, laptop.variable("ADMIN"), Some(change)).await;
    assert_eq!(status, 200, "{body}");
}

#[tokio::test]
async fn the_demo_chatbot_answers_with_each_servers_model_in_turn() {
    let folder = tempdir().unwrap();
    let gemma = Setup::default().start().await;
    let qwen = Setup { models: json!(["embed-1", "qwen-3", "gemma-2"]), ..Setup::default() }.start().await;
    let (gemma, qwen) = (format!("{}/v1", gemma.url), format!("{}/v1", qwen.url));

    let first = start(folder.path(), &[]).await;
    let made = chatbot(&first).await;
    assert_eq!(made["model"], "gpt-standin-mini");
    first.ended_by("INT").await;

    for (url, model) in [(&gemma, "gemma-3"), (&qwen, "qwen-3"), (&gemma, "gemma-3")] {
        let laptop = start(folder.path(), &[("OPENAI_BASE_URL", url)]).await;
        assert_eq!(laptop.problems(), [""; 0]);
        assert_eq!(chatbot(&laptop).await["id"], made["id"], "it is the same chatbot");
        assert_eq!(laptop.answer().await, format!("This is {model}."));
        laptop.ended_by("INT").await;
    }

    let last = start(folder.path(), &[]).await;
    assert_eq!(chatbot(&last).await["model"], "gpt-standin-mini");
}

#[tokio::test]
async fn a_model_that_the_server_still_has_stays() {
    let folder = tempdir().unwrap();
    let server = Setup { models: json!(["b", "c"]), ..Setup::default() }.start().await;
    let more = Setup { models: json!(["a", "b:latest"]), ..Setup::default() }.start().await;
    let first = start(folder.path(), &[("OPENAI_BASE_URL", &format!("{}/v1", server.url))]).await;
    assert_eq!(chatbot(&first).await["model"], "b");
    first.ended_by("INT").await;
    let second = start(folder.path(), &[("OPENAI_BASE_URL", &format!("{}/v1", more.url))]).await;
    assert_eq!((&chatbot(&second).await["model"], &chatbot(&second).await["version"]), (&json!("b"), &json!(1)));
}

#[tokio::test]
async fn the_demo_chatbot_follows_openai_model() {
    let folder = tempdir().unwrap();
    let server = Setup { models: json!(["a", "b", "c"]), ..Setup::default() }.start().await;
    let url = format!("{}/v1", server.url);
    for (variable, model) in [("b", "b"), ("c", "c"), ("", "c"), ("a", "a")] {
        let laptop = start(folder.path(), &[("OPENAI_BASE_URL", &url), ("OPENAI_MODEL", variable)]).await;
        assert_eq!((laptop.row("Model"), laptop.problems().len()), (&*format!("{model} (the demo chatbot's)"), 0));
        assert_eq!(laptop.answer().await, format!("This is {model}."));
        laptop.ended_by("INT").await;
    }
    let laptop = start(folder.path(), &[("OPENAI_BASE_URL", &url), ("OPENAI_MODEL", "z")]).await;
    let said =
        "the OpenAI server has no model z, which OPENAI_MODEL names: set it to one that it lists, such as a, b, c";
    assert_eq!(laptop.problems(), [said]);
    assert_eq!(laptop.answer().await, "This is a.");
}

#[tokio::test]
async fn an_admins_changes_of_the_demo_chatbot_stay() {
    let folder = tempdir().unwrap();
    let server = Setup { models: json!(["a", "b"]), ..Setup::default() }.start().await;
    let other = Setup { models: json!(["x", "y"]), ..Setup::default() }.start().await;
    let (url, other) = (format!("{}/v1", server.url), format!("{}/v1", other.url));
    let first = start(folder.path(), &[("OPENAI_BASE_URL", &url)]).await;
    let made = chatbot(&first).await;
    let by_hand = json!({ "model": "b", "name": "Robin", "instructions": "Sing.", "greeting": "La!" });
    change(&first, &made, by_hand.clone()).await;
    first.ended_by("INT").await;

    // The server has the admin's model, whatever the variable says.
    let second = start(folder.path(), &[("OPENAI_BASE_URL", &url), ("OPENAI_MODEL", "a")]).await;
    let kept = chatbot(&second).await;
    assert_eq!((&kept["model"], &kept["version"]), (&json!("b"), &json!(2)));
    second.ended_by("INT").await;

    // Another server has not: only the model changes.
    let third = start(folder.path(), &[("OPENAI_BASE_URL", &other)]).await;
    let refreshed = chatbot(&third).await;
    assert_eq!(refreshed["model"], "x");
    for field in ["id", "name", "instructions", "greeting", "public"] {
        assert_eq!(refreshed[field], kept[field], "{field}");
    }
    assert_eq!(refreshed["name"], "Robin");
}

#[tokio::test]
async fn an_admins_own_chatbot_is_left_alone_and_shown_where_its_model_exists() {
    let folder = tempdir().unwrap();
    let first = start(folder.path(), &[]).await;
    let own = json!({ "name": "Own", "model": "gpt-standin", "public": true });
    let (status, own) = first.request(Method::POST, "/chatbots", first.variable("ADMIN"), Some(own)).await;
    assert_eq!(status, 201, "{own}");
    first.ended_by("INT").await;
    let config = async |laptop: &Laptop| -> Value {
        laptop.http.get(format!("{}/config.json", laptop.url)).send().await.unwrap().json().await.unwrap()
    };

    let second = start(folder.path(), &[]).await;
    assert_eq!(config(&second).await["demo"]["chatbot_id"], own["id"], "the newest public chatbot");
    second.ended_by("INT").await;

    let server = Setup::default().start().await;
    let third = start(folder.path(), &[("OPENAI_BASE_URL", &format!("{}/v1", server.url))]).await;
    let chatbots = third.get("/chatbots", third.variable("ADMIN")).await;
    assert_eq!((&chatbots["data"][0]["id"], &chatbots["data"][0]["model"]), (&own["id"], &json!("gpt-standin")));
    assert_eq!(chatbots["data"][1]["model"], "gemma-3");
    assert_eq!(config(&third).await["demo"]["chatbot_id"], chatbots["data"][1]["id"], "the one that can answer");
}

#[tokio::test]
async fn a_data_directory_without_a_record_of_its_demo_chatbot_is_taken_over() {
    let folder = tempdir().unwrap();
    let first = start(folder.path(), &[]).await;
    let made = chatbot(&first).await;
    first.ended_by("INT").await;
    std::fs::remove_file(folder.path().join("demo.json")).unwrap();

    let server = Setup::default().start().await;
    let second = start(folder.path(), &[("OPENAI_BASE_URL", &format!("{}/v1", server.url))]).await;
    let refreshed = chatbot(&second).await;
    assert_eq!((&refreshed["id"], &refreshed["model"]), (&made["id"], &json!("gemma-3")));
}
