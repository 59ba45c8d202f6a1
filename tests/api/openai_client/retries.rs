//! Retries: when the client sends a request again, and when it must not.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use serde_json::json;
use shared::openai::{Failure, ModelCheck, OpenAi, RetryPolicy};
use tokio::{io::AsyncReadExt, net::TcpListener};

use super::{
    brisk, client, client_with, impatient, outcome,
    peer::{self, Peer, events, refusal, reply, silence, status, with_header},
    settings,
};

fn unavailable(maybe_ran: bool) -> Failure {
    Failure::Unavailable { maybe_ran }
}

#[tokio::test]
async fn passing_failures_are_asked_again() {
    for passing in [408, 409, 429, 500, 502, 503, 504] {
        let peer = Peer::saying([status(passing), status(passing), events(&reply("Hi"))]).await;
        assert_eq!(outcome(&client(&peer)).await.unwrap().text, "Hi", "after {passing}");
        let seen = peer.seen();
        assert_eq!(seen[0].body, seen[2].body, "a repeat is the same request");
    }
}

#[tokio::test]
async fn patience_ends() {
    let peer = Peer::playing(|_| peer::text(502, "text/html", "<h1>Bad gateway</h1>")).await;
    assert_eq!(outcome(&client(&peer)).await, Err(unavailable(true)));
    assert_eq!(peer.seen().len(), 3);
}

#[tokio::test]
async fn a_server_that_only_says_later_has_run_nothing() {
    let peer = Peer::playing(|_| refusal(429, "rate_limit_exceeded", "slow down")).await;
    assert_eq!(outcome(&client(&peer)).await, Err(unavailable(false)));
}

#[tokio::test]
async fn one_doubtful_try_leaves_the_doubt() {
    let peer = Peer::saying([status(500), status(429), status(429)]).await;
    assert_eq!(outcome(&client(&peer)).await, Err(unavailable(true)));
}

#[tokio::test]
async fn a_wait_asked_for_is_kept() {
    for (name, value) in [("retry-after-ms", "120"), ("retry-after", "0.12")] {
        let peer = Peer::saying([with_header(status(429), name, value), events(&reply("Hi"))]).await;
        let begun = Instant::now();
        outcome(&client(&peer)).await.unwrap();
        assert!(begun.elapsed() >= Duration::from_millis(120), "{name}");
    }
}

#[tokio::test]
async fn a_date_that_has_passed_asks_for_no_wait() {
    let busy = with_header(status(503), "retry-after", "Wed, 21 Oct 2015 07:28:00 GMT");
    let peer = Peer::saying([busy, events(&reply("Hi"))]).await;
    let retry_policy =
        RetryPolicy { first_wait: Duration::from_hours(1), longest_wait: Duration::from_hours(1), ..brisk() };
    assert_eq!(outcome(&client_with(&peer, retry_policy)).await.unwrap().text, "Hi");
}

#[tokio::test]
async fn a_wait_beyond_patience_is_not_waited_for() {
    let peer = Peer::saying([with_header(status(429), "retry-after", "3600")]).await;
    assert_eq!(outcome(&client(&peer)).await, Err(unavailable(false)));
    assert_eq!(peer.seen().len(), 1);
}

#[tokio::test]
async fn the_server_may_forbid_and_demand_a_repeat() {
    let forbidden = Peer::saying([with_header(status(500), "x-should-retry", "false")]).await;
    assert_eq!(outcome(&client(&forbidden)).await, Err(unavailable(true)));
    assert_eq!(forbidden.seen().len(), 1);

    let demanded = with_header(refusal(400, "odd", "odd"), "x-should-retry", "true");
    let demanded = Peer::saying([demanded, events(&reply("Hi"))]).await;
    assert_eq!(outcome(&client(&demanded)).await.unwrap().text, "Hi");
}

#[tokio::test]
async fn an_empty_quota_is_not_asked_again_even_if_told_to() {
    let empty = || with_header(refusal(429, "insufficient_quota", "pay"), "x-should-retry", "true");
    let peer = Peer::playing(move |_| empty()).await;
    assert_eq!(outcome(&client(&peer)).await, Err(Failure::Quota { code: "insufficient_quota".to_owned() }));
    assert_eq!(peer.seen().len(), 1);
}

#[tokio::test]
async fn what_will_not_pass_is_not_asked_again_whatever_the_status_says() {
    for (status, code, message) in [
        (429, "project_spend_limit_exceeded", "pay"),
        (500, "context_length_exceeded", "too long"),
        (503, "500", "the request exceeds the available context size"),
        (503, "model_not_found", "no such model"),
        (500, "unsupported_parameter", "Unsupported parameter: 'temperature'"),
        (500, "invalid_prompt", "flagged"),
    ] {
        let peer = Peer::playing(move |_| refusal(status, code, message)).await;
        let failure = outcome(&client(&peer)).await.unwrap_err();
        assert!(!matches!(failure, Failure::Unavailable { .. }), "{code}: {failure:?}");
        assert_eq!(peer.seen().len(), 1, "{code}");
    }
    for code in ["rate_limit_exceeded", "slow_down"] {
        let peer = Peer::saying([refusal(429, code, "wait"), events(&reply("Hi"))]).await;
        assert_eq!(outcome(&client(&peer)).await.unwrap().text, "Hi", "{code}");
    }
}

#[tokio::test]
async fn a_locked_conversation_is_asked_again_more_often() {
    let locked = || refusal(400, "conversation_locked", "Another process is currently operating on this conversation.");
    let peer = Peer::saying([locked(), locked(), locked(), locked(), events(&reply("Hi"))]).await;
    assert_eq!(outcome(&client(&peer)).await.unwrap().text, "Hi");

    let peer = Peer::playing(move |_| locked()).await;
    assert_eq!(outcome(&client(&peer)).await, Err(Failure::Locked));
    assert_eq!(peer.seen().len(), 5);
}

#[tokio::test]
async fn a_response_that_never_began_is_not_asked_for_twice() {
    let peer = Peer::playing(|_| silence()).await;
    assert_eq!(outcome(&client_with(&peer, impatient())).await, Err(unavailable(true)));
    assert_eq!(peer.seen().len(), 1);
}

#[tokio::test]
async fn a_request_cut_off_after_it_was_sent_is_not_sent_twice() {
    let (address, arrived) = hanging_up().await;
    let openai = OpenAi::new(brisk().http().unwrap(), settings(&format!("http://{address}/v1"), brisk()));

    let lost = Failure::Interrupted { code: None };
    assert_eq!(outcome(&openai).await, Err(lost.clone()));
    assert_eq!(arrived.load(Ordering::SeqCst), 1);

    assert_eq!(openai.models().await, Err(lost), "reading twice does no harm");
    assert_eq!(arrived.load(Ordering::SeqCst), 1 + 3);
}

/// A server that accepts a request and closes the connection.
async fn hanging_up() -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let arrived = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&arrived);
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            let mut start = [0; 64];
            connection.read_exact(&mut start).await.unwrap();
            counter.fetch_add(1, Ordering::SeqCst);
        }
    });
    (address, arrived)
}

#[tokio::test]
async fn a_creation_that_may_have_happened_is_not_repeated() {
    let peer = Peer::playing(|_| silence()).await;
    let openai = client_with(&peer, impatient());
    assert_eq!(openai.conversation_create(&[].into()).await, Err(unavailable(true)));
    assert_eq!(openai.file_create("faq", "…").await, Err(unavailable(true)));
    assert_eq!(openai.vector_store_create("bot", &[]).await, Err(unavailable(true)));
    assert_eq!(peer.seen().len(), 3);
}

#[tokio::test]
async fn a_deletion_that_may_have_happened_is_repeated() {
    let peer = Peer::saying([silence(), peer::json(200, &json!({ "deleted": true }))]).await;
    client_with(&peer, impatient()).response_delete("resp_1").await.unwrap();
    assert_eq!(peer.seen().len(), 2);
}

#[tokio::test]
async fn nobody_there_is_unavailable_and_nothing_ran() {
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let openai = OpenAi::new(brisk().http().unwrap(), settings(&format!("http://{gone}/v1"), brisk()));
    assert_eq!(outcome(&openai).await, Err(unavailable(false)));
    assert_eq!(openai.model_check("m").await, Err(unavailable(false)));
}

#[tokio::test]
async fn a_connection_that_was_never_made_is_tried_again() {
    let peer = Peer::saying([events(&reply("Hi"))]).await;
    let by_name = peer.base_url.replace("127.0.0.1", "openai.test");
    let http = reqwest::Client::builder().dns_resolver(Arc::new(Flaky::default())).build().unwrap();

    let openai = OpenAi::new(http, settings(&by_name, brisk()));

    assert_eq!(outcome(&openai).await.unwrap().text, "Hi");
    assert_eq!(peer.seen().len(), 1);
}

/// Name resolution that fails at first.
#[derive(Default)]
struct Flaky(AtomicUsize);

impl Resolve for Flaky {
    fn resolve(&self, _: Name) -> Resolving {
        let asked = self.0.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move {
            if asked == 0 {
                return Err("no such name, this time".into());
            }
            let addresses: Addrs = Box::new([SocketAddr::from(([127, 0, 0, 1], 0))].into_iter());
            Ok(addresses)
        })
    }
}

#[tokio::test]
async fn a_key_that_fits_no_header_fails_at_once() {
    let peer = Peer::playing(|_| status(200)).await;
    let mut settings = settings(&peer.base_url, brisk());
    settings.api_key = "two\nlines".into();
    let openai = OpenAi::new(brisk().http().unwrap(), settings);
    assert_eq!(openai.model_check("m").await, Err(unavailable(false)));
    assert!(peer.seen().is_empty());
}

#[tokio::test]
async fn other_requests_are_asked_again_too() {
    let peer = Peer::saying([status(500), peer::json(200, &json!({ "id": "some-model" }))]).await;
    assert_eq!(client(&peer).model_check("some-model").await, Ok(ModelCheck::Known { shutdown_date: None }));
}
