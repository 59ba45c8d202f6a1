//! The headers that every answer of the API has, and those that pages on other origins may send.

use reqwest::{Method, header::HeaderMap};
use serde_json::json;

use tests::stage::Stage;

#[track_caller]
fn has_common_headers(headers: &HeaderMap) {
    let value = |name: &str| headers.get(name).unwrap_or_else(|| panic!("no {name} in {headers:?}")).to_str().unwrap();
    assert!(value("cache-control").split(", ").any(|it| it == "no-store"), "{headers:?}");
    assert_eq!((value("x-content-type-options"), value("access-control-allow-origin")), ("nosniff", "*"));
}

#[tokio::test]
async fn nothing_keeps_an_answer_and_no_browser_guesses_its_type() {
    let stage = Stage::start().await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    let (path, id) = (format!("/threads/{thread}"), "thr_01JD0000000000000000000000");
    let mut answers = vec![
        customer.get(&path).await.expect(200),
        customer.get("/threads").await.expect(200),
        customer.says(&thread, "Hello").await.expect(200),
        stage.admin().post("/chatbots", json!({ "name": "Wren", "model": "gpt-5-mini" })).await.expect(201),
        customer.get(&format!("/threads/{id}")).await.expect(404),
        customer.get("/chatbots").await.expect(403),
        customer.get("/threads?limit=0").await.expect(400),
        stage.agent().claims(&thread).await.expect(200),
        customer.escalates(&thread).await.expect(409),
    ];
    // The gateway's own.
    answers.push(stage.anon().get("/threads").await.expect(401));
    answers.push(customer.get("/no/such/route").await.expect(404));
    answers.push(stage.admin().delete(&path).await.expect(204));
    for answer in &answers {
        has_common_headers(&answer.headers);
    }
    let thread = stage.thread().await;
    let streaming = customer.request(Method::POST, &format!("/threads/{thread}/chat"));
    let streaming = streaming.header("accept", "text/event-stream").json(&json!({ "text": "Hello" }));
    has_common_headers(streaming.send().await.unwrap().headers());
    let messages = json!([{ "id": "m1", "role": "user", "parts": [{ "type": "text", "text": "Hello" }] }]);
    let body = json!({ "id": thread, "trigger": "submit-message", "messages": messages });
    has_common_headers(customer.request(Method::POST, "/chat").json(&body).send().await.unwrap().headers());
}

/// The headers that libraries add to a page's requests, by library.
const SENT: [(&str, &[&str]); 11] = [
    ("switchboard.js", &["authorization", "content-type", "accept", "idempotency-key"]),
    ("useChat", &["content-type", "authorization", "user-agent"]),
    ("an event stream's client", &["accept", "cache-control", "last-event-id"]),
    ("OpenTelemetry", &["traceparent", "tracestate", "baggage", "b3"]),
    ("Zipkin", &["x-b3-traceid", "x-b3-spanid", "x-b3-parentspanid", "x-b3-sampled", "x-b3-flags"]),
    ("Jaeger", &["uber-trace-id"]),
    ("Sentry", &["sentry-trace", "baggage"]),
    (
        "Datadog",
        &[
            "x-datadog-trace-id",
            "x-datadog-parent-id",
            "x-datadog-origin",
            "x-datadog-sampling-priority",
            "traceparent",
        ],
    ),
    ("New Relic", &["newrelic", "traceparent", "tracestate"]),
    ("Application Insights", &["request-id", "request-context", "traceparent"]),
    ("X-Ray", &["x-amzn-trace-id"]),
];

#[tokio::test]
async fn a_page_may_send_what_tracing_libraries_and_front_ends_send() {
    let stage = Stage::start().await;
    for path in ["/threads", "/chat", "/visitors"] {
        let preflight = stage.anon().request(Method::OPTIONS, path).header("origin", "https://shop.example");
        let preflight = preflight.header("access-control-request-method", "POST").send().await.unwrap();
        let allowed = preflight.headers()["access-control-allow-headers"].to_str().unwrap().to_ascii_lowercase();
        let allowed: Vec<&str> = allowed.split(',').map(str::trim).collect();
        for (library, sent) in SENT {
            for name in sent {
                assert!(allowed.contains(name), "{library} sends {name}, which {path} does not allow");
            }
        }
    }
}
