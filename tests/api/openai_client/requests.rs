//! The requests that the client sends.

use serde_json::json;
use shared::openai::{Call, Input, OpenAi, ResponseRequest, Role};

use super::{
    KEY, brisk, client, hello, outcome,
    peer::{Peer, events, reply},
    settings,
};

#[tokio::test]
async fn a_full_request_says_all_that_was_asked() {
    let peer = Peer::saying([events(&reply("Hi"))]).await;
    let call = Call { call_id: "call_1".to_owned(), name: "look_up".to_owned(), arguments: "{}".to_owned() };
    let tools = [json!({ "type": "file_search", "vector_store_ids": ["vs_1"] })];
    let ask = ResponseRequest {
        instructions: "Be kind.",
        input: vec![
            Input::message(Role::User, "Hello".to_owned()),
            Input::message(Role::Assistant, "Hi, Ana here.".to_owned()),
            Input::message(Role::Developer, "A person took over.".to_owned()),
            Input::Call(call),
            Input::CallOutput { call_id: "call_1".to_owned(), output: "done".to_owned() },
        ]
        .into(),
        tools: &tools,
        temperature: Some(0.2),
        max_output_tokens: Some(400),
        safety_identifier: Some("a-hash"),
        prompt_cache_key: Some("bot_1"),
        ..hello()
    };

    client(&peer).respond(&ask).await.unwrap();

    let request = &peer.seen()[0];
    assert_eq!(request.line, "POST /v1/responses");
    assert_eq!(request.headers["authorization"], format!("Bearer {KEY}"));
    insta::assert_json_snapshot!(request.json(), @r#"
    {
      "conversation": "conv_1",
      "input": [
        {
          "content": "Hello",
          "role": "user",
          "type": "message"
        },
        {
          "content": "Hi, Ana here.",
          "role": "assistant",
          "type": "message"
        },
        {
          "content": "A person took over.",
          "role": "developer",
          "type": "message"
        },
        {
          "arguments": "{}",
          "call_id": "call_1",
          "name": "look_up",
          "type": "function_call"
        },
        {
          "call_id": "call_1",
          "output": "done",
          "type": "function_call_output"
        }
      ],
      "instructions": "Be kind.",
      "max_output_tokens": 400,
      "model": "some-model",
      "parallel_tool_calls": false,
      "prompt_cache_key": "bot_1",
      "safety_identifier": "a-hash",
      "store": true,
      "stream": true,
      "stream_options": {
        "include_obfuscation": false
      },
      "temperature": 0.2,
      "tools": [
        {
          "type": "file_search",
          "vector_store_ids": [
            "vs_1"
          ]
        }
      ]
    }
    "#);
}

#[tokio::test]
async fn what_is_not_asked_is_not_sent() {
    let peer = Peer::saying([events(&reply("Hi"))]).await;

    client(&peer).respond(&ResponseRequest { conversation: None, store: false, ..hello() }).await.unwrap();

    insta::assert_json_snapshot!(peer.seen()[0].json(), @r#"
    {
      "input": [
        {
          "content": "Hello",
          "role": "user",
          "type": "message"
        }
      ],
      "model": "some-model",
      "store": false,
      "stream": true,
      "stream_options": {
        "include_obfuscation": false
      }
    }
    "#);
}

#[tokio::test]
async fn without_a_key_no_authorization_is_sent() {
    let peer = Peer::saying([events(&reply("Hi"))]).await;
    let mut settings = settings(&peer.base_url, brisk());
    settings.api_key = "".into();

    outcome(&OpenAi::new(brisk().http().unwrap(), settings)).await.unwrap();

    assert!(!peer.seen()[0].headers.contains_key("authorization"));
}

#[tokio::test]
async fn a_base_url_keeps_its_query_and_may_end_in_a_slash() {
    let peer = Peer::playing(|_| events(&reply("Hi"))).await;
    for base_url in [format!("{}/", peer.base_url), format!("{}?api-version=2", peer.base_url)] {
        let openai = OpenAi::new(brisk().http().unwrap(), settings(&base_url, brisk()));
        outcome(&openai).await.unwrap();
    }
    assert_eq!(peer.lines(), ["POST /v1/responses", "POST /v1/responses?api-version=2"]);
}

#[tokio::test]
async fn an_id_cannot_reach_another_route() {
    let peer = Peer::playing(|_| super::peer::status(404)).await;
    client(&peer).file_delete("../models/x?y#z").await.unwrap();
    assert_eq!(peer.lines(), ["DELETE /v1/files/..%2Fmodels%2Fx%3Fy%23z"]);
}
