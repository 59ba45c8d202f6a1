//! Turns of a customer and the bot in which nothing fails.

use insta::assert_json_snapshot;
use serde_json::json;

use tests::{persona::redacted, stage::Stage};

#[tokio::test]
async fn a_question_is_answered_by_the_bot() {
    let stage = Stage::start().await;
    let customer = stage.customer();
    let thread = stage.thread().await;
    let answer = customer.says(&thread, "My parcel?").await.expect(200);
    redacted().bind(|| {
        assert_json_snapshot!(answer.body, @r#"
        {
          "message": {
            "at": "[time]",
            "author": {
              "id": "cus"
            },
            "id": "[message]",
            "role": "customer",
            "seq": 1,
            "text": "My parcel?",
            "thread_id": "[thread]"
          },
          "reply": {
            "answers": {
              "from": 1,
              "through": 1
            },
            "at": "[time]",
            "author": {
              "id": "[chatbot]",
              "name": "Robin"
            },
            "id": "[message]",
            "role": "bot",
            "seq": 2,
            "text": "This is OpenAI's stand-in, not a model. You said: \"My parcel?\". Earlier messages I can see: 0.",
            "thread_id": "[thread]"
          },
          "thread": {
            "chatbot_id": "[chatbot]",
            "created_at": "[time]",
            "customer_id": "cus",
            "id": "[thread]",
            "metadata": {},
            "seq": 2,
            "status": "bot",
            "status_since": "[time]",
            "title": null,
            "updated_at": "[time]"
          }
        }
        "#);
    });
}

#[tokio::test]
async fn the_model_remembers_what_was_said_and_is_told_only_what_is_new() {
    let stage = Stage::start().await;
    let customer = stage.customer();
    let thread = stage.thread().await;
    let mut replies = Vec::new();
    for text in ["One.", "Two.", "Three."] {
        replies.push(customer.says(&thread, text).await.expect(200).reply().to_owned());
    }
    for (reply, seen) in replies.iter().zip([0, 2, 4]) {
        assert!(reply.ends_with(&format!("Earlier messages I can see: {seen}.")), "{reply}");
    }
    assert_eq!(stage.inputs(), [["user: One."], ["user: Two."], ["user: Three."]]);
    let conversation = stage.stored(&thread).await.openai.conversation_id;
    assert!(stage.asked().iter().all(|body| body["conversation"].as_str() == conversation.as_deref()));
    assert_eq!(stage.standin().counts().conversations, 1);
}

#[tokio::test]
async fn the_chatbot_says_how_the_model_is_asked() {
    let stage = Stage::start().await;
    let fields = json!({ "model": "gpt-5", "instructions": "Rhyme.", "temperature": 0.5, "max_output_tokens": 500 });
    let chatbot = stage.chatbot_with(fields).await;
    let customer = stage.customer();
    let thread = customer.post("/threads", json!({ "chatbot_id": chatbot })).await.expect(201).id();
    customer.says(&thread, "Hello").await.expect(200);
    let asked = stage.asked().remove(0);
    assert_eq!(asked["model"], "gpt-5");
    assert_eq!(asked["instructions"], "Rhyme.");
    assert_eq!(asked["temperature"], 0.5);
    assert_eq!(asked["max_output_tokens"], 500);
    assert_eq!((&asked["store"], &asked["stream"]), (&json!(true), &json!(true)));
    assert_eq!(asked["tools"][0]["name"], "escalate_to_human");
    let whose = asked["safety_identifier"].as_str().unwrap();
    assert!(whose.len() == 64 && !whose.contains("cus"), "{whose}");
}

#[tokio::test]
async fn the_greeting_is_the_first_thing_the_model_is_told() {
    let stage = Stage::start().await;
    let chatbot = stage.chatbot_with(json!({ "greeting": "Welcome!" })).await;
    let customer = stage.customer();
    let thread = customer.post("/threads", json!({ "chatbot_id": chatbot })).await.expect(201).id();
    let answer = customer.says(&thread, "Hello").await.expect(200);
    assert_eq!(answer.body["reply"]["answers"], json!({ "from": 1, "through": 2 }));
    assert_eq!(stage.inputs(), [["assistant: Welcome!", "user: Hello"]]);
}

#[tokio::test]
async fn a_chatbot_named_with_a_message_answers_it_and_stays() {
    let stage = Stage::start().await;
    let customer = stage.customer();
    let thread = stage.thread().await;
    let other = stage.chatbot_with(json!({ "name": "Wren", "model": "gpt-5" })).await;
    let say = json!({ "text": "Hello", "chatbot_id": other });
    let answer = customer.post(&format!("/threads/{thread}/chat"), say).await.expect(200);
    assert_eq!(answer.body["reply"]["author"], json!({ "id": other, "name": "Wren" }));
    assert_eq!(customer.reads(&thread).await["chatbot_id"], other);
    assert_eq!(stage.asked()[0]["model"], "gpt-5");
}
