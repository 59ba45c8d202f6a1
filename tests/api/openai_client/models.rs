//! The models that a server lists, and the check of one, in the formats of servers other than OpenAI's.

use axum::response::Response;
use serde_json::{Value, json};
use shared::openai::{Failure, Model, ModelCheck};

use super::{
    client,
    peer::{self, Peer, refusal, status},
};

const LISTED: &str = "GET /v1/models";
const ASKED: &str = "GET /v1/models/org%2Fm";

fn known(shutdown_date: Option<&str>) -> ModelCheck {
    ModelCheck::Known { shutdown_date: shutdown_date.map(str::to_owned) }
}

fn list(ids: &[&str]) -> Response {
    let data: Vec<Value> = ids.iter().map(|id| json!({ "id": id, "object": "model" })).collect();
    peer::json(200, &json!({ "object": "list", "data": data }))
}

/// The answers of servers that have no route for single models.
fn without_a_route() -> Vec<Response> {
    vec![
        peer::text(404, "text/plain", "404 page not found"),
        peer::text(404, "text/html", "<h1>Not Found</h1>"),
        peer::json(404, &json!({ "error": { "message": "Not found" } })),
        peer::json(404, &json!({ "error": "Not found" })),
        peer::json(404, &json!({ "detail": "Not Found" })),
        peer::json(404, &json!({ "error": { "message": "File Not Found", "type": "not_found_error", "code": 404 } })),
        peer::json(404, &json!({ "error": { "message": "Invalid URL (GET /v1/models/m)", "code": null } })),
        peer::json(404, &json!({ "error": { "message": "model 'm' not found", "code": null } })),
        peer::json(400, &json!({ "detail": "Model 'm' not found" })),
        status(405),
        peer::text(200, "text/html", "<h1>Welcome</h1>"),
        peer::json(200, &json!({ "error": "Unexpected endpoint or method. (GET /v1/models/m)" })),
    ]
}

#[tokio::test]
async fn a_model_that_the_server_answers_for_is_known() {
    let peer = Peer::saying([peer::json(200, &json!({ "id": "org/m", "object": "model" }))]).await;
    assert_eq!(client(&peer).model_check("org/m").await, Ok(known(None)));
    assert_eq!(peer.lines(), [ASKED]);
}

#[tokio::test]
async fn only_the_code_model_not_found_means_at_once_that_there_is_none() {
    let error = json!({ "code": "model_not_found", "message": "The model does not exist.", "param": null });
    for answer in [
        refusal(404, "model_not_found", "The model 'org/m' does not exist."),
        refusal(403, "model_not_found", "Project `proj_1` does not have access to model `org/m`."),
        peer::json(404, &error),
        peer::json(404, &json!({ "error": error, "detail": "…" })),
    ] {
        let peer = Peer::saying([answer]).await;
        assert_eq!(client(&peer).model_check("org/m").await, Ok(ModelCheck::Unknown));
        assert_eq!(peer.lines(), [ASKED]);
    }
}

#[tokio::test]
async fn a_server_without_a_route_for_single_models_is_asked_for_its_list() {
    for answer in without_a_route() {
        let peer = Peer::saying([answer, list(&["a", "org/m"])]).await;
        assert_eq!(client(&peer).model_check("org/m").await, Ok(known(None)));
        assert_eq!(peer.lines(), [ASKED, LISTED]);
    }
    for answer in without_a_route() {
        let peer = Peer::saying([answer, list(&["a", "b"])]).await;
        assert_eq!(client(&peer).model_check("org/m").await, Ok(ModelCheck::Unknown));
    }
}

#[tokio::test]
async fn a_list_proves_nothing_where_it_is_empty_missing_or_cut() {
    for answer in [
        list(&[]),
        peer::json(200, &json!({ "data": null })),
        peer::json(200, &json!({ "hello": "there" })),
        peer::json(200, &json!({ "data": [{ "id": "a" }], "has_more": true })),
        peer::text(200, "text/html", "<h1>Welcome</h1>"),
        peer::json(404, &json!({ "detail": "Not Found" })),
        status(405),
        list(&["org/m:latest"]),
    ] {
        let peer = Peer::saying([peer::json(404, &json!({ "detail": "Not Found" })), answer]).await;
        assert_eq!(client(&peer).model_check("org/m").await, Ok(ModelCheck::Undetermined));
        assert_eq!(peer.lines(), [ASKED, LISTED]);
    }
}

#[tokio::test]
async fn a_wrong_key_says_nothing_about_a_model() {
    let peer = Peer::saying([refusal(401, "invalid_api_key", "Incorrect API key provided.")]).await;
    let failure = client(&peer).model_check("m").await.unwrap_err();
    assert!(matches!(failure, Failure::Refused { status: 401, .. }));
    assert_eq!(peer.seen().len(), 1);
}

#[tokio::test]
async fn the_day_on_which_a_model_ends_is_a_date_or_nothing() {
    for (said, date) in [
        (json!("2026-12-11"), Some("2026-12-11")),
        (json!("2026-12-11T00:00:00Z"), Some("2026-12-11")),
        (json!(null), None),
        (json!(""), None),
        (json!("soon"), None),
        (json!("2026-13-11"), None),
        (json!("2027-02-29"), None),
        (json!("ありがとう"), None),
        (json!(1_796_947_200), None),
    ] {
        let model = json!({ "id": "m", "shutdown_date": said });
        let peer = Peer::saying([peer::json(200, &model)]).await;
        assert_eq!(client(&peer).model_check("m").await, Ok(known(date)), "{said}");

        let peer = Peer::saying([status(404), peer::json(200, &json!({ "data": [model] }))]).await;
        assert_eq!(client(&peer).model_check("m").await, Ok(known(date)), "{said}, in the list");
    }
}

#[tokio::test]
async fn a_list_is_read_in_each_of_its_formats() {
    let model = |id: &str, created: Option<i64>| Model { id: id.to_owned(), created, shutdown_date: None };
    for (body, models) in [
        (json!({ "object": "list", "data": [{ "id": "a", "created": 7 }] }), vec![model("a", Some(7))]),
        (
            json!({ "data": [{ "id": "a", "created": 7.0 }, { "id": "b" }] }),
            vec![model("a", Some(7)), model("b", None)],
        ),
        (json!({ "models": [{ "name": "a:1b", "model": "a:1b" }] }), vec![model("a:1b", None)]),
        (json!({ "models": [{ "name": "file" }], "data": [{ "id": "a" }] }), vec![model("a", None)]),
        (json!(["a", { "id": "b", "created": "now" }, 3, {}]), vec![model("a", None), model("b", None)]),
        (json!({ "data": ["a"] }), vec![model("a", None)]),
        (json!({ "data": [] }), vec![]),
        (json!({ "data": null }), vec![]),
    ] {
        let peer = Peer::saying([peer::json(200, &body)]).await;
        assert_eq!(client(&peer).models().await, Ok(models), "{body}");
        assert_eq!(peer.lines(), [LISTED]);
    }
    for no_list in [peer::text(200, "text/html", "<h1>Welcome</h1>"), peer::json(200, &json!({ "status": "ok" }))] {
        let peer = Peer::saying([no_list]).await;
        assert_eq!(client(&peer).models().await, Err(Failure::Interrupted { code: None }));
    }
}

#[test]
fn a_model_may_answer_to_other_variants_of_its_name() {
    let may = |listed: &str, asked: &str| {
        Model { id: listed.to_owned(), created: None, shutdown_date: None }.may_answer_to(asked)
    };
    assert!(may("m", "m") && may("m:latest", "m") && may("org/m", "org/m:free") && may("m:4b", "m:latest"));
    assert!(!may("m2", "m") && !may("org/m", "org") && !may("org/m", "m"));
    assert!(may("ft:m:org::1", "ft:m:org::1") && !may("ft:m:org::1", "ft:m:org::2"));
}
