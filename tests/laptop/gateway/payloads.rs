//! Payloads that are hard to write or to read: the laptop's gateway gives its client what API Gateway would make of the
//! payload that Lambda's real runtime writes.

#[path = "odd_function/handlers.rs"]
mod handlers;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use http::{HeaderMap, Response};
use lambda_http::Error;
use local::gateway::{Functions, Limits};
use serde_json::{Value, json};

use handlers::BINARY;
use tests::{
    runtime_api::{Answer, Failure, FunctionProcess},
    sample::event,
};

use super::gate::Gate;

/// A gateway with the odd function as `thread`, which does not stream, and as `chat`, which does.
async fn gate() -> Gate {
    Gate::open(Limits::default(), |functions| {
        functions.with("thread", handlers::whole).streaming("chat", handlers::streaming)
    })
    .await
}

/// The response of the gateway, without the headers of its own connection.
async fn over_gateway(gate: &Gate, streams: bool, odd: &str) -> Response<Vec<u8>> {
    let request =
        if streams { gate.post(&format!("/chat?odd={odd}")) } else { gate.get(&format!("/threads?odd={odd}")) };
    let answer = request.send().await.unwrap();
    let mut response = Response::new(Vec::new());
    *response.status_mut() = answer.status();
    *response.headers_mut() = own(answer.headers().clone());
    *response.body_mut() = answer.bytes().await.expect("the body ends well-formed").to_vec();
    response
}

fn own(mut headers: HeaderMap) -> HeaderMap {
    for name in ["date", "content-length", "transfer-encoding", "x-amzn-requestid"] {
        headers.remove(name);
    }
    headers
}

/// The odd function on the real runtime.
async fn process(streams: bool) -> FunctionProcess {
    FunctionProcess::start("odd-function", streams.then_some(("STREAMS", "1"))).await
}

async fn over_runtime(process: &mut FunctionProcess, streams: bool, odd: &str) -> Result<Answer, Failure> {
    let mut event: Value = serde_json::from_str(&event(if streams { "chat-ui" } else { "thread-list" })).unwrap();
    event["queryStringParameters"] = json!({ "odd": odd });
    event["multiValueQueryStringParameters"] = json!({ "odd": [odd] });
    process.invoke(&event).await
}

#[tokio::test]
async fn a_response_arrives_as_lambdas_runtime_would_have_written_it() {
    let gate = gate().await;
    for (streams, odds) in [
        (false, &["repeated", "binary", "empty", "quotes", "plain"][..]),
        (true, &["cookies", "binary", "empty", "untyped", "plain", "panic-later"]),
    ] {
        let mut process = process(streams).await;
        for odd in odds {
            let expected = over_runtime(&mut process, streams, odd).await.unwrap().into_http();
            let response = over_gateway(&gate, streams, odd).await;
            assert_eq!(response.status(), expected.status(), "{odd}");
            assert_eq!(response.headers(), expected.headers(), "{odd}");
            assert_eq!(response.body(), expected.body(), "{odd}");
        }
    }
}

#[tokio::test]
async fn what_is_written_is_what_the_client_gets() {
    let gate = gate().await;
    let repeated = over_gateway(&gate, false, "repeated").await;
    assert_eq!(repeated.headers().get_all("set-cookie").iter().collect::<Vec<_>>(), ["a=1", "b=2"]);
    assert_eq!(repeated.headers().get_all("vary").iter().collect::<Vec<_>>(), ["origin", "accept"]);
    // The API has no binary media types, so nobody decodes the base64 of a payload.
    assert_eq!(over_gateway(&gate, false, "binary").await.body(), BASE64_STANDARD.encode(BINARY).as_bytes());
    assert_eq!(over_gateway(&gate, true, "binary").await.body(), BINARY);
    assert_eq!(over_gateway(&gate, false, "empty").await.status(), 204);
    assert_eq!(over_gateway(&gate, true, "empty").await.status(), 204);
    let cookies = over_gateway(&gate, true, "cookies").await;
    assert_eq!(cookies.headers().get_all("set-cookie").iter().collect::<Vec<_>>(), ["a=1", "b=2"]);
    // A client cannot tell this end from another.
    assert_eq!(over_gateway(&gate, true, "panic-later").await.body(), b"hel");
}

#[tokio::test]
async fn a_function_that_fails_before_its_first_byte_is_a_500() {
    let gate = gate().await;
    for streams in [false, true] {
        let mut process = process(streams).await;
        for odd in ["error", "panic"] {
            let outcome = over_runtime(&mut process, streams, odd).await;
            assert!(matches!(outcome, Err(Failure::Invocation(_))), "{odd}: {outcome:?}");
            assert_eq!(refused(&gate, streams, odd).await, "internal");
        }
    }
}

#[tokio::test]
async fn an_error_in_mid_stream_reaches_the_client_as_text() {
    let gate = gate().await;
    let outcome = over_runtime(&mut process(true).await, true, "error-later").await;
    let Err(Failure::Stream { until_then, error }) = outcome else { panic!("{outcome:?}") };
    assert_eq!(until_then.into_http().body(), b"hel");
    assert_eq!(error["errorMessage"], "gone");
    let body = over_gateway(&gate, true, "error-later").await.into_body();
    let body = String::from_utf8(body).unwrap();
    assert!(body.starts_with("helLambda-Runtime-Function-Error-Type: Runtime.StreamError\r\n"), "{body}");
}

#[tokio::test]
async fn what_api_gateway_cannot_read_is_a_500() {
    let gate = gate().await;
    // More than 6 MB, and a header as a list.
    assert_eq!(refused(&gate, false, "large").await, "internal");
    assert_eq!(refused(&gate, true, "repeated").await, "internal");
    // Each form on the integration of the other.
    let other_form = Gate::open(Limits::default(), |functions| {
        functions.with("chat", handlers::whole).streaming("thread", handlers::streaming)
    })
    .await;
    assert_eq!(refused(&other_form, false, "plain").await, "internal");
    assert_eq!(refused(&other_form, true, "plain").await, "internal");
}

#[tokio::test]
async fn what_is_no_proxy_response_is_a_500() {
    for payload in [
        json!(null),
        json!({}),
        json!({ "statusCode": 1000 }),
        json!({ "statusCode": 200, "body": { "a": 1 } }),
        json!({ "statusCode": 200, "headers": { "a": ["b"] } }),
        json!({ "statusCode": 200, "headers": { "a b": "c" } }),
        json!({ "statusCode": 200, "multiValueHeaders": { "a": "b" } }),
    ] {
        let answer = payload.clone();
        let change = move |functions: Functions| {
            functions.plain("thread", move |_| std::future::ready(Ok::<_, Error>(answer.clone())))
        };
        let gate = Gate::open(Limits::default(), change).await;
        assert_eq!(refused(&gate, false, "plain").await, "internal", "{payload}");
    }
}

/// Both forms of headers are merged, as API Gateway does.
#[tokio::test]
async fn a_header_in_both_forms_counts_once() {
    let payload = json!({
        "statusCode": 202,
        "headers": { "x": "one", "y": "three" },
        "multiValueHeaders": { "x": ["one", "two"] },
        "body": "aGVsbG8=",
        "isBase64Encoded": true,
    });
    let change =
        |functions: Functions| functions.plain("thread", move |_| std::future::ready(Ok::<_, Error>(payload.clone())));
    let response = over_gateway(&Gate::open(Limits::default(), change).await, false, "").await;
    assert_eq!(response.status(), 202);
    assert_eq!(response.headers().get_all("x").iter().collect::<Vec<_>>(), ["one", "two"]);
    assert_eq!(response.headers()["y"], "three");
    assert_eq!(response.body(), b"aGVsbG8=");
}

/// A function that failed: the code of the problem.
async fn refused(gate: &Gate, streams: bool, odd: &str) -> String {
    let response = over_gateway(gate, streams, odd).await;
    assert_eq!(response.status(), 500, "{odd}");
    let problem: Value = serde_json::from_slice(response.body()).unwrap();
    problem["code"].as_str().unwrap().to_owned()
}
