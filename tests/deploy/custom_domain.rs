//! Events of a custom domain: its name is not API Gateway's, and its base path stands before every path.

use lambda_http::Request;
use serde_json::{Value, json};
use visitor::{RateLimit, VisitorTokens, Visitors};

use tests::{sample::event, stage::Stage};

/// The sample event as it arrives through `https://chat.example.com/support`, where `/support` leads to the stage.
fn through_the_domain(name: &str, replaced: &[(&str, &str)]) -> Request {
    let text = replaced.iter().fold(event(name), |text, (from, to)| text.replace(from, to));
    let mut event: Value = serde_json::from_str(&text).unwrap();
    let path = format!("/support{}", event["path"].as_str().unwrap());
    event["path"] = json!(path);
    event["headers"]["Host"] = json!("chat.example.com");
    event["multiValueHeaders"]["Host"] = json!(["chat.example.com"]);
    let context = &mut event["requestContext"];
    // On AWS's own domain the stage stands here.
    context["path"] = json!(path);
    context["domainName"] = json!("chat.example.com");
    context["domainPrefix"] = json!("chat");
    lambda_http::request::from_str(&event.to_string()).unwrap()
}

#[tokio::test]
async fn a_base_path_leads_to_the_same_routes() {
    let stage = Stage::start().await;
    let app = stage.board.app();
    let tokens = VisitorTokens::new("visitors-visitors-visitors-visitors");
    let visitors = Visitors { tokens, rate_limit: RateLimit::default() };
    let chatbot = stage.public_chatbot().await;
    let thread = stage.thread_of(&stage.persona("acme", "customer", "cara"), &chatbot).await;
    let ids = [("bot_01JD0000000000000000000000", &*chatbot), ("thr_01JD0000000000000000000000", &*thread)];
    let through = |name| through_the_domain(name, &ids);

    // Boxed, as by a runtime: together they are too large for a test's stack.
    let answers = [
        ("thread-get", Box::pin(thread::handle(app, through("thread-get"))).await.unwrap().status()),
        ("thread-messages", Box::pin(thread::handle(app, through("thread-messages"))).await.unwrap().status()),
        ("chatbot-get", Box::pin(chatbot::handle(app, through("chatbot-get"))).await.unwrap().status()),
        ("chat", Box::pin(chat::handle(app, through("chat"))).await.unwrap().status()),
        ("handoff-escalate", Box::pin(handoff::handle(app, through("handoff-escalate"))).await.unwrap().status()),
        ("chat-end", Box::pin(chat_end::handle(app, through("chat-end"))).await.unwrap().status()),
    ];
    for (name, status) in answers {
        assert_eq!(status, 200, "{name}");
    }
    let visit = Box::pin(visitor::handle(app, &visitors, through("visitor-create"))).await.unwrap();
    assert_eq!(visit.status(), 201);
}

/// The policy covers the stage of the API, as the method ARN names it: a domain is no part of it.
#[tokio::test]
async fn the_authorizer_admits_to_the_stage_behind_the_domain() {
    let stage = Stage::start().await;
    let keys =
        authorizer::Keys::secret(stage.board.tokens().secret(), authorizer::Rules::new("switchboard", "switchboard"))
            .unwrap();
    let token = stage.board.token("acme", "agent", "ana");
    for (name, domain) in [("authorizer-rest", "chat.example.com"), ("authorizer-socket", "live.example.com")] {
        let text = event(name).replace("REPLACE_WITH_A_TOKEN", &token);
        let mut event: Value = serde_json::from_str(&text).unwrap();
        event["requestContext"]["domainName"] = json!(domain);
        event["headers"]["Host"] = json!(domain);
        if name == "authorizer-rest" {
            event["path"] = json!(format!("/support{}", event["path"].as_str().unwrap()));
            event["requestContext"]["path"] = event["path"].clone();
        }
        let arn = event["methodArn"].as_str().unwrap().to_owned();
        let response = authorizer::handle(&keys, serde_json::from_value(event).unwrap()).await.unwrap();
        let [stage, ..] = &*arn.match_indices('/').map(|(at, _)| &arn[..at]).skip(1).collect::<Vec<_>>() else {
            panic!("{arn}")
        };
        assert_eq!(response.policy_document.statement[0].resource, [format!("{stage}/*")], "{name}");
    }
}
