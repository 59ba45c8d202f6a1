//! Responses in the shapes that servers other than OpenAI's give them.

use std::slice;

use serde_json::{Value, json};
use shared::{
    domain::Usage,
    openai::{Call, Event, Failure, Incomplete, Outcome},
};

use super::{
    client, drain, heard_of, hello, outcome, outcome_of,
    peer::{self, End, Peer, call, completed, delta, events, item_done, message, pieces, reply, wire},
};

/// The outcome of a body, whole and in pieces of three bytes, which must be the same.
async fn outcome_of_body(content_type: &str, body: &str) -> Result<Outcome, Failure> {
    let whole = Peer::saying([peer::text(200, content_type, body.to_owned())]).await;
    let whole = outcome(&client(&whole)).await;
    let split = body.as_bytes().chunks(3).map(|piece| piece.to_vec().into()).collect();
    let split = Peer::saying([pieces(split, End::Clean)]).await;
    assert_eq!(outcome(&client(&split)).await, whole, "{body:?} in pieces");
    whole
}

/// A stream with the text in deltas, and this last event.
fn ending(last: Value) -> Vec<Value> {
    let mut stream = reply("It ships Monday.");
    stream[3] = last;
    stream
}

fn completed_with(field: &str, value: &Value) -> Value {
    let mut last = completed(&json!([message("It ships Monday.")]));
    last["response"][field] = value.clone();
    last
}

#[tokio::test]
async fn no_field_of_the_last_event_takes_back_what_was_streamed() {
    let part = |part: Value| json!([{ "type": "message", "content": [part] }]);
    for (field, value) in [
        ("id", Value::Null),
        ("id", json!(7)),
        ("status", Value::Null),
        ("status", json!("unheard-of")),
        ("usage", json!("none")),
        ("usage", json!({ "input_tokens": null, "output_tokens": [] })),
        ("incomplete_details", json!("none")),
        ("output", Value::Null),
        ("output", json!({})),
        ("output", json!([null, 7, "text", {}])),
        ("output", json!([{ "type": "message", "content": null }])),
        ("output", json!([{ "type": "message", "content": 7 }])),
        ("output", json!([{ "type": "message", "content": "It ships Monday." }])),
        ("output", json!([{ "content": "It ships Monday." }])),
        ("output", json!([{ "role": "assistant", "content": [{ "text": "It ships Monday." }] }])),
        ("output", json!([{ "type": "message", "content": ["It ships ", { "text": "Monday." }] }])),
        ("output", part(json!({ "type": "output_text", "text": null, "annotations": null }))),
        ("output", part(json!({ "type": "output_text", "text": 7 }))),
        ("output", part(json!({ "type": "output_text", "text": "Something else." }))),
        ("output", part(json!({ "type": "output_text", "text": "It ships" }))),
    ] {
        let outcome = outcome_of(&ending(completed_with(field, &value))).await;
        assert_eq!(outcome.text, "It ships Monday.", "{field}: {value}");
        assert_eq!(outcome.response_id, "resp_1", "{field}: {value}");
    }
    for last in [
        json!({ "type": "response.completed" }),
        json!({ "type": "response.completed", "response": null }),
        json!({ "type": "response.completed", "response": "resp_1" }),
        json!({ "type": "response.completed", "id": "resp_1", "output": null }),
        json!({ "type": "response.done", "response": { "status": "completed" } }),
    ] {
        assert_eq!(outcome_of(&ending(last.clone())).await.text, "It ships Monday.", "{last}");
    }
}

#[tokio::test]
async fn a_text_that_goes_on_in_the_last_event_or_in_its_item_is_streamed_to_its_end() {
    let whole = "It ships Monday. Or Tuesday.";
    let streams = [
        ending(completed(&json!([message(whole)]))),
        vec![delta(0, "It ships"), delta(0, " Monday."), item_done(0, &message(whole)), completed(&json!([]))],
        // The place of the item is wrong.
        vec![delta(0, "It ships"), completed(&json!([{ "type": "reasoning" }, message(whole)]))],
    ];
    for stream in streams {
        let (heard, outcome) = heard_of(&stream).await;
        assert_eq!(outcome.text, whole, "{stream:?}");
        assert_eq!(super::deltas(&heard), whole, "{stream:?}");
    }
}

#[tokio::test]
async fn token_counts_are_read_one_by_one() {
    let counted = |input, cached, output, reasoning| Some(Usage { input, cached, output, reasoning });
    for (usage, expected) in [
        (json!(null), None),
        (json!({}), None),
        (json!({ "input_tokens": null, "output_tokens": null }), None),
        (
            json!({ "input_tokens": 9, "input_tokens_details": { "cached_tokens": null }, "output_tokens": 1 }),
            counted(9, 0, 1, 0),
        ),
        (json!({ "input_tokens": 12.0, "output_tokens": "3" }), counted(12, 0, 3, 0)),
        (json!({ "input_tokens": -1, "output_tokens": 3 }), counted(0, 0, 3, 0)),
        (json!({ "input_tokens": null, "output_tokens": 3, "output_tokens_details": null }), counted(0, 0, 3, 0)),
        (
            json!({
                "input_tokens": 9, "input_tokens_details": { "cached_tokens": 4.0 },
                "output_tokens": 5, "output_tokens_details": { "reasoning_tokens": 2 },
            }),
            counted(9, 4, 5, 2),
        ),
        (
            json!({ "prompt_tokens": 9, "prompt_tokens_details": { "cached_tokens": 4 }, "completion_tokens": 5 }),
            counted(9, 4, 5, 0),
        ),
    ] {
        let outcome = outcome_of(&ending(completed_with("usage", &usage))).await;
        assert_eq!(outcome.usage, expected, "{usage}");
    }
}

#[tokio::test]
async fn calls_are_read_in_each_of_their_shapes() {
    let expected = |call_id: &str, arguments: &str| Call {
        call_id: call_id.to_owned(),
        name: "look_up".to_owned(),
        arguments: arguments.to_owned(),
    };
    for (item, expected) in [
        (
            json!({ "type": "function_call", "call_id": "call_1", "name": "look_up", "arguments": { "a": 1 } }),
            expected("call_1", r#"{"a":1}"#),
        ),
        (json!({ "call_id": "call_1", "name": "look_up", "arguments": "{}" }), expected("call_1", "{}")),
        (
            json!({ "type": "function_call", "id": "fc_1", "name": "look_up", "arguments": "{}" }),
            expected("fc_1", "{}"),
        ),
        (
            json!({ "type": "function_call", "id": null, "call_id": "", "name": "look_up", "arguments": "{}" }),
            expected("", "{}"),
        ),
        (
            json!({ "type": "function_call", "call_id": "call_1", "name": "look_up", "arguments": null }),
            expected("call_1", ""),
        ),
    ] {
        let in_last = outcome_of(&[completed(&json!([item]))]).await;
        let in_item = outcome_of(&[item_done(0, &item), completed(&json!([]))]).await;
        let in_both = outcome_of(&[item_done(0, &item), completed(&json!([item]))]).await;
        for outcome in [in_last, in_item, in_both] {
            assert_eq!(outcome.calls, slice::from_ref(&expected), "{item}");
        }
    }
}

#[tokio::test]
async fn a_call_is_made_once_even_if_its_id_changes_on_the_way() {
    let nameless = json!({ "type": "function_call", "name": "look_up", "arguments": "{}" });
    for (streamed, last, ids) in [
        (vec![call("call_1", "look_up")], vec![call("call_2", "look_up")], vec!["call_1"]),
        (vec![nameless.clone()], vec![call("call_1", "look_up")], vec!["call_1"]),
        (vec![call("call_1", "look_up")], vec![nameless], vec!["call_1"]),
        (vec![call("call_1", "look_up")], vec![call("call_2", "cancel")], vec!["call_1", "call_2"]),
        (
            vec![call("call_1", "look_up"), call("call_2", "look_up")],
            vec![call("call_1", "look_up"), call("call_2", "look_up")],
            vec!["call_1", "call_2"],
        ),
    ] {
        let mut stream: Vec<Value> = streamed.iter().map(|item| item_done(0, item)).collect();
        stream.push(completed(&json!(last)));
        let calls = outcome_of(&stream).await.calls;
        assert_eq!(calls.iter().map(|call| call.call_id.as_str()).collect::<Vec<_>>(), ids, "{streamed:?}, {last:?}");
    }
}

#[tokio::test]
async fn what_the_model_did_not_say_is_no_answer() {
    let output = json!([
        { "type": "message", "role": "user", "content": "When does it ship?" },
        { "type": "reasoning", "content": [{ "type": "reasoning_text", "text": "She asks for a date." }] },
        { "type": "message", "content": [{ "type": "summary_text", "text": "A date." }, { "text": "Monday." }] },
    ]);
    assert_eq!(outcome_of(&[completed(&output)]).await.text, "Monday.");
}

#[tokio::test]
async fn each_end_is_an_end() {
    let text_done = json!({ "type": "response.output_text.done", "output_index": 0, "text": "It ships Monday." });
    let text = delta(0, "It ships Monday.");
    let done = item_done(0, &message("It ships Monday."));
    let begun = wire(slice::from_ref(&text));
    for body in [
        format!("{begun}data: [DONE]\n\n"),
        format!("{begun}data: [DONE]"),
        wire(&[text.clone(), done.clone()]),
        wire(&[text.clone(), text_done.clone()]),
        wire(slice::from_ref(&done)),
        wire(slice::from_ref(&text_done)),
        format!("{}data: [DONE]\n\n", wire(&[text_done])),
        wire(&[text, json!({ "type": "response.done", "response": { "status": "completed" } })]),
        format!("{}event: response.completed\ndata: {{\"response\":{{\"st", wire(&[done])),
    ] {
        let outcome = outcome_of_body("text/event-stream", &body).await;
        assert_eq!(outcome.map(|outcome| outcome.text).as_deref(), Ok("It ships Monday."), "{body}");
    }
}

#[tokio::test]
async fn a_call_that_is_complete_may_be_the_end() {
    let outcome = outcome_of_body("text/event-stream", &wire(&[item_done(0, &call("call_1", "look_up"))])).await;
    assert_eq!(outcome.unwrap().calls.len(), 1);
}

#[tokio::test]
async fn a_stream_that_ends_before_its_answer_is_interrupted() {
    let commentary = item_done(0, &peer::phased("commentary", "One moment."));
    for body in [
        wire(&[delta(0, "It ships")]),
        wire(&[item_done(0, &message("One moment.")), delta(1, "It ships")]),
        wire(&[commentary]),
        wire(&[item_done(0, &json!({ "type": "reasoning", "summary": [] }))]),
        wire(&[item_done(0, &call("call_1", "look_up")), delta(1, "It ships")]),
        "data: [DONE]\n\n".to_owned(),
        "event: response.completed\ndata: {\"response\":{\"st".to_owned(),
        "\u{feff}\n\n".to_owned(),
        String::new(),
    ] {
        let outcome = outcome_of_body("text/event-stream", &body).await;
        assert_eq!(outcome, Err(Failure::Interrupted { code: None }), "{body}");
    }
}

#[tokio::test]
async fn a_done_response_may_be_incomplete_or_failed() {
    let done = |response: Value| ending(json!({ "type": "response.done", "response": response }));
    let details = json!({ "reason": "max_output_tokens" });
    let outcome = outcome_of(&done(json!({ "status": "incomplete", "incomplete_details": details }))).await;
    assert_eq!((outcome.incomplete, &*outcome.text), (Some(Incomplete::MaxOutputTokens), "It ships Monday."));

    let failed = done(json!({ "status": "failed", "error": { "code": "server_error", "message": "x" } }));
    let peer = Peer::saying([events(&failed)]).await;
    let failure = outcome_at(&peer).await.unwrap_err();
    assert_eq!(failure, Failure::Interrupted { code: Some("server_error".to_owned()) });
}

async fn outcome_at(peer: &Peer) -> Result<Outcome, Failure> {
    outcome(&client(peer)).await
}

#[tokio::test]
async fn the_syntax_of_events_may_be_any_that_is_allowed() {
    let stream = wire(&reply("It ships Monday."));
    let unnamed: String =
        stream.lines().filter(|line| !line.starts_with("event:")).map(|line| line.to_owned() + "\n").collect();
    let untyped = |mut event: Value| {
        let name = event.as_object_mut().unwrap().remove("type").unwrap();
        format!("event: {}\ndata: {event}\n\n", name.as_str().unwrap())
    };
    let untyped = reply("It ships Monday.").into_iter().map(untyped).collect::<Vec<_>>().concat();
    for body in [
        stream.replace('\n', "\r\n"),
        stream.replace('\n', "\r"),
        stream.replace(": ", ":"),
        stream.replace("event: ", "event:").replace("data: ", "data:"),
        format!("\u{feff}{stream}"),
        format!("\u{feff}\r\n{}", stream.replace('\n', "\r\n")),
        format!("\u{feff}{unnamed}"),
        format!("\n\n{unnamed}"),
        format!(": a proxy is here\n\n{stream}: bye\n"),
        format!("retry: 10\nid: 1\n{stream}"),
        unnamed.replace("data: ", "event: message\ndata: "),
        untyped.trim_end().to_owned(),
        untyped,
    ] {
        let outcome = outcome_of_body("text/event-stream", &body).await;
        assert_eq!(outcome.map(|outcome| outcome.text).as_deref(), Ok("It ships Monday."), "{body:?}");
    }
}

#[tokio::test]
async fn a_body_is_read_as_what_it_is_whatever_its_type() {
    let json = completed(&json!([message("It ships Monday.")]))["response"].to_string();
    let stream = wire(&reply("It ships Monday."));
    let wrapped = completed(&json!([message("It ships Monday.")])).to_string();
    let text = json!({ "id": "resp_1", "output": null, "output_text": "It ships Monday." }).to_string();
    for content_type in ["application/json", "text/event-stream", "text/plain", "application/octet-stream"] {
        for body in [&json, &format!("\u{feff}\n {json}\n"), &stream, &wrapped, &text] {
            let outcome = outcome_of_body(content_type, body).await;
            assert_eq!(
                outcome.map(|outcome| outcome.text).as_deref(),
                Ok("It ships Monday."),
                "{content_type}: {body}"
            );
        }
    }
}

#[tokio::test]
async fn half_a_character_in_a_json_body_costs_no_answer() {
    let mut response = completed(&json!([message("It ships Monday.")]))["response"].clone();
    response["metadata"] = json!({ "title": "H" });
    let mut body = response.to_string().into_bytes();
    let title = body.windows(3).position(|three| three == b"\"H\"").unwrap();
    // The first of two bytes.
    body[title + 1] = 0xc3;
    let peer = Peer::saying([pieces(vec![body.into()], End::Clean)]).await;
    assert_eq!(outcome(&client(&peer)).await.map(|outcome| outcome.text).as_deref(), Ok("It ships Monday."));
}

#[tokio::test]
async fn a_json_body_that_is_no_response_is_a_failure() {
    for (body, code) in [
        (json!({}), None),
        (json!({ "id": "resp_1", "status": "in_progress", "output": [] }), None),
        (json!({ "error": { "message": "x", "type": "server_error", "code": 500 } }), Some("500")),
        (json!({ "error": "x" }), None),
        (json!({ "detail": "x" }), None),
    ] {
        let outcome = outcome_of_body("application/json", &body.to_string()).await;
        assert_eq!(outcome, Err(Failure::Interrupted { code: code.map(str::to_owned) }), "{body}");
    }
    let cut = outcome_of_body("application/json", "{\"id\":\"resp_1\",\"output\":[").await;
    assert_eq!(cut, Err(Failure::Interrupted { code: None }));
}

#[tokio::test]
async fn a_response_without_an_id_is_not_announced() {
    let mut stream = reply("It ships Monday.");
    stream[0]["response"]["id"] = Value::Null;
    stream[3]["response"]["id"] = Value::Null;
    let peer = Peer::saying([events(&stream)]).await;
    let heard = drain(client(&peer).respond(&hello()).await.unwrap()).await;
    assert!(matches!(&heard[0], Ok(Event::Delta { .. })));
    assert!(matches!(&heard[1], Ok(Event::Completed(outcome)) if outcome.response_id.is_empty()));
}
