//! `POST /chatbots` and `GET /chatbots/{chatbot_id}`.

use futures::future::join_all;
use insta::assert_json_snapshot;
use reqwest::Method;
use serde_json::{Value, json};

use tests::{persona::redacted, stage::Stage};

fn whole() -> Value {
    json!({
        "name": "Robin",
        "model": "gpt-5-mini",
        "instructions": "Be brief.",
        "greeting": "Hello!",
        "temperature": 0.5,
        "max_output_tokens": 500,
        "reasoning_effort": "low",
        "verbosity": "high",
        "fallback_model": "gpt-5-nano",
        "tools": [{
            "name": "order_status", "description": "Looks an order up.", "strict": true,
            "parameters": {
                "type": "object", "properties": { "order": { "type": "string" } }, "required": ["order"],
                "additionalProperties": false,
            },
        }],
        "documents": [{ "name": "returns.md", "text": "Within 30 days." }],
        "memory": "conversation",
    })
}

#[tokio::test]
async fn a_chatbot_is_made_with_all_its_fields() {
    let stage = Stage::start().await;
    let made = stage.admin().post("/chatbots", whole()).await.expect(201);
    redacted().bind(|| {
        assert_json_snapshot!(made.body, @r#"
    {
      "audience": "customers",
      "created_at": "[time]",
      "documents": [
        {
          "name": "returns.md",
          "text": "Within 30 days."
        }
      ],
      "fallback_model": "gpt-5-nano",
      "greeting": "Hello!",
      "id": "[chatbot]",
      "instructions": "Be brief.",
      "max_output_tokens": 500,
      "memory": "conversation",
      "model": "gpt-5-mini",
      "model_shutdown_date": null,
      "name": "Robin",
      "origins": [],
      "public": false,
      "reasoning_effort": "low",
      "temperature": 0.5,
      "tools": [
        {
          "description": "Looks an order up.",
          "name": "order_status",
          "parameters": {
            "additionalProperties": false,
            "properties": {
              "order": {
                "type": "string"
              }
            },
            "required": [
              "order"
            ],
            "type": "object"
          },
          "strict": true
        }
      ],
      "updated_at": "[time]",
      "verbosity": "high",
      "version": 1,
      "warnings": [],
      "webhook": null
    }
    "#);
    });
    let path = format!("/chatbots/{}", made.id());
    for reader in [stage.admin(), stage.agent()] {
        assert_eq!(reader.get(&path).await.expect(200).body, made.body);
    }
}

#[tokio::test]
async fn a_name_and_a_model_are_enough() {
    let stage = Stage::start().await;
    let made = stage.admin().post("/chatbots", json!({ "name": "Wren", "model": "gpt-5-mini" })).await.expect(201);
    redacted().bind(|| {
        assert_json_snapshot!(made.body, @r#"
    {
      "audience": "customers",
      "created_at": "[time]",
      "documents": [],
      "fallback_model": null,
      "greeting": "",
      "id": "[chatbot]",
      "instructions": "",
      "max_output_tokens": null,
      "memory": "conversation",
      "model": "gpt-5-mini",
      "model_shutdown_date": null,
      "name": "Wren",
      "origins": [],
      "public": false,
      "reasoning_effort": null,
      "temperature": null,
      "tools": [],
      "updated_at": "[time]",
      "verbosity": null,
      "version": 1,
      "warnings": [],
      "webhook": null
    }
    "#);
    });
}

#[tokio::test]
async fn a_whole_number_may_be_written_with_a_point() {
    let stage = Stage::start().await;
    let body = r#"{"name": "Robin", "model": "gpt-5-mini", "max_output_tokens": 1148.0}"#;
    let made = stage.admin().sends(Method::POST, "/chatbots", body).await.expect(201);
    assert_eq!(made.body["max_output_tokens"], 1148);
}

/// The numbers of a tool's parameters are kept as numbers, of which `DynamoDB` has not all.
#[tokio::test]
async fn the_largest_and_smallest_numbers_are_kept() {
    let stage = Stage::start().await;
    let parameters = json!({ "maximum": 1e100, "minimum": -1e-100, "default": 0.1 });
    let tools = json!([{ "name": "scale", "parameters": parameters }]);
    let id = stage.chatbot_with(json!({ "temperature": 1e-100, "tools": tools })).await;
    let chatbot = stage.admin().get(&format!("/chatbots/{id}")).await.expect(200).body;
    assert_eq!((&chatbot["tools"][0]["parameters"], &chatbot["temperature"]), (&parameters, &json!(1e-100)));
}

#[tokio::test]
async fn what_a_chatbot_is_set_to_is_what_openai_is_asked() {
    let stage = Stage::start().await;
    let chatbot = stage.admin().post("/chatbots", whole()).await.expect(201).id();
    let thread = stage.thread_of(&stage.customer(), &chatbot).await;
    stage.customer().says(&thread, "Hello").await.expect(200);
    let asked = stage.asked_of_openai("POST", "/v1/responses").remove(0).body;
    let settings = ["model", "instructions", "temperature", "max_output_tokens"].map(|name| asked[name].clone());
    assert_eq!(settings, [json!("gpt-5-mini"), json!("Be brief."), json!(0.5), json!(500)]);
    let tools: Vec<&Value> = asked["tools"].as_array().unwrap().iter().map(|tool| &tool["name"]).collect();
    assert_eq!(tools, [&json!("escalate_to_human"), &json!("order_status"), &Value::Null]);
    assert_eq!(asked["tools"][2]["type"], "file_search");
}

#[tokio::test]
async fn a_repeat_under_the_same_key_gets_the_first_answer() {
    let stage = Stage::start().await;
    let admin = stage.admin();
    let all = join_all((0..10).map(|_| admin.posts_under("k1", "/chatbots", whole()))).await;
    let first = &all[0].body;
    assert!(all.iter().all(|one| one.status == 201 && one.body == *first), "{first}");
    let listed = admin.get("/chatbots").await.expect(200).body;
    assert_eq!(listed["data"].as_array().unwrap().len(), 1);
    let counts = stage.standin().counts();
    assert_eq!((counts.files, counts.vector_stores), (1, 1));

    let mut other = whole();
    other["name"] = json!("Wren");
    admin.posts_under("k1", "/chatbots", other.clone()).await.problem(422, "idempotency_mismatch");
    stage.persona("acme", "admin", "second").posts_under("k1", "/chatbots", other).await.expect(201);
}

#[tokio::test]
async fn a_key_used_for_a_thread_is_not_one_for_a_chatbot() {
    let stage = Stage::start().await;
    let (admin, chatbot) = (stage.admin(), stage.chatbot().await);
    let thread = json!({ "chatbot_id": chatbot, "customer_id": "cus" });
    admin.posts_under("k1", "/threads", thread).await.expect(201);
    admin.posts_under("k1", "/chatbots", whole()).await.problem(422, "idempotency_mismatch");
}
