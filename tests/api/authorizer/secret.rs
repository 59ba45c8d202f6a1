//! HS256 tokens, and the claims that every token needs, whatever its key.

use ::authorizer::{Keys, Misconfigured, Refusal};
use jsonwebtoken::{Algorithm, get_current_timestamp};
use serde_json::{Value, json};

use super::{
    AUDIENCE, ISSUER, rest, rules,
    signer::{Signer, claims, claims_with},
};

const SECRET: &str = "a secret of the tests, 32 bytes or more";

fn keys() -> Keys {
    Keys::secret(SECRET, rules()).unwrap()
}

async fn refusal(claims: &Value) -> Refusal {
    rest(&keys(), &Signer::secret(SECRET).signs(claims)).await.unwrap_err()
}

async fn is_let_in(claims: &Value) -> bool {
    rest(&keys(), &Signer::secret(SECRET).signs(claims)).await.is_ok()
}

#[tokio::test]
async fn a_good_token_opens_the_whole_stage_and_says_who_calls() {
    let token = Signer::secret(SECRET).signs(&claims_with("exp", 4_102_444_800_u64));
    let answer = rest(&keys(), &token).await.unwrap();
    insta::assert_json_snapshot!(answer, @r#"
    {
      "principalId": "cara",
      "policyDocument": {
        "Version": "2012-10-17",
        "Statement": [
          {
            "Action": [
              "execute-api:Invoke"
            ],
            "Effect": "Allow",
            "Resource": [
              "arn:aws:execute-api:eu-central-1:123456789012:abcde12345/v1/*"
            ]
          }
        ]
      },
      "context": {
        "expires": "4102444860",
        "name": "Cara",
        "role": "customer",
        "subject": "cara",
        "tenant": "acme"
      },
      "usageIdentifierKey": null
    }
    "#);
}

#[tokio::test]
async fn a_name_is_optional_and_absent_from_the_context_then() {
    let answer = rest(&keys(), &Signer::secret(SECRET).signs(&claims_with("name", Value::Null))).await.unwrap();
    assert_eq!(answer.context.get("name"), None);
}

#[tokio::test]
async fn agents_and_admins_are_told_apart_and_other_roles_do_not_exist() {
    for role in ["customer", "agent", "admin"] {
        let answer = rest(&keys(), &Signer::secret(SECRET).signs(&claims_with("role", role))).await.unwrap();
        assert_eq!(answer.context["role"], role);
    }
    assert!(is_let_in(&claims_with("role", json!(["root", "agent"]))).await);
    for role in [json!("Admin"), json!("root"), json!(["root"]), json!([]), Value::Null] {
        assert_eq!(refusal(&claims_with("role", role)).await, Refusal::UnknownRole);
    }
    for role in [json!({ "admin": true }), json!(1), json!(true), json!(["admin", 1]), json!([["admin"]])] {
        assert_eq!(refusal(&claims_with("role", role)).await, Refusal::Claim("role"));
    }
}

#[tokio::test]
async fn an_expired_token_is_refused_beyond_a_minute() {
    assert!(is_let_in(&claims_with("exp", get_current_timestamp() - 30)).await);
    assert_eq!(refusal(&claims_with("exp", get_current_timestamp() - 60)).await, Refusal::Expired);
    assert_eq!(refusal(&claims_with("nbf", get_current_timestamp() + 90)).await, Refusal::TooEarly);
}

#[tokio::test]
async fn an_expiry_may_have_a_fraction_and_ends_with_the_year_9999() {
    let signer = Signer::secret(SECRET);
    let answer = rest(&keys(), &signer.signs(&claims_with("exp", 4_102_444_800.75))).await.unwrap();
    assert_eq!(answer.context["expires"], "4102444860");
    let answer = rest(&keys(), &signer.signs(&claims_with("exp", u64::MAX))).await.unwrap();
    assert_eq!(answer.context["expires"], "253402300799");
}

#[tokio::test]
async fn issuer_and_audience_must_be_ours() {
    assert_eq!(refusal(&claims_with("iss", "https://other.example")).await, Refusal::WrongIssuer);
    assert_eq!(refusal(&claims_with("iss", json!([ISSUER]))).await, Refusal::Claim("iss"));
    assert_eq!(refusal(&claims_with("aud", "another-product")).await, Refusal::WrongAudience);
    assert!(is_let_in(&claims_with("aud", json!(["another-product", AUDIENCE]))).await);
}

#[tokio::test]
async fn every_claim_but_the_name_is_required() {
    for claim in ["sub", "tenant", "role", "exp", "iss", "aud"] {
        assert_eq!(refusal(&claims_with(claim, Value::Null)).await.claim(), Some(claim));
    }
}

#[tokio::test]
async fn tenant_subject_and_name_must_fit_a_key_of_the_table() {
    for tenant in ["", "a b", "acme#THREAD", "acme/x", "ä", &"a".repeat(65)] {
        assert_eq!(refusal(&claims_with("tenant", tenant)).await, Refusal::Claim("tenant"), "{tenant:?}");
    }
    for subject in ["", "line\nbreak", &"é".repeat(129)] {
        assert_eq!(refusal(&claims_with("sub", subject)).await, Refusal::Claim("sub"), "{subject:?}");
    }
    assert_eq!(refusal(&claims_with("name", "é".repeat(101))).await, Refusal::Claim("name"));

    assert!(is_let_in(&claims_with("tenant", format!("{}.B-_9", "a".repeat(59)))).await);
    assert!(is_let_in(&claims_with("sub", "é".repeat(128))).await);
    assert!(is_let_in(&claims_with("name", "é".repeat(100))).await);
}

#[tokio::test]
async fn a_token_of_another_secret_is_refused() {
    let token = Signer::secret("another secret, just as long as the first").token();
    assert_eq!(rest(&keys(), &token).await.unwrap_err(), Refusal::WrongSignature);
}

#[tokio::test]
async fn only_hs256_is_taken_from_a_secret() {
    let token = Signer::secret(SECRET).algorithm(Algorithm::HS512).token();
    assert_eq!(rest(&keys(), &token).await.unwrap_err(), Refusal::WrongAlgorithm);
    let token = Signer::rsa("rsa").token();
    assert_eq!(rest(&keys(), &token).await.unwrap_err(), Refusal::WrongAlgorithm);
}

#[tokio::test]
async fn a_token_without_a_signature_is_refused() {
    let signed = Signer::secret(SECRET).token();
    let (signed, _) = signed.rsplit_once('.').unwrap();
    let (_, claims) = signed.split_once('.').unwrap();
    // {"alg":"none"}
    for token in [format!("eyJhbGciOiJub25lIn0.{claims}."), format!("{signed}.")] {
        let refusal = rest(&keys(), &token).await.unwrap_err();
        assert!(matches!(refusal, Refusal::Malformed | Refusal::WrongSignature), "{refusal:?}");
    }
}

#[tokio::test]
async fn a_token_with_a_critical_extension_is_refused() {
    let token = Signer::secret(SECRET).critical("b64").signs(&claims());
    assert_eq!(rest(&keys(), &token).await.unwrap_err(), Refusal::Malformed);
}

#[test]
fn a_secret_shorter_than_the_hash_is_refused() {
    assert_eq!(Keys::secret("s".repeat(31), rules()).err(), Some(Misconfigured::ShortSecret));
    assert!(Keys::secret("s".repeat(32), rules()).is_ok());
}
