//! Servers that send too much: an answer is cut, anything else is a failure, and neither is read to its end.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

use axum::{body::Body, response::Response};
use bytes::Bytes;
use futures::{StreamExt, stream};
use serde_json::{Value, json};
use shared::openai::{Event, Failure, Incomplete, Outcome};

use super::{
    client, deltas, drain, hello, outcome,
    peer::{self, Peer, call, completed, delta, events, item_done, message, wire},
};

const MAX_ANSWER_BYTES: usize = 64 * 1024;
const MEGABYTE: usize = 1024 * 1024;

/// More than the client reads of anything.
const TOO_MUCH_BYTES: usize = 100 * MEGABYTE;

/// A response that begins with `start` and repeats a chunk, up to [`TOO_MUCH_BYTES`]. Also counts the bytes that were
/// taken of it.
fn endless(content_type: &str, status: u16, start: String, chunk: String) -> (Response, Arc<AtomicUsize>) {
    let taken = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&taken);
    let chunk = Bytes::from(chunk);
    let repeated = stream::repeat(chunk.clone()).take(TOO_MUCH_BYTES / chunk.len());
    let chunks = stream::once(async { Bytes::from(start) }).chain(repeated).map(move |chunk| {
        count.fetch_add(chunk.len(), SeqCst);
        Ok::<_, io::Error>(chunk)
    });
    (peer::text(status, content_type, Body::from_stream(chunks)), taken)
}

fn endless_events(start: &[Value], repeated: &[Value]) -> (Response, Arc<AtomicUsize>) {
    endless("text/event-stream", 200, wire(start), wire(repeated))
}

fn interrupted() -> Result<Outcome, Failure> {
    Err(Failure::Interrupted { code: None })
}

#[tokio::test]
async fn an_endless_answer_is_cut_and_given_up() {
    // The limit falls into the middle of a character.
    for text in ["abcdefg ", "漢字 and 🙂 "] {
        let text = text.repeat(100);
        let (response, taken) = endless_events(&[], &[delta(0, &text)]);
        let peer = Peer::saying([response]).await;
        let mut heard = drain(client(&peer).respond(&hello()).await.unwrap()).await;
        let Some(Ok(Event::Completed(outcome))) = heard.pop() else { panic!("no outcome") };
        assert!((MAX_ANSWER_BYTES - 3..=MAX_ANSWER_BYTES).contains(&outcome.text.len()), "{}", outcome.text.len());
        assert_eq!((outcome.incomplete, outcome.is_aborted), (Some(Incomplete::MaxOutputTokens), true));
        let heard: Vec<Event> = heard.into_iter().map(Result::unwrap).collect();
        assert_eq!(deltas(&heard), outcome.text);
        assert!(taken.load(SeqCst) < TOO_MUCH_BYTES, "it was read to its end");
    }
}

#[tokio::test]
async fn an_answer_up_to_the_limit_is_whole() {
    let text = "x".repeat(MAX_ANSWER_BYTES);
    let whole = [delta(0, &text), item_done(0, &message(&text)), completed(&json!([message(&text)]))];
    let peer = Peer::saying([events(&whole)]).await;
    let heard = outcome(&client(&peer)).await.unwrap();
    assert_eq!((heard.text.len(), heard.incomplete, heard.is_aborted), (MAX_ANSWER_BYTES, None, false));
}

#[tokio::test]
async fn a_longer_answer_that_arrives_at_once_is_cut_too() {
    let message = message(&"y".repeat(100_000));
    let body = json!({ "id": "resp_1", "status": "completed", "output": [message] });
    for response in [peer::json(200, &body), events(&[completed(&json!([message]))]), events(&[item_done(0, &message)])]
    {
        let peer = Peer::saying([response]).await;
        let heard = outcome(&client(&peer)).await.unwrap();
        let cut = Some(Incomplete::MaxOutputTokens);
        assert_eq!((heard.text.len(), heard.incomplete, heard.is_aborted), (MAX_ANSWER_BYTES, cut, false));
    }
}

#[tokio::test]
async fn what_cannot_be_cut_is_a_failure_and_is_not_read_to_its_end() {
    let filler = "z".repeat(64 * 1024);
    let mut long_call = call("call", "look");
    long_call["arguments"] = json!("a".repeat(MEGABYTE / 2));
    // Without ids, each one counts.
    (long_call["call_id"], long_call["id"]) = (json!(""), json!(""));
    let reasoning = json!({ "type": "response.reasoning_text.delta", "output_index": 0, "delta": filler });
    let thinking = delta(0, &format!("<think>{filler}"));
    let cases = [
        ("a line", endless("text/event-stream", 200, "data: ".into(), filler.clone())),
        ("an event of many lines", endless("text/event-stream", 200, String::new(), format!("data: {filler}\r\n"))),
        ("reasoning", endless_events(&[], &[reasoning.clone(), reasoning.clone(), reasoning.clone(), reasoning])),
        ("calls", endless_events(&[], &[item_done(0, &long_call)])),
        ("thinking", endless_events(&[], &[thinking])),
        ("a JSON body", endless("application/json", 200, r#"{"output_text":""#.into(), filler.clone())),
        ("white space", endless("application/json", 200, String::new(), " ".repeat(64 * 1024))),
    ];
    for (name, (response, taken)) in cases {
        let peer = Peer::saying([response]).await;
        assert_eq!(outcome(&client(&peer)).await, interrupted(), "{name}");
        let taken = taken.load(SeqCst);
        assert!(taken < TOO_MUCH_BYTES, "{name}: {taken} bytes were taken");
        println!("{name}: given up after {taken} bytes");
    }
}

#[tokio::test]
async fn lines_of_every_kind_end_an_event() {
    for end in ["\n\n", "\r\n\r\n", "\r\r"] {
        let thought = json!({ "type": "response.reasoning_text.delta", "delta": "t".repeat(7_000) });
        let event = format!("data: {thought}{end}");
        let many = event.repeat(250) + &format!("data: {}{end}", completed(&json!([message("Here you are.")])));
        assert!(many.len() > MEGABYTE);
        let peer = Peer::saying([peer::text(200, "text/event-stream", many)]).await;
        assert_eq!(outcome(&client(&peer)).await.unwrap().text, "Here you are.", "{end:?}");
    }
}

#[tokio::test]
async fn other_bodies_have_a_limit_too() {
    let filler = "z".repeat(64 * 1024);
    let (models, taken) = endless("application/json", 200, r#"{"data":[{"id":""#.into(), filler.clone());
    let peer = Peer::saying([models]).await;
    assert_eq!(client(&peer).models().await.unwrap_err(), Failure::Interrupted { code: None });
    assert!(taken.load(SeqCst) < TOO_MUCH_BYTES / 2);
    let (error, taken) = endless("application/json", 400, r#"{"error":{"message":""#.into(), filler);
    let peer = Peer::saying([error]).await;
    let refused = outcome(&client(&peer)).await.unwrap_err();
    assert!(matches!(refused, Failure::Refused { status: 400, .. }), "{refused:?}");
    assert!(taken.load(SeqCst) < TOO_MUCH_BYTES / 2);
}

#[tokio::test]
async fn an_id_that_is_too_long_counts_as_none() {
    let long = "r".repeat(513);
    let response = json!({ "id": long, "status": "completed", "output": [message("Hello")], "usage": null });
    let sent = [
        json!({ "type": "response.created", "response": { "id": long } }),
        json!({ "type": "response.completed", "response": response }),
    ];
    let peer = Peer::saying([events(&sent), peer::json(200, &response)]).await;
    for _ in 0..2 {
        let heard = outcome(&client(&peer)).await.unwrap();
        assert_eq!((heard.response_id.as_str(), heard.text.as_str()), ("", "Hello"));
    }
}
