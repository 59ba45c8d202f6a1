//! Streams: reading a response.

use serde_json::{Value, json};
use shared::{
    domain::Usage,
    openai::{Call, Event, Failure, Incomplete, Outcome},
};

use super::{
    client, client_with, drain, hello, impatient, outcome,
    peer::{self, End, Peer, completed, events, message, pieces, reply, wire},
};

fn cut_short() -> Result<Outcome, Failure> {
    Err(Failure::Interrupted { code: None })
}

#[tokio::test]
async fn an_answer_is_its_creation_its_deltas_and_its_outcome() {
    let peer = Peer::saying([events(&[
        json!({
            "type": "response.created", "sequence_number": 0,
            "response": { "id": "resp_1", "status": "in_progress", "output": [], "usage": null },
        }),
        json!({
            "type": "response.output_item.added", "output_index": 0,
            "item": { "type": "message", "id": "msg_1", "content": [] },
        }),
        json!({ "type": "response.output_text.delta", "output_index": 0, "delta": "Good " }),
        json!({ "type": "keepalive", "sequence_number": 3 }),
        json!({ "type": "response.something_new", "field": { "of": ["any", "kind"] } }),
        json!({ "type": "response.output_text.delta", "output_index": 0, "delta": "day", "obfuscation": "x" }),
        json!({ "type": "response.output_text.done", "output_index": 0, "text": "Good day" }),
        json!({ "type": "response.output_item.done", "output_index": 0, "item": message("Good day") }),
        json!({ "type": "response.completed", "response": {
            "id": "resp_1", "status": "completed",
            "output": [{ "type": "reasoning", "id": "rs_1", "summary": [] }, message("Good day")],
            "usage": {
                "input_tokens": 9, "input_tokens_details": { "cached_tokens": 4 },
                "output_tokens": 2, "total_tokens": 11,
            },
        } }),
    ])])
    .await;

    let answer = client(&peer).respond(&hello()).await.unwrap();

    let expected = Outcome {
        response_id: "resp_1".to_owned(),
        text: "Good day".to_owned(),
        usage: Some(Usage { input: 9, cached: 4, output: 2, reasoning: 0 }),
        ..Outcome::default()
    };
    assert_eq!(
        drain(answer).await,
        [
            Ok(Event::Created { response_id: "resp_1".to_owned() }),
            Ok(Event::Delta { text: "Good".to_owned() }),
            Ok(Event::Delta { text: " day".to_owned() }),
            Ok(Event::Completed(expected)),
        ]
    );
}

#[tokio::test]
async fn events_may_be_split_anywhere_even_inside_a_character() {
    let stream = wire(&reply("Grüße 👋"));
    for size in [1, 2, 3, 7] {
        let split = stream.as_bytes().chunks(size).map(|piece| piece.to_vec().into()).collect();
        let peer = Peer::saying([pieces(split, End::Clean)]).await;
        assert_eq!(outcome(&client(&peer)).await.unwrap().text, "Grüße 👋", "in pieces of {size}");
    }
}

#[tokio::test]
async fn other_line_ends_comments_and_a_byte_order_mark_do_no_harm() {
    let stream = format!("\u{feff}: a proxy is here\n\n{}data: [DONE]\n\n", wire(&reply("Hi")));
    let peer = Peer::saying([pieces(vec![stream.replace('\n', "\r\n").into()], End::Clean)]).await;
    assert_eq!(outcome(&client(&peer)).await.unwrap().text, "Hi");
}

#[tokio::test]
async fn a_stream_that_ends_without_a_last_event_is_interrupted() {
    let begun = wire(&reply("Hi")[..3]);
    let peer = Peer::saying([pieces(vec![begun.into()], End::Clean)]).await;

    let heard = drain(client(&peer).respond(&hello()).await.unwrap()).await;

    assert!(matches!(heard[1], Ok(Event::Delta { .. })));
    assert_eq!(heard[2], Err(Failure::Interrupted { code: None }));
}

#[tokio::test]
async fn a_cut_stream_is_interrupted_and_not_asked_for_again() {
    let begun = wire(&reply("Hi")[..3]);
    let peer = Peer::saying([pieces(vec![begun.into()], End::Cut)]).await;
    assert_eq!(outcome(&client(&peer)).await, cut_short());
    assert_eq!(peer.seen().len(), 1);
}

#[tokio::test]
async fn a_stream_that_falls_silent_is_interrupted() {
    let begun = wire(&reply("Hi")[..3]);
    let peer = Peer::saying([pieces(vec![begun.into()], End::Silent)]).await;
    assert_eq!(outcome(&client_with(&peer, impatient())).await, cut_short());
}

#[tokio::test]
async fn an_answer_that_has_ended_does_not_wait_for_its_connection() {
    let peer = Peer::saying([pieces(vec![wire(&reply("Hi")).into()], End::Silent)]).await;
    assert_eq!(outcome(&client(&peer)).await.unwrap().text, "Hi");
}

#[tokio::test]
async fn a_page_that_is_no_stream_is_interrupted() {
    let peer = Peer::saying([peer::text(200, "text/html", "<h1>Welcome</h1>")]).await;
    assert_eq!(outcome(&client(&peer)).await, cut_short());
}

#[tokio::test]
async fn text_without_deltas_comes_from_the_outcome() {
    let peer = Peer::saying([events(&[completed(&json!([message("Hi")]))])]).await;
    assert_eq!(outcome(&client(&peer)).await.unwrap().text, "Hi");
}

#[tokio::test]
async fn an_outcome_without_output_is_made_up_from_what_was_heard() {
    let call =
        json!({ "type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "look_up", "arguments": "{}" });
    let mut stream = reply("Hi");
    stream.insert(3, json!({ "type": "response.output_item.done", "output_index": 1, "item": call }));
    stream[4] = completed(&json!([]));
    let peer = Peer::saying([events(&stream)]).await;

    let outcome = outcome(&client(&peer)).await.unwrap();

    assert_eq!(outcome.text, "Hi");
    assert_eq!(outcome.calls.len(), 1);
}

#[tokio::test]
async fn plain_json_is_an_answer_too() {
    let peer = Peer::saying([peer::json(200, &completed(&json!([message("Hi")]))["response"])]).await;

    let heard = drain(client(&peer).respond(&hello()).await.unwrap()).await;

    assert_eq!(heard[0], Ok(Event::Created { response_id: "resp_1".to_owned() }));
    assert!(matches!(&heard[1], Ok(Event::Completed(outcome)) if outcome.text == "Hi"));
}

#[tokio::test]
async fn plain_json_of_a_failed_response_is_a_failure() {
    let error = json!({ "code": "server_error", "message": "…" });
    let failed = json!({ "id": "resp_1", "status": "failed", "error": error, "output": [] });
    let peer = Peer::saying([peer::json(200, &failed)]).await;
    let failure = outcome(&client(&peer)).await;
    assert_eq!(failure, Err(Failure::Interrupted { code: Some("server_error".to_owned()) }));
}

#[tokio::test]
async fn calls_and_refusals_are_told_apart_from_text() {
    let peer = Peer::saying([events(&[completed(&json!([
        {
            "type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "escalate_to_human",
            "arguments": "{\"reason\":\"asked\"}", "status": "completed",
        },
        {
            "type": "message", "id": "msg_1",
            "content": [{ "type": "refusal", "refusal": "I'd rather not." }, { "type": "new_part" }],
        },
        { "type": "a_new_kind_of_item", "content": 7 },
    ]))])])
    .await;

    let outcome = outcome(&client(&peer)).await.unwrap();

    let call = Call {
        call_id: "call_1".to_owned(),
        name: "escalate_to_human".to_owned(),
        arguments: r#"{"reason":"asked"}"#.to_owned(),
    };
    assert_eq!(outcome.calls, [call]);
    assert_eq!(outcome.refusal.as_deref(), Some("I'd rather not."));
    assert_eq!(outcome.text, "");
}

#[tokio::test]
async fn two_messages_in_one_response_are_set_apart() {
    let delta =
        |index: u64, text| json!({ "type": "response.output_text.delta", "output_index": index, "delta": text });
    let end = completed(&json!([message("One moment."), message("Here it is.")]));
    let peer = Peer::saying([events(&[delta(0, "One moment."), delta(2, "Here "), delta(2, "it is."), end])]).await;

    let mut heard = drain(client(&peer).respond(&hello()).await.unwrap()).await;

    let Some(Ok(Event::Completed(outcome))) = heard.pop() else { panic!("no outcome") };
    let deltas = heard.iter().map(|event| match event {
        Ok(Event::Delta { text }) => text.as_str(),
        other => panic!("not a delta: {other:?}"),
    });
    assert_eq!(outcome.text, "One moment.\n\nHere it is.");
    assert_eq!(deltas.collect::<String>(), outcome.text);
}

#[tokio::test]
async fn an_incomplete_answer_says_why() {
    let incomplete = |details: Value| {
        json!({ "type": "response.incomplete", "response": {
            "id": "resp_1", "status": "incomplete", "incomplete_details": details, "output": [message("Once upon")],
        } })
    };
    for (details, why) in [
        (json!({ "reason": "max_output_tokens" }), Incomplete::MaxOutputTokens),
        (json!({ "reason": "content_filter" }), Incomplete::ContentFilter),
        (json!({ "reason": "something_new" }), Incomplete::Other),
        (Value::Null, Incomplete::Other),
    ] {
        let peer = Peer::saying([events(&[incomplete(details)])]).await;
        let outcome = outcome(&client(&peer)).await.unwrap();
        assert_eq!((outcome.incomplete, outcome.text.as_str()), (Some(why), "Once upon"));
    }
}

#[tokio::test]
async fn a_connection_serves_the_next_request() {
    let peer = Peer::saying([
        events(&reply("One")),
        peer::refusal(503, "server_error", "busy"),
        peer::json(200, &json!({ "id": "resp_1", "deleted": true })),
        events(&reply("Two")),
        events(&reply("Three")),
    ])
    .await;
    let openai = client(&peer);

    outcome(&openai).await.unwrap();
    openai.response_delete("resp_1").await.unwrap();
    outcome(&openai).await.unwrap();
    outcome(&openai).await.unwrap();

    let seen = peer.seen();
    assert_eq!(seen.len(), 5);
    assert!(seen.iter().all(|request| request.from == seen[0].from));
}
