//! The field `webhook` of a chatbot.

use local::Options;
use serde_json::{Value, json};
use shared::webhook;

use super::thread_with;
use crate::api::logs::Logs;
use tests::{
    receiver::{Receiver, Reply, SECRET},
    stage::Stage,
};

fn webhook(url: &str) -> Value {
    json!({ "url": url, "secret": SECRET })
}

/// A stage that accepts the same webhooks as on AWS.
async fn strict() -> Stage {
    Stage::with(Options { webhooks: webhook::Settings::default(), ..Options::default() }).await
}

#[tokio::test]
async fn a_webhook_is_set_exchanged_and_taken_away() {
    let stage = strict().await;
    let id = stage.chatbot_with(json!({ "webhook": webhook("https://Hooks.example.com") })).await;
    let (admin, path) = (stage.admin(), format!("/chatbots/{id}"));
    let read = || async { admin.get(&path).await.expect(200).body };
    assert_eq!(read().await["webhook"], json!({ "url": "https://hooks.example.com/" }));
    let version = read().await["version"].clone();
    // An absent field stays, and the same value is no change.
    for same in [json!({ "name": "Robin" }), json!({ "webhook": webhook("https://hooks.example.com/") })] {
        admin.patch(&path, same).await.expect(200);
    }
    assert_eq!(
        (&read().await["version"], &read().await["webhook"]["url"]),
        (&version, &json!("https://hooks.example.com/"))
    );
    let changed =
        admin.patch(&path, json!({ "webhook": webhook("https://hooks.example.com:8443/a?b") })).await.expect(200);
    assert_eq!(changed.body["webhook"], json!({ "url": "https://hooks.example.com:8443/a?b" }));
    assert_eq!(admin.patch(&path, json!({ "webhook": null })).await.expect(200).body["webhook"], json!(null));
    assert_eq!(read().await["webhook"], json!(null));
}

#[tokio::test]
async fn what_is_wrong_with_a_webhook_is_said_of_its_url_or_its_secret() {
    let stage = strict().await;
    let path = format!("/chatbots/{}", stage.chatbot().await);
    for (wrong, said) in [
        (json!({ "url": "https://hooks.example.com/" }), "webhook.secret: is required"),
        (json!({ "secret": SECRET }), "webhook.url: is required"),
        (
            json!({ "url": "https://hooks.example.com/", "secret": SECRET, "key": "" }),
            "webhook.key: is not a known field",
        ),
        (
            json!({ "url": "https://hooks.example.com/", "secret": "short" }),
            "webhook.secret: must have 16 to 128 characters",
        ),
        (webhook("hooks"), "webhook.url: must be a URL"),
        (webhook("http://hooks.example.com/"), "webhook.url: must begin with https://"),
        (webhook("https://10.0.0.1/"), "webhook.url: must point to a public address"),
        (webhook("https://[::ffff:a9fe:a9fe]/"), "webhook.url: must point to a public address"),
    ] {
        let body = json!({ "webhook": wrong });
        assert_eq!(stage.admin().patch(&path, body.clone()).await.invalid(), said);
        let create = json!({ "name": "Robin", "model": "gpt-5-mini", "webhook": wrong });
        assert_eq!(stage.admin().post("/chatbots", create).await.invalid(), said);
    }
}

#[tokio::test]
async fn the_secret_is_in_no_answer_and_no_log() {
    // At its finest level the SDK logs whole items; everything that we log ourselves is checked.
    let (logs, _logging) = Logs::kept("info,shared=trace,chat=trace,chatbot=trace,handoff=trace,local=trace");
    let (stage, receiver) = (Stage::start().await, Receiver::start().await);
    let (admin, create) =
        (stage.admin(), json!({ "name": "Robin", "model": "gpt-5-mini", "webhook": webhook(&receiver.url) }));
    let made = admin.posts_under("once", "/chatbots", create.clone()).await.expect(201);
    let path = format!("/chatbots/{}", made.id());
    let mut answers = vec![made.body, admin.posts_under("once", "/chatbots", create).await.expect(201).body];
    answers.push(admin.get(&path).await.expect(200).body);
    answers.push(admin.get("/chatbots").await.expect(200).body);
    answers.push(admin.patch(&path, json!({ "webhook": webhook("http://127.0.0.1/") })).await.expect(200).body);
    answers.push(admin.patch(&path, json!({ "webhook": { "url": "none", "secret": SECRET } })).await.body);
    receiver.replies([Reply::status(400), Reply::status(500)]);
    let (customer, thread) = (stage.customer(), thread_with(&stage, &receiver).await);
    answers.push(customer.says(&thread, "call lookup {}").await.expect(200).body);
    answers.push(customer.escalates(&thread).await.expect(200).body);
    assert!(answers.iter().all(|answer| !answer.to_string().contains(SECRET)));
    let logged = logs.text();
    assert!(logged.contains("a function call failed") && logged.contains("a webhook delivery failed"), "{logged}");
    let leaks: Vec<_> = logged.lines().filter(|line| line.contains(SECRET)).collect();
    assert!(leaks.is_empty(), "{leaks:#?}");
}
