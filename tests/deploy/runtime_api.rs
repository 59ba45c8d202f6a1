//! The Runtime API in this process: the responses that it reads, and a function that fails to start.

use http::{
    HeaderMap, HeaderValue,
    header::{CONTENT_TYPE, SET_COOKIE},
};
use serde_json::json;
use tokio::net::TcpListener;

use tests::{
    runtime_api::{
        Answer, Failure, FunctionProcess, Outcome,
        answer::{DELIMITER, ERROR_BODY, ERROR_TYPE, read_streamed},
    },
    sample::event,
};

#[tokio::test]
async fn a_function_without_its_environment_ends_before_its_first_event() {
    let mut authorizer = FunctionProcess::start("authorizer", [("NOTHING", "configured")]).await;
    let outcome = authorizer.invoke(&json!({})).await.map(Answer::into_json);
    let failure = outcome.expect_err("no keys, no authorizer");
    assert!(matches!(failure, Failure::Exited(_)), "{failure}\n{}", authorizer.logs());
}

#[tokio::test]
async fn a_handler_that_is_no_function_is_named_in_the_log() {
    let mut nobody = FunctionProcess::start("bundle", [("NOTHING", "configured")]).await;
    let failure = nobody.invoke(&json!({})).await.map(Answer::into_json).expect_err("no function is called bundle");
    assert!(matches!(failure, Failure::Exited(_)), "{failure}");
    assert!(nobody.logs().contains("_HANDLER names bundle, which is no function"), "{}", nobody.logs());
}

#[tokio::test]
async fn a_refused_connection_is_named_in_the_log() {
    // Nobody listens on this port any more.
    let refusing = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let nowhere = format!("http://{refusing}");
    let environment = [
        ("TABLE", "switchboard"),
        ("AWS_ENDPOINT_URL_DYNAMODB", &nowhere),
        ("SOCKETS_URL", &nowhere),
        ("OPENAI_BASE_URL", &nowhere),
        ("OPENAI_API_KEY", "none"),
    ];
    let mut thread = FunctionProcess::start("thread", environment).await;
    let event = serde_json::from_str(&event("thread-list")).unwrap();
    let response = thread.invoke(&event).await.unwrap().into_http();
    assert_eq!(response.status(), 503);
    let logs = thread.logs();
    assert!(logs.contains("the table cannot be reached") && logs.contains("Connection refused"), "{logs}");
}

const PRELUDE: &[u8] = br#"{"statusCode":200,"headers":{"content-type":"text/plain"},"cookies":["a=1"]}"#;

fn streamed(rest: &[u8]) -> Vec<u8> {
    [PRELUDE, &DELIMITER, rest].concat()
}

#[test]
fn a_streamed_answer_is_what_follows_its_prelude() {
    let answer = read_streamed(&streamed(b"hello \0 there"), &HeaderMap::new()).expect("an answer");
    let response = answer.into_http();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()[CONTENT_TYPE], "text/plain");
    assert_eq!(response.headers()[SET_COOKIE], "a=1");
    assert_eq!(response.body(), b"hello \0 there");
}

#[test]
fn a_stream_may_break_off_in_trailers() {
    let mut trailers = HeaderMap::new();
    trailers.insert(ERROR_TYPE, HeaderValue::from_static("Runtime.StreamError"));
    trailers.insert(ERROR_BODY, HeaderValue::from_static("Z29uZQ=="));
    breaks_off_after_hel(read_streamed(&streamed(b"hel"), &trailers));
}

#[test]
fn a_stream_may_break_off_in_trailers_written_as_body() {
    let error = b"helLambda-Runtime-Function-Error-Type: Runtime.StreamError\r\n\
        Lambda-Runtime-Function-Error-Body: Z29uZQ==\r\n";
    breaks_off_after_hel(read_streamed(&streamed(error), &HeaderMap::new()));
}

fn breaks_off_after_hel(outcome: Outcome) {
    let Err(Failure::Stream { until_then, error }) = outcome else { panic!("{outcome:?}") };
    assert_eq!(until_then.into_http().body(), b"hel");
    assert_eq!(error, json!({ "errorType": "Runtime.StreamError", "errorMessage": "gone" }));
}

#[test]
fn a_buffered_answer_becomes_http_as_the_gateway_makes_it() {
    let answer = Answer::Buffered(json!({
        "statusCode": 202,
        "headers": { "content-type": "text/plain", "x": "one" },
        "multiValueHeaders": { "x": ["one", "two"] },
        "body": "aGVsbG8=",
        "isBase64Encoded": true,
    }));
    let response = answer.into_http();
    assert_eq!(response.status(), 202);
    assert_eq!(response.headers().get_all("x").iter().collect::<Vec<_>>(), ["one", "two"]);
    assert_eq!(response.body(), b"aGVsbG8=");
}
