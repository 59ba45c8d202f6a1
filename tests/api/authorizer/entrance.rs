//! The places of a token in a request, and the error that Lambda gets for a refusal.

use ::authorizer::{Keys, Refusal};
use lambda_http::lambda_runtime::Diagnostic;
use serde_json::{Value, json};

use super::{Answer, ask, rules, signer::Signer};

const SECRET: &str = "a secret of the tests, 32 bytes or more";

async fn comes(event: &str, change: impl FnOnce(&mut Value, &str)) -> Answer {
    let keys = Keys::secret(SECRET, rules()).unwrap();
    let token = Signer::secret(SECRET).token();
    ask(&keys, event, &token, |event| change(event, &token)).await
}

/// Sends a REST request with just this Authorization header, in its single-value form.
async fn with_authorization(header: impl FnOnce(&str) -> Value) -> Answer {
    comes("authorizer-rest", |event, token| {
        event["headers"] = json!({"Authorization": header(token)});
        event["multiValueHeaders"] = Value::Null;
    })
    .await
}

#[tokio::test]
async fn a_socket_is_opened_by_a_subprotocol() {
    let answer = comes("authorizer-socket", |_, _| ()).await.unwrap();
    let resource = &answer.policy_document.statement[0].resource[0];
    assert_eq!(resource, "arn:aws:execute-api:eu-central-1:123456789012:fghij67890/v1/*");
    assert_eq!(answer.context["subject"], "cara");
}

#[tokio::test]
async fn a_socket_is_opened_by_a_header_too_and_beside_it_by_the_same_token_alone() {
    let with_header = async |protocols: fn(&str) -> String| {
        comes("authorizer-socket", |event, token| {
            event["multiValueHeaders"]["Sec-WebSocket-Protocol"] = json!([protocols(token)]);
            event["multiValueHeaders"]["authorization"] = json!([format!("Bearer {token}")]);
        })
        .await
    };
    with_header(|_| "switchboard.v1".into()).await.unwrap();
    with_header(|token| format!("switchboard.v1, bearer.{token}")).await.unwrap();
    let other = with_header(|_| "switchboard.v1, bearer.nonsense".into()).await;
    assert_eq!(other.unwrap_err(), Refusal::NoToken);
}

#[tokio::test]
async fn subprotocols_may_come_in_several_header_lines() {
    comes("authorizer-socket", |event, token| {
        event["multiValueHeaders"]["Sec-WebSocket-Protocol"] = json!(["switchboard.v1", format!("bearer.{token}")]);
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_subprotocol_opens_nothing_on_rest() {
    let answer = comes("authorizer-rest", |event, token| {
        event["headers"] = json!({"Authorization": "Basic eDp5", "Sec-WebSocket-Protocol": format!("bearer.{token}")});
        event["multiValueHeaders"] = Value::Null;
    });
    assert_eq!(answer.await.unwrap_err(), Refusal::NoToken);
}

#[tokio::test]
async fn the_case_of_the_header_and_its_scheme_does_not_matter() {
    for name in ["authorization", "AUTHORIZATION", "Authorization"] {
        for scheme in ["Bearer ", "bearer ", "BEARER   "] {
            comes("authorizer-rest", |event, token| {
                event["headers"] = Value::Null;
                event["multiValueHeaders"] = json!({name: [format!("{scheme}{token}")]});
            })
            .await
            .unwrap();
        }
    }
    with_authorization(|token| json!(format!("Bearer {token}"))).await.unwrap();
}

#[tokio::test]
async fn a_header_without_a_bearer_token_is_no_token() {
    for header in ["", "Bearer", "Basic eDp5", "Bearer,"] {
        assert_eq!(with_authorization(|_| json!(header)).await.unwrap_err(), Refusal::NoToken, "{header:?}");
    }
    assert_eq!(with_authorization(|token| json!(token)).await.unwrap_err(), Refusal::NoToken);
    assert_eq!(with_authorization(|token| json!(format!("Bearer{token}"))).await.unwrap_err(), Refusal::NoToken);
}

#[tokio::test]
async fn what_cannot_be_a_token_is_malformed() {
    for nonsense in ["x", "a.b", "a.b.c", "..", "a.b.c.d", "eyJhbGciOiJIUzI1NiJ9..", &"A".repeat(9000)] {
        let refusal = with_authorization(|_| json!(format!("Bearer {nonsense}"))).await.unwrap_err();
        assert!(matches!(refusal, Refusal::Malformed | Refusal::WrongSignature), "{nonsense:?}: {refusal:?}");
    }
}

#[tokio::test]
async fn two_tokens_are_none() {
    for door in ["authorizer-rest", "authorizer-socket"] {
        for other in ["Bearer other", "Basic eDp5", "Junk", "", "\u{e9}"] {
            let answer = comes(door, |event, token| {
                event["multiValueHeaders"]["Authorization"] = json!([format!("Bearer {token}"), other]);
            });
            assert_eq!(answer.await.unwrap_err(), Refusal::NoToken, "{other}");
        }
    }
    let answer = comes("authorizer-socket", |event, token| {
        event["multiValueHeaders"]["Sec-WebSocket-Protocol"] = json!([format!("bearer.{token}, bearer.other")]);
    });
    assert_eq!(answer.await.unwrap_err(), Refusal::NoToken);
}

#[tokio::test]
async fn an_event_that_names_no_stage_opens_nothing() {
    for arn in [Value::Null, json!("arn:aws:execute-api:eu-central-1:123456789012:abcde12345")] {
        let answer = comes("authorizer-rest", |event, _| event["methodArn"] = arn);
        assert_eq!(answer.await.unwrap_err(), Refusal::NoStage);
    }
}

#[test]
fn lambda_is_told_the_one_word_that_makes_api_gateway_answer_401() {
    for refusal in [Refusal::NoToken, Refusal::Expired, Refusal::UnknownKey, Refusal::Claim("tenant")] {
        assert_eq!(Diagnostic::from(refusal).error_message, "Unauthorized");
    }
    assert_ne!(Diagnostic::from(Refusal::KeysUnavailable).error_message, "Unauthorized");
}
