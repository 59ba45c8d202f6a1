//! Sockets that get no more events: without a token, after its expiry, or gone.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures::StreamExt;
use local::Options;
use serde_json::json;
use shared::{
    domain::{At, Identity, Role},
    store::Connection,
};
use tokio_tungstenite::{
    connect_async,
    tungstenite::{self, client::IntoClientRequest},
};

use tests::{
    clock::Turned,
    openai::brisk,
    persona::Persona,
    stage::Stage,
    table::{Table, id},
};

/// `cus`, with a token that is valid for an hour.
fn customer_for_an_hour(stage: &Stage) -> Persona {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let claims = json!({
        "iss": "switchboard", "aud": "switchboard", "exp": now + 3600, "sub": "cus", "tenant": "acme",
        "role": "customer",
    });
    stage.bearing(Some(stage.board.tokens().sign(&claims)))
}

#[tokio::test]
async fn without_a_good_token_no_socket_is_opened() {
    let stage = Stage::start().await;
    let claims = json!({
        "iss": "switchboard", "aud": "switchboard", "exp": 1, "sub": "cus", "tenant": "acme", "role": "customer",
    });
    for token in [None, Some("nonsense".to_owned()), Some(stage.board.tokens().sign(&claims))] {
        let mut request = stage.board.socket_url().into_client_request().unwrap();
        if let Some(token) = token {
            let bearer = format!("switchboard.v1, bearer.{token}");
            request.headers_mut().insert("sec-websocket-protocol", bearer.parse().unwrap());
        }
        let Err(tungstenite::Error::Http(refused)) = connect_async(request).await else {
            panic!("the connection was accepted")
        };
        assert!([401, 403].contains(&refused.status().as_u16()), "{}", refused.status());
    }
    assert_eq!(stage.board.connections().count(), 0);
}

#[tokio::test]
async fn past_its_tokens_end_a_socket_hears_one_error_and_nothing_more() {
    let turned = Turned::default();
    let (stage, table) = Table::of(Options { clock: turned.clock(), ..brisk() }).await;
    let (agent, thread) = (stage.agent(), stage.thread().await);
    let mut socket = customer_for_an_hour(&stage).listens(&thread).await;
    agent.says(&thread, "Before").await.expect(202);
    assert_eq!(socket.hears_of("thread.updated").await["thread"]["status"], "agent");
    assert_eq!(socket.hears().await["message"]["text"], "Before");
    turned.by(Duration::from_hours(1));
    agent.says(&thread, "After").await.expect(202);
    socket.says(json!({ "action": "ping", "threads": { &thread: 0 } })).await;
    let heard = socket.hears().await;
    assert_eq!((&heard["type"], &heard["code"]), (&json!("error"), &json!("token_expired")));
    let ended = tokio::time::timeout(Duration::from_secs(20), socket.0.next()).await.unwrap();
    assert!(matches!(ended, Some(Ok(tungstenite::Message::Close(_))) | None), "{ended:?}");
    assert_eq!(table.subscriptions(&thread).await, [""; 0]);
}

#[tokio::test]
async fn a_token_that_ended_opens_no_socket_even_where_the_authorizer_lets_it_in() {
    let turned = Turned::default();
    let stage = Stage::with(Options { clock: turned.clock(), ..brisk() }).await;
    let customer = customer_for_an_hour(&stage);
    turned.by(Duration::from_hours(1));
    let mut request = stage.board.socket_url().into_client_request().unwrap();
    let bearer = format!("Bearer {}", customer.token.as_deref().unwrap());
    request.headers_mut().insert("authorization", bearer.parse().unwrap());
    let Err(tungstenite::Error::Http(refused)) = connect_async(request).await else {
        panic!("the connection was accepted")
    };
    assert_eq!(refused.status(), 401);
}

#[tokio::test]
async fn a_dead_connection_is_forgotten_where_a_broadcast_finds_it() {
    let (stage, table) = Table::of(brisk()).await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    let store = &stage.board.app().store;
    let expires = At::from_seconds(4_102_444_800);
    let identity = Identity {
        tenant: "acme".into(),
        subject: "cus".into(),
        role: Role::Customer,
        name: None,
        verified: std::collections::BTreeMap::new(),
        chatbot: None,
        access: None,
        expires,
    };
    // A connection that is gone without a `$disconnect`.
    let dead = Connection::new("dead=".into(), identity);
    store.connection_put(&dead, stage.board.app().now()).await.unwrap();
    for thread in [&thread, &stage.thread().await] {
        assert!(store.subscription_put(&dead, &id(thread)).await.unwrap());
    }
    let mut socket = customer.listens(&thread).await;
    assert!(table.subscriptions(&thread).await.contains(&"dead=".to_owned()));
    customer.says(&thread, "Hello").await.expect(200);
    assert_eq!(socket.hears().await["seq"], 1);
    let left = table.subscriptions(&thread).await;
    assert!(left.len() == 1 && left[0] != "dead=", "{left:?}");
    assert!(store.connection_get("acme", "dead=").await.unwrap().is_none());
}

#[tokio::test]
async fn a_closed_socket_leaves_nothing_behind() {
    let (stage, table) = Table::of(brisk()).await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    let mut socket = customer.listens(&thread).await;
    assert_eq!(table.subscriptions(&thread).await.len(), 1);
    socket.0.close(None).await.unwrap();
    table.until_nobody_listens(&thread).await;
}
