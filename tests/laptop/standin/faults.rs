//! Faults of the stand-in before, or instead of, a response.

use local::standin::{ErrorResponse, Failure, Fault, Stage};
use serde_json::json;

use super::{Server, refusal, text, valid};

const RESPONSES: &str = "/v1/responses";

#[tokio::test]
async fn a_status_comes_as_often_as_told_with_its_headers() {
    let server = Server::start().await;
    let limited = ErrorResponse::status(429).code("rate_limit_exceeded").header("retry-after-ms", "7");
    server.standin.fault(Fault::on("POST", RESPONSES, limited).times(2));
    for _ in 0..2 {
        let body = json!({"model": "gpt-a", "input": "x"});
        let answer = server.request("POST", RESPONSES).json(&body).send().await.unwrap();
        assert_eq!(answer.headers()["retry-after-ms"], "7");
        let answered = (answer.status().as_u16(), answer.json().await.unwrap());
        assert_eq!(refusal(&answered), (429, Some("rate_limit_exceeded")));
    }
    assert_eq!(server.respond(json!({"input": "x"})).await.0, 200);
    assert_eq!(server.standin.faults_left(), 0);
}

#[tokio::test]
async fn an_error_body_may_be_flat_or_anything() {
    let server = Server::start().await;
    let flat = ErrorResponse::status(500).code("server_error").flat();
    server.standin.fault(Fault::on("GET", "/v1/models", flat));
    let page = ErrorResponse::status(502).body(json!("<h1>Bad gateway</h1>"));
    server.standin.fault(Fault::on("GET", "/v1/models", page));
    let (status, body) = server.get("/v1/models/gpt-a").await;
    assert_eq!((status, body["code"].as_str()), (500, Some("server_error")));
    let answer = server.request("GET", "/v1/models").send().await.unwrap();
    assert_eq!(answer.status(), 502);
    assert_eq!(answer.text().await.unwrap(), "<h1>Bad gateway</h1>");
}

#[tokio::test]
async fn a_fault_meets_only_its_method_and_path() {
    let server = Server::start().await;
    server.standin.fault(Fault::on("DELETE", "/v1/conversations", ErrorResponse::status(500)));
    let conversation = server.conversation().await;
    let path = format!("/v1/conversations/{conversation}");
    assert_eq!(server.delete(&path).await.0, 500);
    assert_eq!(server.delete(&path).await.0, 200);
}

#[tokio::test]
async fn a_failure_of_a_stream_passes_over_other_requests() {
    let server = Server::start().await;
    server.standin.fault(Fault::on("POST", "/v1/", Failure::Empty));
    server.conversation().await;
    let response = valid("Response", server.respond(json!({"input": "x"})).await);
    assert_eq!(response["output"], json!([]));
}

#[tokio::test]
async fn a_stalled_request_is_answered_when_released() {
    let server = Server::start().await;
    let stall = server.standin.stall("POST", "/v1/conversations");
    let (id, ()) = tokio::join!(server.conversation(), async {
        stall.begun().await;
        assert_eq!(server.standin.counts().conversations, 0);
        stall.release();
    });
    assert!(id.starts_with("conv_"));
}

#[tokio::test]
async fn a_client_that_leaves_a_stalled_request_is_noticed() {
    let server = Server::start().await;
    let stall = server.standin.stall("POST", RESPONSES);
    let request = server.request("POST", RESPONSES).json(&json!({"model": "gpt-a", "input": "x"}));
    let client = tokio::spawn(request.send());
    stall.begun().await;
    client.abort();
    stall.left().await;
    assert_eq!(stall.stage(), Stage::Left);
}

#[tokio::test]
async fn a_request_whose_answer_is_cut_may_have_been_carried_out() {
    let server = Server::start().await;
    for (landed, conversations) in [(false, 0), (true, 1)] {
        let cut = Failure::Cut { after: 0, landed, clean: false };
        server.standin.fault(Fault::on("POST", "/v1/conversations", cut));
        let answer = server.request("POST", "/v1/conversations").json(&json!({})).send().await;
        let read = async { answer?.bytes().await };
        assert!(read.await.is_err());
        assert_eq!(server.standin.counts().conversations, conversations);
    }
}

#[tokio::test]
async fn answers_can_be_ordered() {
    let server = Server::start().await;
    let order = |failure| server.standin.fault(Fault::on("POST", RESPONSES, failure));
    order(Failure::Say { text: String::new() });
    order(Failure::Call { name: "unheard_of".into(), arguments: "no json".into() });
    let silent = valid("Response", server.respond(json!({"input": "x"})).await);
    assert_eq!(text(&silent), "");
    let call = valid("Response", server.respond(json!({"input": "x"})).await);
    assert_eq!(call["output"][0]["arguments"], "no json");
}

#[tokio::test]
async fn without_a_stream_failures_come_as_json() {
    let server = Server::start().await;
    let order = |failure| server.standin.fault(Fault::on("POST", RESPONSES, failure));
    order(Failure::Failed { after: 1, code: "server_error".into() });
    order(Failure::Incomplete { after: 2, reason: "content_filter".into() });
    order(Failure::Error { after: 0, flat: true, code: "server_error".into() });
    let failed = valid("Response", server.respond(json!({"input": "x"})).await);
    assert_eq!((failed["status"].as_str(), failed["error"]["code"].as_str()), (Some("failed"), Some("server_error")));
    let incomplete = valid("Response", server.respond(json!({"input": "x"})).await);
    assert_eq!(text(&incomplete), "This is ");
    assert_eq!(refusal(&server.respond(json!({"input": "x"})).await), (500, Some("server_error")));
}
