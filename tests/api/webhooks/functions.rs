//! Functions that the model calls, carried out by the webhook.

use insta::assert_json_snapshot;
use local::{Options, standin::Failure};
use serde_json::json;
use shared::{domain::webhook::NetworkPolicy, webhook};
use tokio::join;

use super::{error_of, hasty, last_output, thread_at, thread_with};
use tests::{
    persona::redacted,
    receiver::{Receiver, Reply},
    stage::Stage,
};

#[tokio::test]
async fn a_function_is_asked_of_the_webhook_and_the_model_goes_on_with_its_answer() {
    let (stage, receiver) = (Stage::start().await, Receiver::start().await);
    let (customer, thread) = (stage.customer(), thread_with(&stage, &receiver).await);
    receiver.replies([Reply::json(&json!({ "order": "on its way" }))]);
    let answer = customer.says(&thread, r#"call lookup {"order": 7}"#).await.expect(200);
    assert!(answer.reply().contains("on its way"), "{}", answer.reply());
    assert_eq!(last_output(&stage), r#"{"order":"on its way"}"#);
    let [asked] = receiver.told().try_into().unwrap();
    redacted().bind(|| {
        assert_json_snapshot!(asked.body, { ".call_id" => "[call]" }, @r#"
        {
          "arguments": {
            "order": 7
          },
          "call_id": "[call]",
          "chatbot_id": "[chatbot]",
          "customer_id": "cus",
          "name": "lookup",
          "thread_id": "[thread]",
          "type": "function.called"
        }
        "#);
    });
    // Plain text is accepted too, and each call has an id of its own.
    receiver.replies([Reply::Status(201, "lost".into()), Reply::status(204)]);
    customer.says(&thread, "call lookup {}").await.expect(200);
    assert_eq!(last_output(&stage), "lost");
    customer.says(&thread, "call lookup {}").await.expect(200);
    assert_eq!(last_output(&stage), r#"{"ok":true}"#);
    let ids = receiver.told().into_iter().map(|told| told.id).collect::<std::collections::BTreeSet<_>>();
    assert_eq!(ids.len(), 3);
    assert_eq!(stage.standin().counts().conversations, 1);
}

#[tokio::test]
async fn a_webhook_that_fails_is_for_the_model_to_apologise_for() {
    let (stage, receiver) = (Stage::with(hasty()).await, Receiver::start().await);
    let (customer, thread) = (stage.customer(), thread_with(&stage, &receiver).await);
    for (reply, why) in [
        (Reply::status(404), "the webhook responded with status 404"),
        (Reply::Redirect, "the webhook responded with status 307"),
        (Reply::Never, "the webhook did not respond in time"),
        (Reply::Status(200, "é".repeat(32 * 1024 + 1)), "the webhook's response is too large"),
    ] {
        let before = receiver.told().len();
        receiver.replies([reply]);
        customer.says(&thread, "call lookup {}").await.expect(200);
        assert_eq!(error_of(&last_output(&stage)), format!("the function lookup failed: {why}"));
        // None of these is worth a retry; a redirect is not followed.
        assert_eq!(receiver.told().len() - before, 1, "{why}");
    }
}

#[tokio::test]
async fn a_call_that_fails_in_passing_is_sent_once_more_under_the_same_key() {
    let (stage, receiver) = (Stage::start().await, Receiver::start().await);
    let (customer, thread) = (stage.customer(), thread_with(&stage, &receiver).await);
    receiver.replies([Reply::status(503), Reply::json(&json!("found"))]);
    customer.says(&thread, "call lookup {}").await.expect(200);
    assert_eq!(last_output(&stage), "\"found\"");
    let [first, second] = receiver.told().try_into().unwrap();
    assert_eq!((&first.id, &first.body), (&second.id, &second.body));
    assert_eq!([&first.idempotency_key, &second.idempotency_key], [&first.id, &first.id]);
    // But it is not retried more than once.
    receiver.replies([Reply::status(503), Reply::status(429)]);
    customer.says(&thread, "call lookup {}").await.expect(200);
    assert_eq!(error_of(&last_output(&stage)), "the function lookup failed: the webhook responded with status 429");
    assert_eq!(receiver.told().len(), 4);
}

#[tokio::test]
async fn a_webhook_that_is_not_there_is_for_the_model_too() {
    let stage = Stage::start().await;
    let nobody = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}/", nobody.local_addr().unwrap());
    drop(nobody);
    let (customer, thread) = (stage.customer(), thread_at(&stage, &url).await);
    customer.says(&thread, "call lookup {}").await.expect(200);
    assert_eq!(error_of(&last_output(&stage)), "the function lookup failed: the webhook could not be reached");
}

#[tokio::test]
async fn the_model_is_given_the_beginning_of_a_long_answer() {
    let (stage, receiver) = (Stage::start().await, Receiver::start().await);
    let (customer, thread) = (stage.customer(), thread_with(&stage, &receiver).await);
    receiver.replies([Reply::Status(200, "x".repeat(64 * 1024))]);
    customer.says(&thread, "call lookup {}").await.expect(200);
    assert_eq!(last_output(&stage), "x".repeat(16 * 1024) + " … (the rest was cut off)");
}

#[tokio::test]
async fn only_a_function_of_the_chatbot_is_asked_for_and_only_with_arguments() {
    let (stage, receiver) = (Stage::start().await, Receiver::start().await);
    let (customer, thread) = (stage.customer(), thread_with(&stage, &receiver).await);
    for (name, arguments, why) in [
        ("unheard_of", "{}", "the function unheard_of cannot be called here"),
        ("lookup", "no json", "the function lookup needs arguments in JSON"),
    ] {
        stage.next_response(Failure::Call { name: name.into(), arguments: arguments.into() });
        customer.says(&thread, "Hello").await.expect(200);
        assert_eq!(error_of(&last_output(&stage)), why);
    }
    assert_eq!(receiver.types(), [""; 0]);
}

#[tokio::test]
async fn a_run_that_has_lost_the_line_calls_nothing() {
    let (stage, receiver) = (Stage::start().await, Receiver::start().await);
    let (customer, agent, thread) = (stage.customer(), stage.agent(), thread_with(&stage, &receiver).await);
    let hold = stage.hold();
    let (answer, ()) = join!(customer.says(&thread, "call lookup {}"), async {
        hold.begun().await;
        agent.claims(&thread).await.expect(200);
        hold.release();
    });
    assert_eq!(answer.expect(202).body["thread"]["status"], "agent");
    assert_eq!(receiver.types(), ["thread.claimed"]);
    // The call without an output does not affect the next conversation.
    agent.releases(&thread, "bot").await.expect(200);
    stage.board.invocations().finished().await;
    assert_eq!(receiver.types()[1..], ["function.called"]);
    assert!(customer.says(&thread, "And now?").await.expect(200).reply().contains("And now?"));
}

#[tokio::test]
async fn a_line_lost_between_two_tries_is_not_tried_again() {
    let (stage, receiver) = (Stage::start().await, Receiver::start().await);
    let (customer, agent, thread) = (stage.customer(), stage.agent(), thread_with(&stage, &receiver).await);
    receiver.replies([Reply::status(503)]);
    let (answer, ()) = join!(customer.says(&thread, "call lookup {}"), async {
        receiver.until_told().await;
        agent.claims(&thread).await.expect(200);
    });
    answer.expect(202);
    assert_eq!(receiver.types(), ["function.called", "thread.claimed"]);
}

#[tokio::test]
async fn a_name_that_leads_into_the_network_is_refused_when_it_is_called() {
    let webhooks = webhook::Settings { network_policy: NetworkPolicy::Public, ..webhook::Settings::default() };
    let stage = Stage::with(Options { webhooks, ..Options::default() }).await;
    let receiver = Receiver::start().await;
    // The name does not show that it resolves to an address in the network.
    let url = receiver.url.replace("http://127.0.0.1", "https://localhost");
    let (customer, thread) = (stage.customer(), thread_at(&stage, &url).await);
    customer.says(&thread, "call lookup {}").await.expect(200);
    assert_eq!(error_of(&last_output(&stage)), "the function lookup failed: the webhook's address is not public");
}
