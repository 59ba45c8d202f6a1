//! The first things that a new stack serves: chatbots and threads.

use reqwest::Method;
use serde_json::json;

use super::Cloud;
use tests::persona::Answer;

/// The title by which [`upgraded`](super::upgraded) finds the thread again.
pub(super) const TITLE: &str = "From before the upgrade";

#[tokio::test]
async fn a_chatbot_and_a_thread_are_created_and_read() {
    let cloud = Cloud::get();
    let chatbot = cloud.chatbot(json!({})).await;
    let read = cloud.agent().get(&format!("/chatbots/{chatbot}")).await.expect(200).body;
    assert_eq!(read["name"], "Robin");
    let body = json!({ "chatbot_id": chatbot, "title": TITLE, "metadata": { "order": "17" } });
    let thread = cloud.customer().post("/threads", body).await.expect(201).id();
    let read = cloud.customer().reads(&thread).await;
    assert_eq!((&read["status"], &read["title"]), (&json!("bot"), &json!(TITLE)));
    cloud.customer().escalates(&thread).await.expect(200);
    assert_eq!(cloud.agent().claims(&thread).await.expect(200).body["status"], "agent");
}

#[tokio::test]
async fn a_token_of_another_secret_is_refused() {
    let cloud = Cloud::get();
    let other = Cloud { secret: "another secret of 32 characters ..".to_owned(), ..cloud };
    for caller in [other.customer(), other.bearing(None)] {
        let refused = Answer::of_emulator(caller.request(Method::GET, "/threads")).await;
        assert_eq!(refused.status, 401);
    }
}
