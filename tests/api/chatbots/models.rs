//! A chatbot's model and fallback model: the check at the server, and the warnings.

use insta::assert_snapshot;
use local::standin::{ErrorResponse, Fault};
use serde_json::{Value, json};
use shared::{
    App,
    domain::{Chatbot, chatbot::ModelStatus},
};

use tests::stage::Stage;

const NOT_AVAILABLE: &str = "is not available at OpenAI with this API key";

/// The paths of the models that OpenAI was asked for.
fn asked(stage: &Stage) -> Vec<String> {
    stage.asked_of_openai("GET", "/v1/models").into_iter().map(|request| request.path).collect()
}

fn codes(chatbot: &Value) -> Vec<&str> {
    chatbot["warnings"].as_array().unwrap().iter().map(|warning| warning["code"].as_str().unwrap()).collect()
}

/// The warnings, as lines of `code: detail`.
fn warnings(chatbot: &Value) -> String {
    let line = |it: &Value| format!("{}: {}", it["code"].as_str().unwrap(), it["detail"].as_str().unwrap());
    chatbot["warnings"].as_array().unwrap().iter().map(line).collect::<Vec<_>>().join("\n")
}

async fn stored(app: &App, id: &str) -> Chatbot {
    app.store.chatbot_get("acme", &id.parse().unwrap()).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_model_that_openai_does_not_have_is_refused() {
    let stage = Stage::start().await;
    let admin = stage.admin();
    let said = admin.post("/chatbots", json!({ "name": "Wren", "model": "llama" })).await.invalid();
    assert_eq!(said, format!("model: {NOT_AVAILABLE}"));
    let body = json!({ "name": "Wren", "model": "gpt-5-mini", "fallback_model": "llama" });
    assert_eq!(admin.post("/chatbots", body).await.invalid(), format!("fallback_model: {NOT_AVAILABLE}"));
    assert_eq!(admin.get("/chatbots").await.expect(200).body["data"], json!([]));
    let path = format!("/chatbots/{}", stage.chatbot().await);
    for field in ["model", "fallback_model"] {
        let said = admin.patch(&path, json!({ field: "llama" })).await.invalid();
        assert_eq!(said, format!("{field}: {NOT_AVAILABLE}"));
    }
    let now = admin.get(&path).await.expect(200).body;
    assert_eq!(
        (&now["model"], &now["fallback_model"], &now["version"]),
        (&json!("gpt-5-mini"), &Value::Null, &json!(1))
    );
}

#[tokio::test]
async fn a_model_that_cannot_be_checked_is_taken_with_a_warning() {
    let stage = Stage::start().await;
    let admin = stage.admin();
    stage.openai_goes_down();
    let models = json!({ "name": "Wren", "model": "llama", "fallback_model": "qwen" });
    let made = admin.post("/chatbots", models).await.expect(201).body;
    assert_snapshot!(warnings(&made), @"
    model_undetermined: the server did not say whether it has the model `llama`; send the chatbot a test message
    model_undetermined: the server did not say whether it has the model `qwen`; send the chatbot a test message
    ");
    assert_eq!(admin.get(&format!("/chatbots/{}", made["id"].as_str().unwrap())).await.expect(200).body, made);
    stage.openai_comes_back();
    // A server without either route responds with a page of its own.
    let no_route = ErrorResponse::status(404).body(json!("<h1>Not Found</h1>"));
    stage.standin().fault(Fault::on("GET", "/v1/models", no_route).times(2));
    let made = admin.post("/chatbots", json!({ "name": "Wren", "model": "qwen" })).await.expect(201).body;
    assert_eq!(codes(&made), ["model_undetermined"]);
    let path = format!("/chatbots/{}", made["id"].as_str().unwrap());
    let changed = admin.patch(&path, json!({ "model": "gpt-5-mini" })).await.expect(200).body;
    assert_eq!(changed["warnings"], json!([]));
}

#[tokio::test]
async fn a_model_is_asked_for_when_it_is_set_and_only_then() {
    let stage = Stage::start().await;
    let id = stage.chatbot_with(json!({ "fallback_model": "gpt-5-nano" })).await;
    let mut paths = asked(&stage);
    paths.sort();
    assert_eq!(paths, ["/v1/models/gpt-5-mini", "/v1/models/gpt-5-nano"]);
    for (change, asks) in [
        (json!({ "name": "Wren", "model": "gpt-5-mini", "fallback_model": "gpt-5-nano" }), vec![]),
        (json!({ "fallback_model": "gpt-5" }), vec!["/v1/models/gpt-5"]),
        (json!({ "model": "gpt-6" }), vec!["/v1/models/gpt-6"]),
        (json!({ "fallback_model": null }), vec![]),
    ] {
        stage.standin().forget_requests();
        stage.admin().patch(&format!("/chatbots/{id}"), change).await.expect(200);
        assert_eq!(asked(&stage), asks);
    }
}

#[tokio::test]
async fn a_model_that_ends_is_shown_with_its_last_day_and_a_warning() {
    let stage = Stage::start().await;
    let admin = stage.admin();
    for (model, date) in [("gpt-4", "2020-01-31"), ("gpt-4o", "2999-12-31")] {
        stage.standin().set_shutdown_date(model, Some(date));
    }
    let id = stage.chatbot_with(json!({ "model": "gpt-4o", "fallback_model": "gpt-4" })).await;
    let path = format!("/chatbots/{id}");
    let made = admin.get(&path).await.expect(200).body;
    // Only the model's own date is shown; that of the fallback model is in its warning.
    assert_eq!(made["model_shutdown_date"], "2999-12-31");
    let ended =
        "model_ends: the model `gpt-4` has reached its shutdown date, 2020-01-31; set `fallback_model` to another one";
    assert_eq!(warnings(&made), ended);
    let listed = admin.get("/chatbots").await.expect(200).body;
    assert_eq!(listed["data"][0]["warnings"], made["warnings"]);
    let body = json!({ "model": "gpt-4", "fallback_model": null });
    let changed = admin.patch(&path, body).await.expect(200).body;
    assert_eq!((&changed["model_shutdown_date"], codes(&changed)), (&json!("2020-01-31"), vec!["model_ends"]));
    let changed = admin.patch(&path, json!({ "model": "gpt-5" })).await.expect(200).body;
    assert_eq!((&changed["model_shutdown_date"], codes(&changed)), (&Value::Null, vec![]));
}

#[tokio::test]
async fn a_repeat_gets_the_warnings_of_the_first_answer() {
    let stage = Stage::start().await;
    let (admin, body) = (stage.admin(), json!({ "name": "Wren", "model": "gpt-4" }));
    stage.standin().set_shutdown_date("gpt-4", Some("2020-01-31"));
    let first = admin.posts_under("k1", "/chatbots", body.clone()).await.expect(201).body;
    assert_eq!(codes(&first), ["model_ends"]);
    stage.standin().set_shutdown_date("gpt-4", None);
    let path = format!("/chatbots/{}", first["id"].as_str().unwrap());
    admin.patch(&path, json!({ "model": "gpt-5" })).await.expect(200);
    assert_eq!(admin.posts_under("k1", "/chatbots", body).await.expect(201).body, first);
}

#[tokio::test]
async fn a_refused_parameter_is_kept_once_and_for_one_version() {
    let stage = Stage::start().await;
    let (admin, app, id) = (stage.admin(), stage.board.app(), stage.chatbot().await);
    let path = format!("/chatbots/{id}");
    let first = stored(app, &id).await;
    // Two turns may find the same, at the same time.
    let (one, other) = tokio::join!(
        app.store.chatbot_refused(&first, "temperature"),
        app.store.chatbot_refused(&first, "temperature")
    );
    one.and(other).unwrap();
    app.store.chatbot_refused(&first, "store").await.unwrap();
    let refused = stored(app, &id).await;
    assert_eq!(refused.refused_parameters, ["temperature", "store"]);
    assert_eq!((refused.version, refused.updated_at), (first.version, first.updated_at));
    assert_snapshot!(warnings(&admin.get(&path).await.expect(200).body), @"
    parameter_refused: the server refuses the parameter `temperature`; it is left out of requests
    parameter_refused: the server refuses the parameter `store`; it is left out of requests
    ");

    let changed = admin.patch(&path, json!({ "name": "Wren" })).await.expect(200).body;
    assert_eq!(changed["warnings"], json!([]));
    // A turn of the version that is past.
    app.store.chatbot_refused(&first, "temperature").await.unwrap();
    assert_eq!(stored(app, &id).await.refused_parameters, [""; 0]);
    // Nor does it bring a deleted chatbot back.
    let last = stored(app, &id).await;
    admin.delete(&path).await.expect(204);
    app.store.chatbot_refused(&last, "temperature").await.unwrap();
    admin.get(&path).await.problem(404, "not_found");
}

#[tokio::test]
async fn a_status_that_a_turn_learns_is_that_of_its_version() {
    let stage = Stage::start().await;
    let (admin, app, id) = (stage.admin(), stage.board.app(), stage.chatbot().await);
    let path = format!("/chatbots/{id}");
    let first = stored(app, &id).await;
    assert!(app.store.chatbot_set_model_status(&first, &ModelStatus::missing()).await.unwrap());
    let missing = admin.get(&path).await.expect(200).body;
    let said = "model_missing: the server does not have the model `gpt-5-mini`; set `model` to one that it has";
    assert_eq!(warnings(&missing), said);
    assert_eq!((&missing["version"], &missing["updated_at"]), (&json!(1), &json!(first.updated_at)));
    admin.patch(&path, json!({ "model": "gpt-5" })).await.expect(200);
    assert!(!app.store.chatbot_set_model_status(&first, &ModelStatus::missing()).await.unwrap());
    assert_eq!(admin.get(&path).await.expect(200).body["warnings"], json!([]));
}
