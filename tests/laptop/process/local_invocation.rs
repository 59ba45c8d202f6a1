//! The addresses and the events of a running instance that functions in other processes use.

use serde_json::Value;
use tempfile::tempdir;

use super::{Laptop, complaint, printed, run, switchboard};

#[tokio::test]
async fn an_event_has_ids_and_a_token_of_the_running_instance() {
    let folder = tempdir().unwrap();
    let laptop = Laptop::start(folder.path()).await;
    let event = async |arguments: &[&str]| -> Value {
        serde_json::from_str(&printed(switchboard(folder.path()).arg("event").args(arguments)).await).unwrap()
    };

    // The first that needs a thread creates it, and the next one finds it.
    let get = event(&["thread-get"]).await;
    let thread = get["pathParameters"]["thread_id"].as_str().unwrap().to_owned();
    let token = get["headers"]["Authorization"].as_str().unwrap().strip_prefix("Bearer ").unwrap();
    assert_eq!(laptop.get(&format!("/threads/{thread}"), token).await["customer_id"], "cara");
    let chat = event(&["chat.json"]).await;
    assert_eq!(chat["path"], format!("/threads/{thread}/chat"));
    assert_eq!(event(&["chat", "--thread", "thr_other"]).await["path"], "/threads/thr_other/chat");

    let update = event(&["chatbot-update"]).await;
    let chatbot = update["pathParameters"]["chatbot_id"].as_str().unwrap();
    let token = update["headers"]["Authorization"].as_str().unwrap().strip_prefix("Bearer ").unwrap();
    assert_eq!(laptop.get(&format!("/chatbots/{chatbot}"), token).await["name"], "Demo");

    // An ended thread answers no event, so there is a new one.
    let end = format!("/threads/{thread}/end");
    let customer = chat["headers"]["Authorization"].as_str().unwrap().strip_prefix("Bearer ").unwrap();
    assert_eq!(laptop.request(reqwest::Method::POST, &end, customer, None).await.0, 200);
    assert_ne!(event(&["thread-get"]).await["pathParameters"]["thread_id"], thread);
}

#[tokio::test]
async fn an_unknown_event_names_those_that_there_are() {
    let folder = tempdir().unwrap();
    let said = complaint(switchboard(folder.path()).args(["event", "thread-got"])).await;
    assert!(said.contains("there is no event thread-got; there are authorizer-rest, authorizer-socket"), "{said}");
    assert!(said.contains("thread-get"), "{said}");
    let said = complaint(switchboard(folder.path()).args(["event", "thread-get"])).await;
    assert!(said.contains("no switchboard is running"), "{said}");
}

#[tokio::test]
async fn functions_may_reach_the_instance_by_another_name() {
    let folder = tempdir().unwrap();
    let _laptop = Laptop::start(folder.path()).await;
    let exports = printed(switchboard(folder.path()).args(["env", "--host", "host.docker.internal"])).await;
    for name in ["AWS_ENDPOINT_URL_DYNAMODB", "SOCKETS_URL", "AWS_ENDPOINT_URL_LAMBDA", "OPENAI_BASE_URL"] {
        let begin = format!("export {name}='http://host.docker.internal:");
        assert!(exports.lines().any(|line| line.starts_with(&begin) && !line.ends_with("/'")), "{name} in {exports}");
    }
    let exports = printed(switchboard(folder.path()).args(["env", "--host", "fd00::1"])).await;
    assert!(exports.contains("export SOCKETS_URL='http://[fd00::1]:"), "{exports}");
    for wrong in ["host.docker.internal:3000", "a host", ""] {
        let refused = run(switchboard(folder.path()).args(["env", "--host", wrong])).await;
        let said = String::from_utf8(refused.stderr).unwrap();
        assert!(said.contains("it must be a name or an address, without a port"), "{wrong}: {said}");
    }
}

/// The whole network 127.0.0.0/8 is this machine itself on Linux alone.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn every_part_listens_on_the_address_that_is_asked_for() {
    let folder = tempdir().unwrap();
    let laptop = Laptop::ready(switchboard(folder.path()).args(["--port", "0", "--listen", "127.0.0.7"])).await;
    assert!(laptop.url.starts_with("http://127.0.0.7:"), "{}", laptop.url);
    laptop.answer().await;
    let exports = printed(switchboard(folder.path()).arg("env")).await;
    assert_eq!(exports.matches("http://127.0.0.7:").count(), 4, "{exports}");
    let said = complaint(switchboard(tempdir().unwrap().path()).args(["--listen", "192.0.2.1"])).await;
    assert!(said.contains("this machine has no address 192.0.2.1"), "{said}");
}
