//! The replies of the stand-in, tools included.

use serde_json::{Value, json};

use super::{Server, last, refusal, text, types, valid, valid_events};

fn tools() -> Value {
    json!([
        {"type": "function", "name": "escalate_to_human", "description": "Hand over.", "strict": true, "parameters": {
            "type": "object", "additionalProperties": false, "required": ["reason", "urgency"],
            "properties": {"reason": {"type": "string"}, "urgency": {"type": "string", "enum": ["low", "high"]}}}},
        {"type": "function", "name": "weather", "parameters": {"type": "object", "properties": {}}},
    ])
}

#[tokio::test]
async fn whoever_asks_for_a_person_is_escalated_in_three_languages() {
    let server = Server::start().await;
    for wish in ["I want a HUMAN!", "Quiero hablar con una persona", "أريد التحدث إلى شخص"] {
        let events = server.events(json!({"input": wish, "tools": tools()})).await;
        valid_events(&events);
        let call = &last(&events, "response.completed")["response"]["output"][0];
        assert_eq!((&call["type"], &call["name"]), (&json!("function_call"), &json!("escalate_to_human")));
        let arguments: Value = serde_json::from_str(call["arguments"].as_str().unwrap()).unwrap();
        assert_eq!(arguments, json!({"reason": wish, "urgency": "low"}));
    }
}

#[tokio::test]
async fn without_the_tool_nobody_is_escalated() {
    let server = Server::start().await;
    let (_, response) = server.respond(json!({"input": "a human, please"})).await;
    assert!(text(&response).contains("a human, please"));
    let barred = json!({"input": "a human, please", "tools": tools(), "tool_choice": "none"});
    assert!(text(&server.respond(barred).await.1).contains("a human, please"));
}

#[tokio::test]
async fn a_call_is_streamed_with_its_arguments() {
    let server = Server::start().await;
    let events = server.events(json!({"input": r#"call weather {"city": "Quito"}"#, "tools": tools()})).await;
    valid_events(&events);
    let mut order = types(&events);
    order.dedup();
    insta::assert_json_snapshot!(order, @r#"
    [
      "response.created",
      "response.in_progress",
      "response.output_item.added",
      "response.function_call_arguments.delta",
      "response.function_call_arguments.done",
      "response.output_item.done",
      "response.completed"
    ]
    "#);
    let call = &last(&events, "response.completed")["response"]["output"][0];
    assert_eq!(call["arguments"], r#"{"city": "Quito"}"#);
}

#[tokio::test]
async fn a_tools_output_is_named_in_the_next_answer() {
    let server = Server::start().await;
    let conversation = server.conversation().await;
    let ask = json!({"input": "call weather", "conversation": conversation, "tools": tools()});
    let response = valid("Response", server.respond(ask).await);
    let output =
        json!({"type": "function_call_output", "call_id": response["output"][0]["call_id"], "output": "sunny"});
    let (_, answer) = server.respond(json!({"input": [output], "conversation": conversation})).await;
    assert!(text(&answer).contains(r#"The tool answered: "sunny""#), "{answer}");
    let path = format!("/v1/conversations/{conversation}/items");
    let items = valid("ConversationItemList", server.get(&path).await);
    assert_eq!(items["data"].as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn an_unanswered_call_fails_every_later_turn_until_it_is_closed() {
    let server = Server::start().await;
    let conversation = server.conversation().await;
    let ask = json!({"input": "call weather", "conversation": conversation, "tools": tools()});
    let (_, response) = server.respond(ask).await;
    let next = json!({"input": "hello", "conversation": conversation});
    let refused = server.respond(next.clone()).await;
    assert_eq!(refusal(&refused), (400, None));
    assert!(refused.1["error"]["message"].as_str().unwrap().starts_with("No tool output found"));

    let call_id = &response["output"][0]["call_id"];
    let items = json!({"items": [{"type": "function_call_output", "call_id": call_id, "output": "sunny"}]});
    assert_eq!(server.post(&format!("/v1/conversations/{conversation}/items"), items).await.0, 200);
    assert_eq!(server.respond(next).await.0, 200);
}

#[tokio::test]
async fn an_output_without_its_call_is_refused() {
    let server = Server::start().await;
    let output = json!([{"type": "function_call_output", "call_id": "call_1", "output": "sunny"}]);
    assert_eq!(refusal(&server.respond(json!({"input": output})).await), (400, None));
}
