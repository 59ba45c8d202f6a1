//! Streamed answers: on the caller's stream, and word by word on sockets.

use reqwest::Method;
use serde_json::{Value, json};

use tests::{openai::brisk, persona::Answer, stage::Stage, streams::Event};

fn kinds(events: &[Event]) -> Vec<&str> {
    events.iter().map(|event| event.kind.as_str()).collect()
}

/// The text of all deltas, put together by their index.
fn put_together(deltas: &[&Value]) -> String {
    deltas.iter().fold(String::new(), |text, delta| {
        assert_eq!(delta["index"].as_u64().unwrap(), text.encode_utf16().count() as u64);
        text + delta["text"].as_str().unwrap()
    })
}

#[tokio::test]
async fn an_answer_is_told_as_it_is_said_and_done_comes_last() {
    let stage = Stage::start().await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    let hold = stage.hold_after(3);
    let mut events = customer.streams(&thread, json!({ "text": "Hello 👋" })).await;
    let first = events.next().await.unwrap();
    assert_eq!((first.kind.as_str(), first.id.as_deref()), ("message.created", Some("1")));
    let mut told = Vec::new();
    for _ in 0..3 {
        told.push(events.next().await.unwrap());
    }
    hold.release();
    told.extend(events.rest().await);
    let done = told.pop().unwrap();
    assert_eq!(done.data, json!({ "type": "done", "thread_id": thread, "joined": false }));
    let reply = told.pop().unwrap();
    assert_eq!((reply.kind.as_str(), reply.id.as_deref()), ("message.created", Some("2")));
    assert!(told.iter().all(|event| event.kind == "message.delta" && event.id.is_none()), "{told:?}");
    let deltas: Vec<_> = told.iter().map(|event| &event.data).collect();
    assert_eq!(put_together(&deltas), reply.data["message"]["text"].as_str().unwrap());
}

#[tokio::test]
async fn another_socket_hears_the_same_words() {
    let stage = Stage::start().await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    let mut socket = customer.listens(&thread).await;
    let hold = stage.hold_after(3);
    let mut events = customer.streams(&thread, json!({ "text": "Hello" })).await;
    let delta = socket.hears_of("message.delta").await;
    assert_eq!((&delta["index"], &delta["text"]), (&json!(0), &json!("This is OpenAI's")));
    hold.release();
    assert_eq!(events.rest().await.last().unwrap().kind, "done");
    assert_eq!(socket.hears_of("message.created").await["message"]["role"], "bot");
}

#[tokio::test]
async fn a_socket_that_comes_in_mid_answer_is_told_it_from_the_beginning() {
    let stage = Stage::start().await;
    let (customer, agent, thread) = (stage.customer(), stage.agent(), stage.thread().await);
    let hold = stage.hold_after(3);
    let mut events = customer.streams(&thread, json!({ "text": "Hello" })).await;
    hold.begun().await;
    // The run reads its listeners once a second.
    let mut socket = agent.listens(&thread).await;
    assert_eq!(socket.hears_of("message.delta").await["text"], "This is OpenAI's");
    hold.release();
    events.rest().await;
}

#[tokio::test]
async fn who_claims_in_mid_answer_withdraws_it_from_the_stream() {
    let stage = Stage::start().await;
    let (customer, agent, thread) = (stage.customer(), stage.agent(), stage.thread().await);
    let hold = stage.hold_after(3);
    let mut events = customer.streams(&thread, json!({ "text": "Hello" })).await;
    hold.begun().await;
    agent.claims(&thread).await.expect(200);
    hold.release();
    let rest = events.rest().await;
    let discarded = rest.iter().find(|event| event.kind == "message.discarded").unwrap();
    assert_eq!(discarded.data.get("draft"), None);
    assert_eq!(kinds(&rest).last(), Some(&"done"));
    assert!(!rest[1..].iter().any(|event| event.kind == "message.created"), "{rest:?}");
}

#[tokio::test]
async fn a_listener_who_leaves_does_not_end_the_answer() {
    let stage = Stage::start().await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    let mut socket = customer.listens(&thread).await;
    let hold = stage.hold_after(3);
    let events = customer.streams(&thread, json!({ "text": "Hello" })).await;
    hold.begun().await;
    drop(events);
    hold.release();
    assert_eq!(socket.hears_of("message.created").await["seq"], 1);
    assert_eq!(socket.hears_of("message.created").await["message"]["role"], "bot");
}

#[tokio::test]
async fn where_people_talk_the_stream_says_what_was_written() {
    let stage = Stage::start().await;
    let (customer, agent, thread) = (stage.customer(), stage.agent(), stage.thread().await);
    let claimed = agent.streams(&thread, json!({ "text": "Ana here." })).await.rest().await;
    assert_eq!(kinds(&claimed), ["message.created", "thread.updated", "message.created", "done"]);
    let said = customer.streams(&thread, json!({ "text": "Hello", "client_id": "one" })).await.rest().await;
    assert_eq!(kinds(&said), ["message.created", "done"]);
    let again = customer.streams(&thread, json!({ "text": "Hello", "client_id": "one" })).await.rest().await;
    assert_eq!(again[0].data, said[0].data);
    let note = agent.streams(&thread, json!({ "text": "Hm", "internal": true })).await.rest().await;
    assert_eq!(kinds(&note), ["note.created", "done"]);
}

#[tokio::test]
async fn an_openai_that_is_down_hands_over_on_the_stream_too() {
    let stage = Stage::with(brisk()).await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    stage.openai_goes_down();
    let events = customer.streams(&thread, json!({ "text": "Hello" })).await.rest().await;
    assert_eq!(kinds(&events), ["message.created", "message.created", "thread.updated", "done"]);
    assert_eq!(events[1].data["message"]["event"]["reason"], "failure");
    stage.openai_comes_back();
}

/// Python's `splitlines`, which httpx reads streams with, breaks lines at these too.
#[tokio::test]
async fn an_event_has_no_character_at_which_a_client_may_break_a_line() {
    let stage = Stage::start().await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    let text = "one\u{2028}two\u{2029}three\u{85}four";
    let ours = (format!("/threads/{thread}/chat"), json!({ "text": text }));
    let message = json!({ "id": "one", "role": "user", "parts": [{ "type": "text", "text": text }] });
    let theirs = json!({ "id": thread, "messages": [message], "trigger": "submit-message" });
    for (path, body) in [ours, ("/chat".to_owned(), theirs)] {
        let request = customer.request(Method::POST, &path).header("accept", "text/event-stream").json(&body);
        let response = request.send().await.unwrap();
        assert_eq!(
            (response.status().as_u16(), &response.headers()["x-accel-buffering"]),
            (200, &"no".parse().unwrap())
        );
        assert_eq!(response.headers()["cache-control"], "no-store, no-transform");
        let streamed = response.text().await.unwrap();
        assert!(!streamed.contains(['\u{85}', '\u{2028}', '\u{2029}']), "{streamed}");
        assert!(
            streamed.contains("\\u2028") && streamed.contains("\\u2029") && streamed.contains("\\u0085"),
            "{streamed}"
        );
    }
    let log = customer.log(&thread).await;
    assert_eq!(log[0]["text"], text);
}

#[tokio::test]
async fn what_is_refused_is_refused_as_any_request_is() {
    let stage = Stage::start().await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    let refused = async |path: &str, body: Value| {
        let request = customer.request(Method::POST, path).header("accept", "text/event-stream, */*;q=0.1");
        Answer::of(request.json(&body)).await
    };
    let chat = format!("/threads/{thread}/chat");
    assert_eq!(refused(&chat, json!({ "text": "" })).await.invalid(), "text: must not be empty");
    refused("/threads/thr_01JD0000000000000000000000/chat", json!({ "text": "Hello" })).await.problem(404, "not_found");
    customer.ends(&thread).await.expect(200);
    refused(&chat, json!({ "text": "Hello" })).await.problem(409, "conflict");
}
