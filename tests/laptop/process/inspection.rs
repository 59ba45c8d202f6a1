//! The lines of a start about the OpenAI server: what is wrong with it, and which memory it has.

use std::path::Path;

use serde_json::json;
use tempfile::tempdir;
use tokio::{net::TcpListener, process::Command};

use super::{Laptop, complaint, model_server::Setup, printed, switchboard};

fn with(data_dir: &Path, environment: &[(&str, &str)]) -> Command {
    let mut command = switchboard(data_dir);
    command.args(["--port", "0"]).envs(environment.iter().copied());
    command
}

async fn started(environment: &[(&str, &str)]) -> Laptop {
    let folder = tempdir().unwrap();
    Laptop::ready(&mut with(folder.path(), environment)).await
}

#[tokio::test]
async fn a_server_without_conversations_gets_local_memory_and_no_complaint() {
    let server = Setup::default().start().await;
    let folder = tempdir().unwrap();
    let laptop = Laptop::ready(&mut with(folder.path(), &[("OPENAI_BASE_URL", &format!("{}/v1", server.url))])).await;
    assert_eq!(laptop.problems(), [""; 0]);
    assert!(laptop.row("Memory").starts_with("local: the server has no /conversations"), "{}", laptop.introduction);
    assert_eq!(laptop.row("Model"), "gemma-3 (the demo chatbot's)");
    assert_eq!(laptop.answer().await, "This is gemma-3.");
    assert!(printed(switchboard(folder.path()).arg("env")).await.contains("export OPENAI_MEMORY='local'"));
}

#[tokio::test]
async fn a_server_with_conversations_gets_that_memory_and_keeps_nothing_of_the_question() {
    let server = Setup { conversations: true, ..Setup::default() }.start().await;
    let folder = tempdir().unwrap();
    let laptop = Laptop::ready(&mut with(folder.path(), &[("OPENAI_BASE_URL", &format!("{}/v1", server.url))])).await;
    assert_eq!(laptop.problems(), [""; 0]);
    assert_eq!(laptop.row("Memory"), "conversation: the server has /conversations");
    let asked = server.requests();
    assert_eq!(asked.iter().filter(|line| *line == "POST /v1/conversations").count(), 1);
    assert_eq!(asked.iter().filter(|line| *line == "DELETE /v1/conversations/conv_1").count(), 1);
    assert!(printed(switchboard(folder.path()).arg("env")).await.contains("export OPENAI_MEMORY='conversation'"));
}

#[tokio::test]
async fn a_memory_that_is_set_is_used_and_said_to_be_wrong_where_it_is() {
    let server = Setup::default().start().await;
    let url = format!("{}/v1", server.url);
    let laptop = started(&[("OPENAI_BASE_URL", &url), ("OPENAI_MEMORY", "conversation")]).await;
    assert_eq!(laptop.row("Memory"), "conversation, as OPENAI_MEMORY says");
    let said =
        format!("{url} has no /conversations, so no chatbot can answer: unset OPENAI_MEMORY, or set it to local");
    assert_eq!(laptop.problems(), [said]);

    let server = Setup { conversations: true, ..Setup::default() }.start().await;
    let url = format!("{}/v1", server.url);
    let laptop = started(&[("OPENAI_BASE_URL", &url), ("OPENAI_MEMORY", "local")]).await;
    assert_eq!((laptop.row("Memory"), laptop.problems().len()), ("local, as OPENAI_MEMORY says", 0));
    assert!(!server.requests().iter().any(|line| line.contains("conversations")), "nobody needs to know");
}

#[tokio::test]
async fn a_key_that_is_missing_or_wrong_is_named() {
    let server = Setup { key: Some("right"), ..Setup::default() }.start().await;
    let url = format!("{}/v1", server.url);
    let missing = started(&[("OPENAI_BASE_URL", &url)]).await;
    assert_eq!(missing.problems(), [format!("{url} requires an API key (status 401): set OPENAI_API_KEY")]);
    let wrong = started(&[("OPENAI_BASE_URL", &url), ("OPENAI_API_KEY", "wrong")]).await;
    let said = format!("{url} rejects the API key (status 401): set OPENAI_API_KEY to a valid one");
    assert_eq!(wrong.problems(), [said]);
    assert!(wrong.row("Memory").starts_with("local: assumed"), "{}", wrong.introduction);
    assert!(wrong.introduction.contains("The demo chatbot was not created: "), "{}", wrong.introduction);
    let right = started(&[("OPENAI_BASE_URL", &url), ("OPENAI_API_KEY", "right")]).await;
    assert_eq!(right.problems(), [""; 0]);
}

#[tokio::test]
async fn a_key_that_may_not_list_models_still_chats() {
    let server = Setup { models_status: 403, ..Setup::default() }.start().await;
    let url = format!("{}/v1", server.url);
    let laptop = started(&[("OPENAI_BASE_URL", &url), ("OPENAI_MODEL", "gemma-3")]).await;
    let said = format!("{url} does not let this API key list models (status 403): permit it, or set OPENAI_MODEL");
    assert_eq!(laptop.problems(), [said]);
    assert_eq!(laptop.answer().await, "This is gemma-3.");
}

#[tokio::test]
async fn a_server_without_models_is_named() {
    let server = Setup { models: json!([]), ..Setup::default() }.start().await;
    let url = format!("{}/v1", server.url);
    let laptop = started(&[("OPENAI_BASE_URL", &url)]).await;
    assert_eq!(laptop.problems(), [format!("{url} lists no models: load one there, or set OPENAI_MODEL")]);
    let said = "The demo chatbot was not created: the OpenAI server lists no model to chat with; set OPENAI_MODEL";
    assert!(laptop.introduction.contains(said), "{}", laptop.introduction);

    let server = Setup { models: json!(["nomic-embed-text", "whisper-1"]), ..Setup::default() }.start().await;
    let laptop = started(&[("OPENAI_BASE_URL", &format!("{}/v1", server.url))]).await;
    assert_eq!(laptop.row("Model"), "none (the demo chatbot's)");
    assert!(laptop.introduction.contains(said), "{}", laptop.introduction);
}

#[tokio::test]
async fn a_server_that_is_not_there_or_never_answers_does_not_keep_the_start_waiting() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let hanging = Setup { hangs: true, ..Setup::default() }.start().await;
    for url in [format!("http://{nobody}/v1"), format!("{}/v1", hanging.url)] {
        let laptop = started(&[("OPENAI_BASE_URL", &url)]).await;
        let said =
            format!("no usable answer from {url}: check that the server runs and that OPENAI_BASE_URL is its address");
        assert_eq!(laptop.problems(), [said]);
    }
    assert_eq!(hanging.requests(), ["GET /v1/models"], "a server that hangs is asked one thing");
}

#[tokio::test]
async fn slashes_at_the_end_are_mended_and_a_missing_version_is_found() {
    let server = Setup::default().start().await;
    let url = format!("{}/v1", server.url);
    let slashed = started(&[("OPENAI_BASE_URL", &format!("{url}//"))]).await;
    assert_eq!((slashed.row("OpenAI"), slashed.problems().len()), (url.as_str(), 0));
    assert_eq!(slashed.answer().await, "This is gemma-3.");

    for address in [&server.url, &format!("{}/", server.url)] {
        let bare = started(&[("OPENAI_BASE_URL", address)]).await;
        assert_eq!(bare.row("OpenAI"), url);
        assert_eq!(bare.problems(), [format!("OPENAI_BASE_URL lacks the version: {url} is used; set it to that")]);
        assert_eq!(bare.answer().await, "This is gemma-3.");
    }

    let server = Setup { base_path: "", ..Setup::default() }.start().await;
    let unversioned = started(&[("OPENAI_BASE_URL", &server.url)]).await;
    assert_eq!((unversioned.row("OpenAI"), unversioned.problems().len()), (server.url.as_str(), 0));
    assert_eq!(unversioned.answer().await, "This is gemma-3.");
}

#[tokio::test]
async fn an_address_that_is_no_api_is_named() {
    let server = Setup { base_path: "/api/v2", ..Setup::default() }.start().await;
    let laptop = started(&[("OPENAI_BASE_URL", &server.url)]).await;
    let url = &server.url;
    let said = format!(
        "{url}/models is no list of models: correct OPENAI_BASE_URL, or set OPENAI_MODEL if the address is right"
    );
    assert_eq!(laptop.problems(), [said]);

    let folder = tempdir().unwrap();
    let said = complaint(&mut with(folder.path(), &[("OPENAI_BASE_URL", "localhost:8080/v1")])).await;
    assert_eq!(
        said,
        "switchboard: OPENAI_BASE_URL must be a URL that starts with http:// or https://, not localhost:8080/v1"
    );
}
