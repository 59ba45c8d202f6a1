//! The pages, served on the same port as the APIs.

use local::demo::ModelChoice;
use reqwest::Method;
use serde_json::Value;

use tests::stage::Stage;

#[tokio::test]
async fn the_pages_come_with_a_policy_and_are_sent_once() {
    let stage = Stage::start().await;
    let kinds = [
        ("/", "text/html; charset=utf-8"),
        ("/console", "text/html; charset=utf-8"),
        ("/widget.js", "text/javascript; charset=utf-8"),
        ("/switchboard.js", "text/javascript; charset=utf-8"),
        ("/config.json", "application/json"),
    ];
    for (path, kind) in kinds {
        let page = stage.anon().request(Method::GET, path).send().await.unwrap();
        assert_eq!((page.status().as_u16(), &page.headers()["content-type"]), (200, &kind.parse().unwrap()), "{path}");
        let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
        assert!(policy.contains("script-src 'self';") && !policy.contains("unsafe"), "{policy}");
        let tag = page.headers()["etag"].clone();
        assert!(!page.text().await.unwrap().is_empty());
        let again = stage.anon().request(Method::GET, path).header("if-none-match", tag).send().await.unwrap();
        assert_eq!((again.status().as_u16(), again.text().await.unwrap()), (304, String::new()), "{path}");
    }
}

#[tokio::test]
async fn the_scripts_are_told_where_the_apis_are() {
    let stage = Stage::start().await;
    let config = told(&stage).await;
    let (url, sockets) = (config["url"].as_str().unwrap(), config["socketUrl"].as_str().unwrap());
    assert_eq!((url, sockets), (stage.board.url(), stage.board.socket_url().as_str()));
    assert!(config["demo"].is_null());
    let demo = stage.board.demo(ModelChoice::default()).await.unwrap().id;
    let config = told(&stage).await;
    assert_eq!(
        (config["demo"]["tenant"].as_str(), config["demo"]["chatbot_id"].as_str()),
        (Some("acme"), Some(&*demo))
    );
}

async fn told(stage: &Stage) -> Value {
    let page = stage.anon().request(Method::GET, "/config.json").send().await.unwrap();
    page.json().await.unwrap()
}

#[tokio::test]
async fn what_is_no_page_is_a_route_or_nothing() {
    let stage = Stage::start().await;
    stage.anon().get("/threads").await.problem(401, "unauthenticated");
    stage.anon().get("/nothing.js").await.problem(404, "not_found");
    stage.anon().get("/../Cargo.toml").await.problem(404, "not_found");
    stage.anon().posts("/widget.js").await.problem(404, "not_found");
}
