//! The daily check of chatbots' models.

use std::{future::Future, time::Duration};

use aws_sdk_dynamodb::{operation::update_item::builders::UpdateItemFluentBuilder, types::AttributeValue::S};
use insta::assert_snapshot;
use local::{
    Options, TABLE,
    standin::{ErrorResponse, Fault},
};
use serde_json::{Value, json};
use shared::{Clock, domain::At};
use tokio::join;

use super::{DAY, MINUTE, lasting, stage};
use crate::api::logs::Logs;
use tests::{clock::Turned, openai::brisk, persona::redacted, stage::Stage};

const HOUR: Duration = Duration::from_hours(1);

/// The models that OpenAI is asked for while `doing`, in order.
async fn asked(stage: &Stage, doing: impl Future<Output = ()>) -> Vec<String> {
    stage.standin().forget_requests();
    doing.await;
    let requests = stage.asked_of_openai("GET", "/v1/models/").into_iter();
    let mut models: Vec<String> = requests.map(|it| it.path.trim_start_matches("/v1/models/").to_owned()).collect();
    models.sort();
    models
}

async fn read(stage: &Stage, chatbot: &str) -> Value {
    lasting(stage, "admin", "root").get(&format!("/chatbots/{chatbot}")).await.expect(200).body
}

fn codes(chatbot: &Value) -> Vec<&str> {
    chatbot["warnings"].as_array().unwrap().iter().map(|warning| warning["code"].as_str().unwrap()).collect()
}

/// An update of the chatbot's item behind Switchboard's back.
fn update(stage: &Stage, chatbot: &str) -> UpdateItemFluentBuilder {
    let key = [("pk", "acme#CHATBOT"), ("sk", chatbot)].map(|(name, value)| (name.to_owned(), S(value.to_owned())));
    stage.board.table().update_item().table_name(TABLE).set_key(Some(key.into()))
}

/// OpenAI no longer has any model.
fn models_are_gone(stage: &Stage) {
    let gone = ErrorResponse::status(404).code("model_not_found");
    stage.standin().fault(Fault::on("GET", "/v1/models/", gone).times(u32::MAX));
}

#[tokio::test]
async fn each_model_is_asked_for_once_a_day_however_many_chatbots_have_it() {
    let (stage, turned) = stage().await;
    for fields in [json!({}), json!({ "fallback_model": "gpt-5" }), json!({ "model": "gpt-5" })] {
        stage.chatbot_with(fields).await;
    }
    turned.by(HOUR * 23);
    assert_eq!(asked(&stage, stage.sweeps()).await, [""; 0]);
    for _ in 0..2 {
        turned.by(HOUR * 2);
        assert_eq!(asked(&stage, stage.sweeps()).await, ["gpt-5", "gpt-5-mini"]);
        assert_eq!(asked(&stage, stage.sweeps()).await, [""; 0]);
        turned.by(HOUR * 22);
    }
}

#[tokio::test]
async fn a_model_that_ends_is_in_view_and_log_from_sixty_days_before() {
    // A morning in November: the days of the log are fixed.
    let (turned, fixed) = (Turned::default(), At::from_millis(1_795_341_600_000));
    let moved = turned.clone();
    let clock = Clock::new(move || fixed + moved.ahead());
    let stage = Stage::with(Options { clock, ..brisk() }).await;
    let id = stage.chatbot_with(json!({ "fallback_model": "gpt-5" })).await;
    stage.standin().set_shutdown_date("gpt-5-mini", Some("2027-01-23"));
    let (logs, _logging) = Logs::kept("warn");
    let mut story = Vec::new();
    for days in [1, 1, 59, 1] {
        turned.by(DAY * days);
        stage.sweeps().await;
        let chatbot = read(&stage, &id).await;
        let day = stage.board.app().now().date();
        story.push(format!("{day} {} {:?}", chatbot["model_shutdown_date"], codes(&chatbot)));
        story.extend(logs.take().iter().flat_map(|line| line.split(" tenant=")).map(str::to_owned));
    }
    redacted().bind(|| {
        assert_snapshot!(story.join("\n"), @r#"
    2026-11-23 "2027-01-23" []
    2026-11-24 "2027-01-23" ["model_ends"]
     WARN sweep::chatbot: a chatbot's model shuts down soon; set another one before that day
    "acme" chatbot.id=[chatbot] model="gpt-5-mini" field="model" date="2027-01-23"
    2027-01-22 "2027-01-23" ["model_ends"]
     WARN sweep::chatbot: a chatbot's model shuts down soon; set another one before that day
    "acme" chatbot.id=[chatbot] model="gpt-5-mini" field="model" date="2027-01-23"
    2027-01-23 "2027-01-23" ["model_ends"]
    ERROR sweep::chatbot: a chatbot's model has reached its shutdown date; set another one
    "acme" chatbot.id=[chatbot] model="gpt-5-mini" field="model" date="2027-01-23"
    "#);
    });
}

#[tokio::test]
async fn a_model_that_is_gone_is_missing_until_it_is_back() {
    let (stage, turned) = stage().await;
    stage.standin().set_shutdown_date("gpt-5-mini", Some("2999-12-31"));
    let id = stage.chatbot().await;
    let before = read(&stage, &id).await;
    models_are_gone(&stage);
    let (logs, _logging) = Logs::kept("error");
    turned.by(DAY);
    stage.sweeps().await;
    let mut missing = read(&stage, &id).await;
    assert_eq!(codes(&missing), ["model_missing"]);
    // Nothing else of it has changed; the last day that was heard of is still shown.
    missing["warnings"] = json!([]);
    assert_eq!(missing, before);
    let [line] = logs.take().try_into().unwrap();
    assert!(line.contains("does not have a chatbot's model") && line.contains(&id), "{line}");
    stage.openai_comes_back();
    turned.by(DAY);
    stage.sweeps().await;
    assert_eq!(read(&stage, &id).await, before);
    assert_eq!(logs.take(), [""; 0]);
}

#[tokio::test]
async fn a_fallback_model_that_is_gone_is_named_as_such() {
    let (stage, turned) = stage().await;
    let id = stage.chatbot_with(json!({ "fallback_model": "gpt-6" })).await;
    let gone = ErrorResponse::status(404).code("model_not_found");
    stage.standin().fault(Fault::on("GET", "/v1/models/gpt-6", gone));
    let (logs, _logging) = Logs::kept("error");
    turned.by(DAY);
    stage.sweeps().await;
    let said = "the server does not have the model `gpt-6`; set `fallback_model` to one that it has";
    assert_eq!(read(&stage, &id).await["warnings"], json!([{ "code": "model_missing", "detail": said }]));
    let [line] = logs.take().try_into().unwrap();
    assert!(line.contains(r#"model="gpt-6" field="fallback_model""#), "{line}");
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_asked_again_in_an_hour() {
    let (stage, turned) = stage().await;
    stage.standin().set_shutdown_date("gpt-5-mini", Some("2999-12-31"));
    let id = stage.chatbot().await;
    let before = read(&stage, &id).await;
    stage.openai_goes_down();
    turned.by(DAY);
    assert_eq!(asked(&stage, stage.sweeps()).await, ["gpt-5-mini"]);
    // What is known of the model stays.
    assert_eq!(read(&stage, &id).await, before);
    turned.by(MINUTE * 59);
    assert_eq!(asked(&stage, stage.sweeps()).await, [""; 0]);
    turned.by(MINUTE * 2);
    assert_eq!(asked(&stage, stage.sweeps()).await, ["gpt-5-mini"]);
}

#[tokio::test]
async fn a_model_that_could_not_be_checked_at_first_is_checked_in_an_hour() {
    let (stage, turned) = stage().await;
    stage.openai_goes_down();
    let made = [json!({ "model": "llama" }), json!({ "fallback_model": "llama" })];
    let [model, fallback] = made.map(|fields| stage.chatbot_with(fields));
    let (model, fallback) = (model.await, fallback.await);
    stage.openai_comes_back();
    assert_eq!(codes(&read(&stage, &model).await), ["model_undetermined"]);
    turned.by(HOUR);
    assert_eq!(asked(&stage, stage.sweeps()).await, ["gpt-5-mini", "llama"]);
    for id in [model, fallback] {
        assert_eq!(codes(&read(&stage, &id).await), ["model_missing"]);
    }
}

#[tokio::test]
async fn of_two_sweeps_one_logs() {
    let (stage, turned) = stage().await;
    stage.chatbot().await;
    models_are_gone(&stage);
    let (logs, _logging) = Logs::kept("error");
    turned.by(DAY);
    join!(stage.sweeps(), stage.sweeps());
    assert_eq!(logs.take().len(), 1);
}

#[tokio::test]
async fn a_chatbot_that_is_changed_in_mid_check_is_checked_anew() {
    let (stage, turned) = stage().await;
    let id = stage.chatbot().await;
    stage.standin().set_shutdown_date("gpt-5-mini", Some("2020-01-31"));
    turned.by(DAY);
    let admin = lasting(&stage, "admin", "root");
    let hold = stage.standin().stall("GET", "/v1/models/gpt-5-mini");
    let change = async {
        hold.begun().await;
        admin.patch(&format!("/chatbots/{id}"), json!({ "model": "gpt-5" })).await.expect(200);
        hold.release();
    };
    join!(stage.sweeps(), change);
    // The answer was about a model that the chatbot no longer has.
    let chatbot = read(&stage, &id).await;
    assert_eq!((&chatbot["model_shutdown_date"], codes(&chatbot)), (&Value::Null, vec![]));
    assert_eq!(asked(&stage, stage.sweeps()).await, ["gpt-5"]);
}

#[tokio::test]
async fn a_deleted_chatbot_is_not_checked() {
    let (stage, turned) = stage().await;
    let [kept, deleted] = [stage.chatbot().await, stage.chatbot_with(json!({ "model": "gpt-5" })).await];
    turned.by(DAY);
    let admin = lasting(&stage, "admin", "root");
    // One is deleted before the check, the other while it is under way.
    admin.delete(&format!("/chatbots/{deleted}")).await.expect(204);
    let hold = stage.standin().stall("GET", "/v1/models/");
    let delete = async {
        hold.begun().await;
        admin.delete(&format!("/chatbots/{kept}")).await.expect(204);
        hold.release();
    };
    let swept = asked(&stage, async {
        join!(stage.sweeps(), delete);
    });
    assert_eq!(swept.await, ["gpt-5-mini"]);
    assert_eq!(admin.get("/chatbots").await.expect(200).body["data"], json!([]));
}

#[tokio::test]
async fn a_chatbot_of_before_the_checks_is_checked_after_its_next_change() {
    let (stage, turned) = stage().await;
    let id = stage.chatbot().await;
    let item = update(&stage, &id);
    item.update_expression("REMOVE due_pk, due_sk, model_check_due").send().await.unwrap();
    turned.by(DAY * 2);
    assert_eq!(asked(&stage, stage.sweeps()).await, [""; 0]);
    let admin = lasting(&stage, "admin", "root");
    admin.patch(&format!("/chatbots/{id}"), json!({ "name": "Wren" })).await.expect(200);
    assert_eq!(asked(&stage, stage.sweeps()).await, ["gpt-5-mini"]);
}

#[tokio::test]
async fn what_an_index_that_lags_still_has_is_not_checked() {
    let (stage, _) = stage().await;
    let id = stage.chatbot().await;
    let item = update(&stage, &id);
    let long_ago = S("2020-01-31T00:00:00.000Z".into());
    item.update_expression("SET due_sk = :at").expression_attribute_values(":at", long_ago).send().await.unwrap();
    assert_eq!(asked(&stage, stage.sweeps()).await, [""; 0]);
}
