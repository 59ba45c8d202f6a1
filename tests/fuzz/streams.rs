//! The streams of servers of `/v1/responses`: whatever arrives, in whatever chunks, the client comes to the same end.

use std::{fs, path::Path, sync::Arc};

use bytes::Bytes;
use futures::{FutureExt, future::BoxFuture, stream};
use reqwest::{Request, Response};
use serde_json::Value;
use shared::openai::{
    Event, Failure, Input, OpenAi, ResponseRequest, RetryPolicy, Role, Settings, TransportError, Wire,
};

use super::{mutator::Mutator, run};

/// Answers every request with the same chunks.
struct Canned(Vec<Bytes>);

impl Wire for Canned {
    fn send(&self, _: Request) -> BoxFuture<'static, Result<Response, TransportError>> {
        let chunks = stream::iter(self.0.clone().into_iter().map(Ok::<_, std::io::Error>));
        let answer = http::Response::new(reqwest::Body::wrap_stream(chunks));
        async { Ok(answer.into()) }.boxed()
    }
}

/// The streams of the corpus that are written as bytes, and those that Switchboard's own stand-in would send.
fn corpus() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("upstream");
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    let cases = files.iter().filter(|path| path.extension().is_some_and(|it| it == "json"));
    let raw = cases.flat_map(|path| {
        let case: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
        let answers = case["answers"].as_array().cloned().unwrap_or_default();
        answers.into_iter().filter_map(|answer| {
            let json = answer.get("json").map(Value::to_string);
            answer["raw"].as_str().map(str::to_owned).or(json)
        })
    });
    raw.collect()
}

/// Splits bytes at random places.
fn chunks(mutator: &mut Mutator, bytes: &[u8]) -> Vec<Bytes> {
    let mut rest = Bytes::copy_from_slice(bytes);
    let mut chunks = Vec::new();
    while !rest.is_empty() {
        let end = 1 + mutator.below(rest.len().min(400));
        chunks.push(rest.split_to(end.min(rest.len())));
    }
    chunks
}

/// The text that was streamed, with an empty one at each restart, and the last event.
async fn read(http: &reqwest::Client, chunks: Vec<Bytes>) -> (String, Option<Result<Event, Failure>>) {
    let base_url = "http://127.0.0.1:9/v1".parse().unwrap();
    let retry_policy = RetryPolicy { attempts: 1, ..RetryPolicy::default() };
    let settings = Settings { base_url, api_key: "a key".into(), retry_policy };
    let openai = OpenAi::new(http.clone(), settings).over(Arc::new(Canned(chunks)));
    let request = ResponseRequest {
        model: "some-model",
        input: vec![Input::message(Role::User, "Hello".to_owned())].into(),
        ..ResponseRequest::default()
    };
    let mut answer = match openai.respond(&request).await {
        Ok(answer) => answer,
        Err(failure) => return (String::new(), Some(Err(failure))),
    };
    let (mut text, mut last) = (String::new(), None);
    while let Some(event) = answer.next().await {
        match &event {
            Ok(Event::Delta { text: delta }) => text.push_str(delta),
            Ok(Event::Restart) => text.clear(),
            _ => {}
        }
        last = Some(event);
    }
    (text, last)
}

// Nothing here waits for the world, so that waits between attempts take no time.
#[tokio::test(start_paused = true)]
async fn a_stream_comes_to_the_same_end_in_any_chunks() {
    let corpus = corpus();
    assert!(corpus.len() > 20, "{} streams", corpus.len());
    let http = reqwest::Client::new();
    run("streams", 1_500, async |seed| {
        let mut mutator = Mutator::seeded(seed);
        let stream = mutator.pick(&corpus).clone();
        let bytes = if mutator.below(8) == 0 { stream.into_bytes() } else { mutator.bytes(stream.as_bytes()) };
        let whole = read(&http, vec![Bytes::copy_from_slice(&bytes)]).await;
        let pieces = read(&http, chunks(&mut mutator, &bytes)).await;
        let shown = || String::from_utf8_lossy(&bytes).into_owned();
        assert_eq!(whole, pieces, "{}", shown());
        let (streamed, last) = whole;
        match last {
            Some(Ok(Event::Completed(outcome))) => {
                assert!(streamed.is_empty() || streamed == outcome.text, "{streamed:?} {outcome:?} {}", shown());
                assert!(outcome.text.len() <= 3 * bytes.len(), "{}", shown());
            }
            Some(Err(_)) => {}
            other => panic!("the last event is {other:?}: {}", shown()),
        }
    })
    .await;
}
