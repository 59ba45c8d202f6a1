//! The stand-in without a port: the same server, called in this process.

use std::sync::Arc;

use local::standin::{Failure, Fault, InProcess, Stage};
use shared::openai::{Event, Failure as Failed, Input, OpenAi, ResponseRequest, RetryPolicy, Role, Settings};

use super::Server;

/// The product's own client, over a wire that ends in this process.
fn called(server: &Server) -> OpenAi {
    let settings = Settings {
        // No server listens there.
        base_url: "http://127.0.0.1:1/v1?version=7".parse().unwrap(),
        api_key: "any".into(),
        retry_policy: RetryPolicy::default(),
    };
    OpenAi::new(server.client.clone(), settings).over(Arc::new(InProcess::new(&server.standin)))
}

fn hello(conversation: &str) -> ResponseRequest<'_> {
    ResponseRequest {
        model: "gpt-5-mini",
        conversation: Some(conversation),
        input: vec![Input::message(Role::User, "Hello".to_owned())].into(),
        store: true,
        ..ResponseRequest::default()
    }
}

#[tokio::test]
async fn it_is_called_without_its_port_and_keeps_one_world() {
    let server = Server::start().await;
    let openai = called(&server);
    let conversation = openai.conversation_create(&[].into()).await.unwrap();

    let mut answer = openai.respond(&hello(&conversation)).await.unwrap();
    let mut last = None;
    while let Some(event) = answer.next().await {
        last = Some(event.unwrap());
    }

    assert!(matches!(last, Some(Event::Completed(outcome)) if outcome.text.contains("Hello")));
    assert_eq!(server.item_ids(&conversation).await.len(), 2);
    let paths: Vec<_> = server.standin.requests().into_iter().map(|request| request.path).collect();
    assert_eq!(paths[..2], ["/v1/conversations?version=7", "/v1/responses?version=7"]);
}

#[tokio::test]
async fn a_stream_that_is_cut_is_interrupted() {
    let server = Server::start().await;
    let openai = called(&server);
    let conversation = openai.conversation_create(&[].into()).await.unwrap();
    server.standin.fault(Fault::on("POST", "/v1/responses", Failure::Cut { after: 2, landed: false, clean: false }));

    let mut answer = openai.respond(&hello(&conversation)).await.unwrap();
    let mut heard = Vec::new();
    while let Some(event) = answer.next().await {
        heard.push(event);
    }

    assert_eq!(heard.len(), 1 + 2 + 1);
    assert_eq!(heard.last(), Some(&Err(Failed::Interrupted { code: None })));
}

#[tokio::test]
async fn a_client_that_leaves_frees_its_conversation() {
    let server = Server::start().await;
    let openai = called(&server);
    let conversation = openai.conversation_create(&[].into()).await.unwrap();
    let hold = server.standin.hold("POST", "/v1/responses", 1);
    let mut answer = openai.respond(&hello(&conversation)).await.unwrap();
    assert!(matches!(answer.next().await, Some(Ok(Event::Created { .. }))));
    assert!(matches!(answer.next().await, Some(Ok(Event::Delta { .. }))));
    assert!(futures::FutureExt::now_or_never(answer.next()).is_none());
    assert_eq!((hold.stage(), server.standin.counts().running), (Stage::Held, 1));

    drop(answer);

    assert_eq!((hold.stage(), server.standin.counts().running), (Stage::Left, 0));
}
