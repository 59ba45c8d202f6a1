//! `POST /v1/responses`, `GET|DELETE /v1/responses/{id}`.

use serde_json::json;

use super::{Server, last, refusal, text, types, valid, valid_events};

#[tokio::test]
async fn a_response_says_that_it_comes_from_a_stand_in_and_echoes() {
    let server = Server::start().await;
    let body = json!({"input": "hello", "instructions": "Be kind.", "metadata": {"thread": "t1"}});
    let response = valid("Response", server.respond(body).await);
    assert_eq!(
        text(&response),
        r#"This is OpenAI's stand-in, not a model. You said: "hello". Earlier messages I can see: 0."#
    );
    assert_eq!(response["instructions"], "Be kind.");
    assert_eq!(response["metadata"]["thread"], "t1");
    let usage = &response["usage"];
    let count = |of: &str| usage[of].as_u64().unwrap();
    assert_eq!(count("input_tokens") + count("output_tokens"), count("total_tokens"));
}

#[tokio::test]
async fn a_stream_has_the_documented_events_in_order() {
    let server = Server::start().await;
    let events = server.events(json!({"input": "hello"})).await;
    valid_events(&events);
    let mut order = types(&events);
    order.dedup();
    insta::assert_json_snapshot!(order, @r#"
    [
      "response.created",
      "response.in_progress",
      "response.output_item.added",
      "response.content_part.added",
      "response.output_text.delta",
      "response.output_text.done",
      "response.content_part.done",
      "response.output_item.done",
      "response.completed"
    ]
    "#);
    let deltas: String = events.iter().filter_map(|event| event["delta"].as_str()).collect();
    let completed = &last(&events, "response.completed")["response"];
    assert_eq!(text(completed), deltas);
    assert!(completed["usage"]["output_tokens"].as_u64() > Some(5));
    assert!(events[0]["response"]["usage"].is_null());
}

#[tokio::test]
async fn a_conversation_remembers_both_sides() {
    let server = Server::start().await;
    let conversation = server.conversation().await;
    let first = server.events(json!({"input": "one", "conversation": conversation})).await;
    assert_eq!(first[0]["response"]["conversation"]["id"], conversation.as_str());
    let again = json!({"input": [{"role": "user", "content": "two"}], "conversation": {"id": conversation}});
    let (_, second) = server.respond(again).await;
    assert!(text(&second).ends_with("Earlier messages I can see: 2."));
    assert_eq!(server.item_ids(&conversation).await.len(), 4);
}

#[tokio::test]
async fn the_history_may_come_with_the_input() {
    let server = Server::start().await;
    let input = json!([
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "first"},
        {"role": "developer", "content": [{"type": "input_text", "text": "A person answers now."}]},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "two"}]},
    ]);
    let (_, response) = server.respond(json!({"input": input, "store": false})).await;
    assert!(text(&response).contains(r#"You said: "two". Earlier messages I can see: 3."#));
}

#[tokio::test]
async fn a_stored_response_can_be_read_and_deleted() {
    let server = Server::start().await;
    let response = valid("Response", server.respond(json!({"input": "hello"})).await);
    let path = format!("/v1/responses/{}", response["id"].as_str().unwrap());
    assert_eq!(valid("Response", server.get(&path).await), response);
    let (status, gone) = server.delete(&path).await;
    assert_eq!((status, &gone["deleted"]), (200, &json!(true)));
    assert_eq!(refusal(&server.get(&path).await).0, 404);
    assert_eq!(refusal(&server.delete(&path).await).0, 404);
}

#[tokio::test]
async fn a_response_that_is_not_stored_cannot_be_read() {
    let server = Server::start().await;
    let (_, response) = server.respond(json!({"input": "hello", "store": false})).await;
    let path = format!("/v1/responses/{}", response["id"].as_str().unwrap());
    assert_eq!(refusal(&server.get(&path).await).0, 404);
    assert_eq!(server.standin.counts().responses, 0);
}

#[tokio::test]
async fn a_long_answer_ends_at_max_output_tokens() {
    let server = Server::start().await;
    let asked = json!({"input": "a b c d e f g h i j k", "max_output_tokens": 16});
    let events = server.events(asked).await;
    valid_events(&events);
    let response = &last(&events, "response.incomplete")["response"];
    assert_eq!(response["incomplete_details"]["reason"], "max_output_tokens");
    assert_eq!(text(response).split(' ').filter(|word| !word.is_empty()).count(), 16);
}

#[tokio::test]
async fn a_conversation_runs_one_response_at_a_time() {
    let server = Server::start().await;
    let conversation = server.conversation().await;
    let hold = server.standin.hold("POST", "/v1/responses", 1);
    let asked = json!({"input": "one", "conversation": conversation});
    let running = server.stream(asked.clone()).await;
    hold.begun().await;
    let locked = Some("conversation_locked");
    assert_eq!(refusal(&server.respond(asked.clone()).await), (400, locked));
    let items = json!({"items": [{"role": "assistant", "content": "Ana here."}]});
    let added = server.post(&format!("/v1/conversations/{conversation}/items"), items).await;
    assert_eq!(refusal(&added), (400, locked));

    hold.release();
    running.text().await.unwrap();
    assert_eq!(server.respond(asked).await.0, 200);
}

#[tokio::test]
async fn what_openai_refuses_is_refused() {
    let server = Server::start().await;
    let conversation = server.conversation().await;
    let refused = async |body| {
        let answer = server.post("/v1/responses", body).await;
        let (status, code) = refusal(&answer);
        (status, code.map(str::to_owned))
    };
    let code = |code: &str| (400, Some(code.to_owned()));
    assert_eq!(refused(json!({"input": "x"})).await, code("missing_required_parameter"));
    assert_eq!(refused(json!({"model": "gpt-a"})).await, code("missing_required_parameter"));
    assert_eq!(refused(json!({"model": "llama", "input": "x"})).await, code("model_not_found"));
    let few = json!({"model": "gpt-a", "input": "x", "max_output_tokens": 15});
    assert_eq!(refused(few).await, code("integer_below_min_value"));
    let both = json!({"model": "gpt-a", "input": "x", "conversation": conversation, "previous_response_id": "resp_1"});
    assert_eq!(refused(both).await, code("mutually_exclusive_parameters"));
    let long = json!({"model": "gpt-a", "input": "x", "metadata": {"k": "v".repeat(513)}});
    assert_eq!(refused(long).await, code("string_above_max_length"));
    assert_eq!(refused(json!({"model": "gpt-a", "inputs": "x"})).await, (400, None));
    let nowhere = json!({"model": "gpt-a", "input": "x", "conversation": "conv_none"});
    assert_eq!(refused(nowhere).await, (404, None));
    let wrong_part = json!([{"role": "assistant", "content": [{"type": "input_text", "text": "x"}]}]);
    assert_eq!(refused(json!({"model": "gpt-a", "input": wrong_part})).await, code("invalid_value"));
    assert_eq!(server.standin.counts().running, 0);
}

#[tokio::test]
async fn a_body_that_is_no_json_is_refused() {
    let server = Server::start().await;
    let answer = server.request("POST", "/v1/responses").body("{").send().await.unwrap();
    assert_eq!(answer.status(), 400);
    assert!(answer.headers()["x-request-id"].to_str().unwrap().starts_with("req_"));
}

#[tokio::test]
async fn without_a_key_everything_is_401() {
    let server = Server::start().await;
    let url = format!("http://{}/v1/models", server.address);
    let answer = server.client.get(url).send().await.unwrap();
    let answered = (answer.status().as_u16(), answer.json().await.unwrap());
    assert_eq!(refusal(&answered), (401, None));
}

#[tokio::test]
async fn what_openai_shut_down_or_never_had_is_404() {
    let server = Server::start().await;
    for path in ["/v1/assistants", "/v1/threads", "/v1/threads/thread_1/runs", "/v1/nothing"] {
        assert_eq!(refusal(&server.post(path, json!({})).await), (404, None));
    }
}

#[tokio::test]
async fn the_longest_prefix_that_an_earlier_prompt_had_counts_as_cached() {
    let server = Server::start().await;
    let cached = async |key: &str, instructions: &str, said: &[&str]| {
        let input: Vec<_> = said.iter().map(|text| json!({"role": "user", "content": text})).collect();
        let body = json!({"input": input, "instructions": instructions, "prompt_cache_key": key});
        let usage = valid("Response", server.respond(body).await)["usage"].clone();
        usage["input_tokens_details"]["cached_tokens"].as_u64().unwrap()
    };
    let (instructions, long) = ("Be kind. ".repeat(600), "x".repeat(1_000));
    assert_eq!(cached("a", &instructions, &["one", &long]).await, 0);
    // 1,350 tokens of instructions, in steps of 128.
    assert_eq!(cached("a", &instructions, &["two", &long]).await, 1_280);
    assert_eq!(cached("a", &instructions, &["one", &long, "three"]).await, 1_536);
    assert_eq!(cached("b", &instructions, &["one", &long]).await, 0);
    // Too short to be cached.
    assert_eq!(cached("a", "", &["one"]).await + cached("a", "", &["one"]).await, 0);
    let total = server.standin.prompt_tokens();
    assert_eq!(total.cached, 1_280 + 1_536);
}
