//! The console's entrance: tokens for whoever sits at the machine, and for no other site's page.

use reqwest::{
    Method, StatusCode,
    header::{HOST, ORIGIN},
};
use serde_json::Value;

use tests::stage::Stage;

/// Sends a request to the entrance with these headers.
async fn knocks(stage: &Stage, method: Method, headers: &[(&str, &str)]) -> reqwest::Response {
    let request = stage.anon().request(method, "/enter");
    headers.iter().fold(request, |request, (name, value)| request.header(*name, *value)).send().await.unwrap()
}

async fn config(stage: &Stage) -> Value {
    stage.anon().request(Method::GET, "/config.json").send().await.unwrap().json().await.unwrap()
}

#[tokio::test]
async fn the_console_s_own_page_gets_tokens_that_are_accepted() {
    let stage = Stage::start().await;
    stage.board.open_entrance();
    assert_eq!(config(&stage).await["enter"], "/enter");
    let own = [(ORIGIN.as_str(), stage.board.url()), ("sec-fetch-site", "same-origin")];
    for headers in [&own[..], &own[..1]] {
        let response = knocks(&stage, Method::POST, headers).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert!(!response.headers().contains_key("access-control-allow-origin"));
        assert_eq!(response.headers()["cache-control"], "no-store");
        let people: Vec<Value> = response.json().await.unwrap();
        let labels: Vec<_> = people.iter().map(|person| person["label"].as_str().unwrap()).collect();
        assert_eq!(labels, ["Ana (agent)", "Ada (admin)"]);
        for person in people {
            let staff = stage.bearing(person["token"].as_str().map(str::to_owned));
            let listed = staff.request(Method::GET, "/threads").send().await.unwrap();
            assert_eq!(listed.status(), StatusCode::OK);
        }
    }
}

#[tokio::test]
async fn other_pages_and_names_get_no_token() {
    let stage = Stage::start().await;
    stage.board.open_entrance();
    let url = stage.board.url();
    let port = url.rsplit(':').next().unwrap();
    let (rebound, rebound_origin) = (format!("evil.example:{port}"), format!("http://evil.example:{port}"));
    let (origin, host) = (ORIGIN.as_str(), HOST.as_str());
    let refused: [&[(&str, &str)]; 7] = [
        &[],
        &[(origin, "https://evil.example")],
        &[(origin, "null")],
        &[(origin, "http://127.0.0.1:1")],
        &[(origin, url), ("sec-fetch-site", "cross-site")],
        &[(origin, url), ("sec-fetch-site", "same-site")],
        &[(host, &rebound), (origin, &rebound_origin), ("sec-fetch-site", "same-origin")],
    ];
    for headers in refused {
        let response = knocks(&stage, Method::POST, headers).await;
        assert_eq!(response.status(), StatusCode::FORBIDDEN, "{headers:?}");
        assert!(!response.text().await.unwrap().contains("eyJ"), "{headers:?}");
    }
    let read = knocks(&stage, Method::GET, &[(origin, url)]).await;
    assert_eq!(read.status(), StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn an_instance_that_others_may_reach_has_no_entrance() {
    let stage = Stage::start().await;
    assert!(config(&stage).await["enter"].is_null());
    let response = knocks(&stage, Method::POST, &[(ORIGIN.as_str(), stage.board.url())]).await;
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
}
