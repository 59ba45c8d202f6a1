//! `POST /threads` and `GET /threads/{thread_id}`.

use insta::assert_json_snapshot;
use local::Options;
use serde_json::json;
use shared::domain::chatbot::Memory;

use tests::{persona::redacted, stage::Stage};

#[tokio::test]
async fn a_thread_is_made_here_and_at_openai() {
    let stage = Stage::start().await;
    let (customer, chatbot) = (stage.customer(), stage.chatbot().await);
    let body = json!({ "chatbot_id": chatbot, "title": "A parcel", "metadata": { "order": "42" } });
    let made = customer.post("/threads", body).await.expect(201);
    redacted().bind(|| {
        assert_json_snapshot!(made.body, @r#"
    {
      "chatbot_id": "[chatbot]",
      "created_at": "[time]",
      "customer_id": "cus",
      "id": "[thread]",
      "metadata": {
        "order": "42"
      },
      "seq": 0,
      "status": "bot",
      "status_since": "[time]",
      "title": "A parcel",
      "updated_at": "[time]"
    }
    "#);
    });
    let mut read = customer.reads(&made.id()).await;
    assert_eq!(read.as_object_mut().unwrap().remove("unread"), Some(json!(0)));
    assert_eq!(read, made.body);
    let asked = stage.asked_of_openai("POST", "/v1/conversations");
    assert_eq!(asked.len(), 1);
    let pairs = json!({ "order": "42", "title": "A parcel", "switchboard_thread": made.id() });
    assert_eq!(asked[0].body["metadata"], pairs);
    assert_eq!(stage.standin().counts().conversations, 1);
}

#[tokio::test]
async fn a_title_is_none_and_metadata_empty_unless_given() {
    let stage = Stage::start().await;
    let thread = stage.thread().await;
    let read = stage.customer().get(&format!("/threads/{thread}")).await.expect(200).body;
    assert_eq!((&read["title"], &read["metadata"], &read["seq"]), (&json!(null), &json!({}), &json!(0)));
    assert_eq!((&read["status"], &read["status_since"]), (&json!("bot"), &read["created_at"]));
}

#[tokio::test]
async fn a_greeting_is_the_first_message() {
    let stage = Stage::start().await;
    let chatbot = stage.chatbot_with(json!({ "greeting": "Hello! What can I do for you?" })).await;
    let customer = stage.customer();
    let thread = customer.post("/threads", json!({ "chatbot_id": chatbot })).await.expect(201);
    assert_eq!(thread.body["seq"], 1);
    let log = customer.log(&thread.id()).await;
    redacted().bind(|| {
        assert_json_snapshot!(log, @r#"
    [
      {
        "at": "[time]",
        "author": {
          "id": "[chatbot]",
          "name": "Robin"
        },
        "id": "[message]",
        "role": "bot",
        "seq": 1,
        "text": "Hello! What can I do for you?",
        "thread_id": "[thread]"
      }
    ]
    "#);
    });
    customer.says(&thread.id(), "My parcel").await.expect(200);
    assert_eq!(customer.log(&thread.id()).await.len(), 3);
}

#[tokio::test]
async fn an_agent_makes_a_thread_for_a_customer() {
    let stage = Stage::start().await;
    let (agent, chatbot) = (stage.agent(), stage.chatbot().await);
    let unnamed = agent.post("/threads", json!({ "chatbot_id": chatbot })).await.invalid();
    assert_eq!(unnamed, "customer_id: is required for agents and admins");
    let thread = agent.post("/threads", json!({ "chatbot_id": chatbot, "customer_id": "dora" })).await.expect(201);
    assert_eq!(thread.body["customer_id"], "dora");
    let path = format!("/threads/{}", thread.id());
    stage.persona("acme", "customer", "dora").get(&path).await.expect(200);
    stage.customer().get(&path).await.problem(404, "not_found");
}

#[tokio::test]
async fn a_customer_makes_threads_only_for_themselves() {
    let stage = Stage::start().await;
    let body = json!({ "chatbot_id": stage.chatbot().await, "customer_id": "dora" });
    stage.customer().post("/threads", body).await.problem(403, "forbidden");
}

#[tokio::test]
async fn without_openai_a_thread_is_made_and_its_conversation_at_the_first_run() {
    let stage = Stage::start().await;
    let (customer, chatbot) = (stage.customer(), stage.chatbot().await);
    stage.openai_goes_down();
    let body = json!({ "chatbot_id": chatbot, "title": "A parcel" });
    let thread = customer.post("/threads", body).await.expect(201).id();
    assert_eq!(stage.standin().counts().conversations, 0);
    stage.openai_comes_back();
    stage.standin().forget_requests();
    customer.says(&thread, "Where is it?").await.expect(200);
    assert_eq!(stage.standin().counts().conversations, 1);
    let asked = stage.asked_of_openai("POST", "/v1/conversations");
    assert_eq!(asked[0].body["metadata"], json!({ "title": "A parcel", "switchboard_thread": thread }));
}

#[tokio::test]
async fn local_memory_makes_no_conversation() {
    let everywhere = Stage::with(Options { memory: Memory::Local, ..Options::default() }).await;
    let (thread, customer) = (everywhere.thread().await, everywhere.customer());
    customer.says(&thread, "Hello").await.expect(200);
    assert_eq!(everywhere.standin().counts().conversations, 0);

    let here = Stage::start().await;
    let chatbot = here.chatbot_with(json!({ "memory": "local" })).await;
    let thread = here.thread_of(&here.customer(), &chatbot).await;
    here.customer().says(&thread, "Hello").await.expect(200);
    let counts = here.standin().counts();
    assert_eq!((counts.conversations, counts.responses), (0, 0));
}
