//! The OpenAI client against a server on 127.0.0.1 whose responses each test scripts.

mod capabilities;
mod conversations;
mod failures;
mod knowledge;
mod lenient;
mod limits;
mod logged;
mod marks;
mod models;
mod peer;
mod phases;
mod requests;
mod retries;
mod streams;

use std::time::Duration;

use serde_json::Value;
use shared::openai::{
    Event, Failure, Input, OpenAi, Outcome, ResponseRequest, ResponseStream, RetryPolicy, Role, Settings,
};

use peer::Peer;

const KEY: &str = "sk-a-key-that-nobody-may-see";

/// A retry policy with waits of a millisecond and long timeouts, so that a busy machine changes no test's outcome.
fn brisk() -> RetryPolicy {
    RetryPolicy {
        attempts: 3,
        locked_attempts: 5,
        replies: 2,
        least_reply_time: Duration::ZERO,
        first_wait: Duration::from_millis(1),
        longest_wait: Duration::from_millis(500),
        connect: Duration::from_secs(30),
        first_byte: Duration::from_secs(30),
        small_first_byte: Duration::from_secs(30),
        idle: Duration::from_secs(30),
    }
}

/// A retry policy with short timeouts, for tests in which the server goes silent.
fn impatient() -> RetryPolicy {
    RetryPolicy {
        first_byte: Duration::from_millis(300),
        small_first_byte: Duration::from_millis(300),
        idle: Duration::from_millis(300),
        ..brisk()
    }
}

fn client(peer: &Peer) -> OpenAi {
    client_with(peer, brisk())
}

fn client_with(peer: &Peer, retry_policy: RetryPolicy) -> OpenAi {
    let http = retry_policy.http().unwrap();
    OpenAi::new(http, settings(&peer.base_url, retry_policy))
}

fn settings(base_url: &str, retry_policy: RetryPolicy) -> Settings {
    Settings { base_url: base_url.parse().unwrap(), api_key: KEY.into(), retry_policy }
}

/// A request in `conv_1` with a customer's hello.
fn hello() -> ResponseRequest<'static> {
    ResponseRequest {
        model: "some-model",
        conversation: Some("conv_1"),
        input: vec![Input::message(Role::User, "Hello".to_owned())].into(),
        store: true,
        ..ResponseRequest::default()
    }
}

/// All events of a response, up to its end.
async fn drain(mut answer: ResponseStream) -> Vec<Result<Event, Failure>> {
    let mut events = Vec::new();
    while let Some(event) = answer.next().await {
        events.push(event);
    }
    assert!(answer.next().await.is_none(), "an answer that has ended stays ended");
    events
}

/// The outcome of a stream of these events, after its other events have been checked: the deltas since the last restart
/// are its text, unless there are none.
async fn outcome_of(events: &[Value]) -> Outcome {
    let (_, outcome) = heard_of(events).await;
    outcome
}

/// The events before the outcome, and the outcome.
async fn heard_of(events: &[Value]) -> (Vec<Event>, Outcome) {
    let peer = Peer::saying([peer::events(events)]).await;
    let mut heard = drain(client(&peer).respond(&hello()).await.unwrap()).await;
    let Some(Ok(Event::Completed(outcome))) = heard.pop() else { panic!("no outcome") };
    let heard: Vec<Event> = heard.into_iter().map(Result::unwrap).collect();
    let last_restart = heard.iter().rposition(|event| *event == Event::Restart).map_or(0, |at| at + 1);
    let deltas = deltas(&heard[last_restart..]);
    assert!(deltas.is_empty() || deltas == outcome.text, "{deltas:?} was streamed, {:?} is the text", outcome.text);
    (heard, outcome)
}

/// The text of the deltas.
fn deltas(events: &[Event]) -> String {
    let text = |event: &Event| match event {
        Event::Delta { text } => Some(text.clone()),
        _ => None,
    };
    events.iter().filter_map(text).collect()
}

/// The outcome of the response to `hello`.
async fn outcome(openai: &OpenAi) -> Result<Outcome, Failure> {
    let answer = openai.respond(&hello()).await?;
    match drain(answer).await.pop() {
        Some(Ok(Event::Completed(outcome))) => Ok(outcome),
        Some(Err(failure)) => Err(failure),
        other => panic!("the last event was {other:?}"),
    }
}
