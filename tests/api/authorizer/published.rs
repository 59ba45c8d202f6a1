//! Keys published by the issuer: which are accepted, and when they are fetched.

use std::time::Duration;

use ::authorizer::{Keys, Misconfigured, RefreshPolicy, Refusal};
use axum::http::StatusCode;
use futures::future::join_all;
use jsonwebtoken::Algorithm;
use serde_json::json;

use super::{
    issuer::Issuer,
    rest, rules,
    signer::{Signer, claims, pem},
};

/// A refresh policy that fetches whenever a key is unknown.
const EAGER: RefreshPolicy = RefreshPolicy {
    max_age: Duration::from_hours(1),
    cool_down: Duration::ZERO,
    after_failure: Duration::ZERO,
    timeout: Duration::from_secs(5),
};

fn keys(issuer: &Issuer, refresh_policy: RefreshPolicy) -> Keys {
    Keys::published(&issuer.url, rules(), refresh_policy).unwrap()
}

#[tokio::test]
async fn rsa_elliptic_curve_and_edwards_keys_are_taken_after_one_fetch() {
    let signers = [&Signer::rsa("rsa"), &Signer::ec(), &Signer::ed()];
    let issuer = Issuer::of(&signers).await;
    let keys = keys(&issuer, RefreshPolicy::default());
    for signer in signers {
        rest(&keys, &signer.token()).await.unwrap();
    }
    assert_eq!(issuer.fetches(), 1);
}

#[tokio::test]
async fn warm_keys_need_no_fetch_for_the_first_caller() {
    let signer = Signer::ec();
    let issuer = Issuer::of(&[&signer]).await;
    let keys = keys(&issuer, RefreshPolicy::default());
    keys.warm().await;
    issuer.answers(StatusCode::SERVICE_UNAVAILABLE, "");
    rest(&keys, &signer.token()).await.unwrap();
    assert_eq!(issuer.fetches(), 1);
}

#[tokio::test]
async fn a_public_key_is_never_taken_for_a_secret() {
    let issuer = Issuer::of(&[&Signer::rsa("rsa")]).await;
    let public = String::from_utf8(pem("rsa.test-public.pem")).unwrap();
    let forged = Signer::secret(&public).under("rsa").token();
    assert_eq!(rest(&keys(&issuer, EAGER), &forged).await.unwrap_err(), Refusal::WrongAlgorithm);
}

#[tokio::test]
async fn an_algorithm_is_the_keys_not_the_tokens() {
    let issuer = Issuer::of(&[&Signer::rsa("rsa"), &Signer::ec()]).await;
    let keys = keys(&issuer, EAGER);
    for forged in
        [Signer::ec().under("rsa"), Signer::rsa("rsa").under("ec"), Signer::rsa("rsa").algorithm(Algorithm::RS512)]
    {
        assert_eq!(rest(&keys, &forged.token()).await.unwrap_err(), Refusal::WrongAlgorithm);
    }
    let forged = Signer::rsa("rsa-next").under("rsa").token();
    assert_eq!(rest(&keys, &forged).await.unwrap_err(), Refusal::WrongSignature);
}

#[tokio::test]
async fn keys_for_another_purpose_or_algorithm_or_of_an_unknown_kind_are_left_out() {
    let signer = Signer::rsa("rsa");
    let issuer = Issuer::of(&[]).await;
    let keys = keys(&issuer, EAGER);
    let secret = json!({"kty": "oct", "kid": "rsa", "k": "c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0IHNlY3JldA"});
    for (member, value) in
        [("use", json!("enc")), ("alg", json!("RSA-OAEP")), ("alg", json!("PS256")), ("key_ops", json!(["sign"]))]
    {
        let mut jwk = signer.jwk();
        jwk[member] = value;
        let unknown = json!({"kty": "LATTICE", "kid": "rsa", "key_ops": 7});
        let set = json!({"keys": [jwk, secret, unknown, Signer::ec().jwk()]});
        issuer.answers(StatusCode::OK, &set.to_string());
        assert_eq!(rest(&keys, &signer.token()).await.unwrap_err(), Refusal::UnknownKey, "{member}");
    }
    let mut jwk = signer.jwk();
    jwk["use"] = json!("sig");
    jwk["key_ops"] = json!(["verify"]);
    issuer.answers(StatusCode::OK, &json!({"keys": [secret, jwk]}).to_string());
    rest(&keys, &signer.token()).await.unwrap();
}

#[tokio::test]
async fn a_token_without_a_kid_means_the_only_key() {
    let signer = Signer::ec().without_kid();
    let issuer = Issuer::of(&[&Signer::ec()]).await;
    let keys = keys(&issuer, EAGER);
    rest(&keys, &signer.token()).await.unwrap();

    let issuer = Issuer::of(&[&Signer::ec(), &Signer::ed()]).await;
    let keys = self::keys(&issuer, EAGER);
    assert_eq!(rest(&keys, &signer.token()).await.unwrap_err(), Refusal::UnknownKey);
}

#[tokio::test]
async fn an_unknown_kid_is_fetched_once_per_cool_down() {
    let signer = Signer::rsa("rsa");
    let issuer = Issuer::of(&[&signer]).await;
    let keys = keys(&issuer, RefreshPolicy::default());
    for number in 0..20 {
        let stranger = Signer::rsa("rsa").under(&format!("made-up-{number}"));
        assert_eq!(rest(&keys, &stranger.token()).await.unwrap_err(), Refusal::UnknownKey);
    }
    rest(&keys, &signer.token()).await.unwrap();
    assert_eq!(issuer.fetches(), 1);
}

#[tokio::test]
async fn a_new_key_is_found_and_a_withdrawn_one_forgotten() {
    let (old, new) = (Signer::rsa("rsa"), Signer::rsa("rsa-next"));
    let issuer = Issuer::of(&[&old]).await;
    let keys = keys(&issuer, EAGER);
    rest(&keys, &old.token()).await.unwrap();

    issuer.publishes(&[&new]);
    rest(&keys, &new.token()).await.unwrap();
    assert_eq!(rest(&keys, &old.token()).await.unwrap_err(), Refusal::UnknownKey);
}

#[tokio::test]
async fn an_old_set_is_fetched_again_and_serves_on_when_that_fails() {
    let (signer, withdrawn) = (Signer::ec(), Signer::ed());
    let issuer = Issuer::of(&[&signer, &withdrawn]).await;
    let keys = keys(&issuer, RefreshPolicy { max_age: Duration::ZERO, ..EAGER });
    rest(&keys, &withdrawn.token()).await.unwrap();

    for (status, body) in
        [(StatusCode::INTERNAL_SERVER_ERROR, ""), (StatusCode::OK, "<html>"), (StatusCode::OK, r#"{"keys": []}"#)]
    {
        issuer.answers(status, body);
        let before = issuer.fetches();
        rest(&keys, &signer.token()).await.unwrap();
        assert_eq!(issuer.fetches(), before + 1);
    }
    issuer.publishes(&[&signer]);
    assert_eq!(rest(&keys, &withdrawn.token()).await.unwrap_err(), Refusal::UnknownKey);
}

#[tokio::test]
async fn without_any_keys_the_caller_is_not_to_blame() {
    let issuer = Issuer::of(&[]).await;
    let keys = keys(&issuer, EAGER);
    let oversized = format!(r#"{{"keys": [], "padding": "{}"}}"#, "x".repeat(600 * 1024));
    for (status, body) in [(StatusCode::NOT_FOUND, "{}"), (StatusCode::OK, "[]"), (StatusCode::OK, &oversized)] {
        issuer.answers(status, body);
        assert_eq!(rest(&keys, &Signer::ec().token()).await.unwrap_err(), Refusal::KeysUnavailable);
    }
}

#[tokio::test]
async fn an_issuer_that_does_not_answer_is_given_up() {
    let issuer = Issuer::of(&[&Signer::ec()]).await;
    issuer.closes();
    let keys = keys(&issuer, RefreshPolicy { timeout: Duration::from_millis(50), ..EAGER });
    assert_eq!(rest(&keys, &Signer::ec().token()).await.unwrap_err(), Refusal::KeysUnavailable);
}

#[tokio::test]
async fn callers_at_the_same_time_share_one_fetch() {
    let signer = Signer::ec();
    let token = signer.token();
    let issuer = Issuer::of(&[&signer]).await;
    let keys = keys(&issuer, RefreshPolicy::default());
    let answers = join_all((0..50).map(|_| rest(&keys, &token))).await;
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(issuer.fetches(), 1);
}

#[tokio::test]
async fn a_caller_who_goes_away_leaves_the_fetch_to_the_others() {
    let signer = Signer::ec();
    let issuer = Issuer::of(&[&signer]).await;
    let keys = keys(&issuer, RefreshPolicy::default());
    issuer.closes();
    let (impatient, token) = (keys.clone(), signer.token());
    let impatient = tokio::spawn(async move { rest(&impatient, &token).await.is_ok() });
    issuer.is_asked().await;
    impatient.abort();
    assert!(impatient.await.unwrap_err().is_cancelled());

    issuer.opens();
    rest(&keys, &signer.token()).await.unwrap();
    assert_eq!(issuer.fetches(), 1);
}

#[tokio::test]
async fn claims_are_checked_as_with_a_secret() {
    let issuer = Issuer::of(&[&Signer::ed()]).await;
    let keys = keys(&issuer, EAGER);
    let mut claims = claims();
    claims["aud"] = json!("another-product");
    assert_eq!(rest(&keys, &Signer::ed().signs(&claims)).await.unwrap_err(), Refusal::WrongAudience);
}

#[test]
fn keys_come_over_tls_or_from_this_machine() {
    let made = |url| Keys::published(url, rules(), EAGER).err();
    for url in ["http://login.example/keys", "http://127.0.0.1.example/keys", "file:///keys", "keys", ""] {
        assert_eq!(made(url), Some(Misconfigured::UnsafeUrl), "{url}");
    }
    assert_eq!(made("https://login.example/keys"), None);
    assert_eq!(made("http://localhost:9/keys"), None);
}
