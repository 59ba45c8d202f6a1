//! Hostile tokens at both doors, made from families of tricks: each is refused, and none is logged.

mod claims;
mod hand;
mod shapes;

use ::authorizer::{Keys, RefreshPolicy, Refusal};
use aws_lambda_events::apigw::ApiGatewayCustomAuthorizerRequestTypeRequest;
use jsonwebtoken::get_current_timestamp;
use lambda_http::lambda_runtime::Diagnostic;
use serde_json::{Value, json};

use super::{AUDIENCE, ISSUER, issuer::Issuer, rules, signer::Signer};
use crate::api::logs::Logs;

use claims::{changed, odd_payloads, unbelievable, visitors_who_are_none};
use hand::Hand;
use shapes::{bent, odd_headers, other_algorithms, strangers, too_long};

const SECRET: &str = "a secret of the tests, 32 bytes or more";
const VISITOR_SECRET: &str = "the visitors' own secret, 32 bytes or more";

/// A text in every forged token that no log may contain.
const CANARY: &str = "canary-in-the-token";

/// The items of a JSON list.
fn list(values: Value) -> Vec<Value> {
    serde_json::from_value(values).unwrap()
}

fn claims() -> Value {
    json!({
        "sub": CANARY, "tenant": "acme", "role": "admin", "name": CANARY,
        "exp": get_current_timestamp() + 3600, "iss": ISSUER, "aud": AUDIENCE,
    })
}

fn visitor_claims() -> Value {
    json!({
        "sub": "vis_canary-in-the-token", "tenant": "acme", "role": "customer", "access": 0,
        "chatbot": "bot_01JD0000000000000000000000", "origins": ["https://shop.example"],
        "exp": get_current_timestamp() + 3600, "iss": visitor::ISSUER, "aud": visitor::ISSUER,
    })
}

/// Every hostile token against keys of which `genuine` signs.
fn hostile(genuine: fn() -> Hand) -> Vec<String> {
    let hand = genuine();
    let changes = changed(&claims(), &unbelievable(ISSUER, AUDIENCE));
    let payloads = odd_payloads(&claims());
    let signed = changes.iter().map(|claims| hand.token(claims)).chain(payloads.iter().map(|it| hand.token(it)));
    signed
        .chain(bent(&hand.token(claims().to_string())))
        .chain(other_algorithms(&hand, &claims()))
        .chain(strangers(&claims()))
        .chain(odd_headers(genuine, &claims()))
        .chain(too_long(&hand, &claims()))
        .chain(visitors_who_are_none())
        .collect()
}

/// Sends an authorizer's event with these headers instead of its token. `None` if they cannot be headers.
async fn knocks(keys: &Keys, door: &str, headers: &[(&str, Vec<String>)]) -> Option<Result<(), Refusal>> {
    let mut event: Value = serde_json::from_str(&tests::sample::event(door)).unwrap();
    for all in ["headers", "multiValueHeaders"] {
        let all = event[all].as_object_mut().unwrap();
        all.retain(|name, _| !["authorization", "sec-websocket-protocol"].contains(&&*name.to_lowercase()));
    }
    for (name, values) in headers {
        event["multiValueHeaders"][*name] = json!(values);
    }
    let request: ApiGatewayCustomAuthorizerRequestTypeRequest = serde_json::from_value(event).ok()?;
    Some(::authorizer::handle(keys, request).await.map(|_| ()))
}

/// A deployment's keys, and the hand that signs for it.
async fn deployments() -> [(Keys, Issuer, fn() -> Hand); 2] {
    let issuer = Issuer::of(&[&Signer::rsa("rsa"), &Signer::ec()]).await;
    let published = Keys::published(&issuer.url, rules(), RefreshPolicy::default()).unwrap();
    let secret = Keys::secret(SECRET, rules()).unwrap();
    [
        (published.with_visitors(VISITOR_SECRET).unwrap(), issuer, Hand::issuer),
        (secret.with_visitors(VISITOR_SECRET).unwrap(), Issuer::of(&[]).await, || Hand::secret(SECRET)),
    ]
}

fn authorization(value: impl Into<String>) -> (&'static str, Vec<String>) {
    ("Authorization", vec![value.into()])
}

fn subprotocol(value: impl Into<String>) -> (&'static str, Vec<String>) {
    ("Sec-WebSocket-Protocol", vec![value.into()])
}

#[tokio::test]
async fn every_hostile_token_is_refused_at_both_doors_and_none_is_logged() {
    let (logs, _guard) = Logs::kept("debug");
    let (mut tokens, mut refusals) = (0, 0);
    for (keys, _issuer, genuine) in deployments().await {
        for token in [genuine().token(claims().to_string()), Hand::visitors().token(visitor_claims().to_string())] {
            knocks(&keys, "authorizer-rest", &[authorization(format!("Bearer {token}"))]).await.unwrap().unwrap();
        }
        for token in hostile(genuine) {
            tokens += 1;
            for (door, header) in [
                ("authorizer-rest", authorization(format!("Bearer {token}"))),
                ("authorizer-socket", subprotocol(format!("switchboard.v1, bearer.{token}"))),
            ] {
                // What cannot be a header's value comes to nobody.
                let Some(answer) = knocks(&keys, door, &[header]).await else { continue };
                let refusal = answer.expect_err(&token);
                assert_eq!(Diagnostic::from(refusal).error_message, "Unauthorized", "{refusal:?}: {token}");
                refusals += 1;
            }
            let lines = logs.take().join("\n");
            let is_logged = |text: &str| text.len() >= 8 && lines.contains(text);
            assert!(!is_logged(CANARY) && !token.split(['.', ' ']).any(is_logged), "{lines}");
            assert!(lines.contains("request not authorized"), "{lines}");
        }
    }
    println!("{tokens} hostile tokens, {refusals} refusals at two doors");
    assert!(tokens >= 800 && refusals >= 2 * tokens - 20, "{tokens} tokens, {refusals} refusals");
}

#[tokio::test]
async fn a_genuine_token_in_a_hostile_place_is_refused() {
    for (keys, _issuer, genuine) in deployments().await {
        let token = genuine().token(claims().to_string());
        let good = format!("Bearer {token}");
        let mut requests: Vec<(&str, Vec<_>)> = Vec::new();
        for value in [
            token.clone(),
            format!("Bearer{token}"),
            format!("Bearer:{token}"),
            format!("Bearer={token}"),
            format!("Bearer\t{token}"),
            format!("Token {token}"),
            format!("Basic {token}"),
            format!("JWT {token}"),
            format!("Bearer Bearer {token}"),
            format!("Bearer {token} {token}"),
            format!("Bearer \"{token}\""),
            format!("Bearer {token},"),
            format!("Bearer {token};x=1"),
            format!("{good}, {good}"),
            format!("bearer.{token}"),
            format!("Bearer <{token}>"),
            format!("Bearer {token}."),
            "Bearer".into(),
            "Bearer ".into(),
            String::new(),
            " ".into(),
            format!("Bearer\u{a0}{token}"),
            format!("Be\u{e4}rer {token}"),
        ] {
            requests.push(("authorizer-rest", vec![authorization(value.clone())]));
            requests.push(("authorizer-socket", vec![authorization(value)]));
        }
        for other in [good.clone(), "Bearer other".into(), "Junk".into(), String::new(), "\u{e4}".into()] {
            for door in ["authorizer-rest", "authorizer-socket"] {
                requests.push((door, vec![("Authorization", vec![good.clone(), other.clone()])]));
                requests.push((door, vec![("Authorization", vec![other.clone(), good.clone()])]));
                requests.push((door, vec![authorization(good.clone()), ("authorization", vec![other.clone()])]));
            }
        }
        for value in [
            format!("bearer.{token}, bearer.other"),
            format!("bearer.{token}, bearer.{token}"),
            token.clone(),
            format!("Bearer.{token}"),
            format!("bearer {token}"),
            format!("bearer.{token}."),
            format!("x-bearer.{token}"),
            format!("bearer.{token} switchboard.v1"),
            "bearer.".into(),
            "switchboard.v1".into(),
            format!("bearer..{token}"),
            format!("bearer.bearer.{token}"),
            format!("bearer.{token};q=1"),
        ] {
            requests.push(("authorizer-socket", vec![subprotocol(value)]));
        }
        for value in ["bearer.other".to_owned(), format!("bearer.{token}, bearer.{token}"), "bearer.".into()] {
            requests.push(("authorizer-socket", vec![authorization(good.clone()), subprotocol(value)]));
        }
        requests.push(("authorizer-rest", vec![subprotocol(format!("switchboard.v1, bearer.{token}"))]));
        requests.push(("authorizer-rest", vec![("X-Authorization", vec![good.clone()])]));
        requests.push(("authorizer-rest", vec![("Cookie", vec![format!("authorization={good}")])]));
        for (door, headers) in &requests {
            if let Some(answer) = knocks(&keys, door, headers).await {
                let refusal = answer.expect_err(&format!("{headers:?}"));
                assert_eq!(Diagnostic::from(refusal).error_message, "Unauthorized", "{headers:?}");
            }
        }
        println!("{} hostile requests with a genuine token", requests.len());
    }
}
