//! Tokens: the authorizer lets in what was signed, and nothing else.

use aws_lambda_events::apigw::ApiGatewayCustomAuthorizerRequestTypeRequest;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use tests::{sample::event, stage::Stage};

use super::{mutator::Mutator, run};

fn rules() -> authorizer::Rules {
    authorizer::Rules::new("switchboard", "switchboard")
}

/// A policy, or `None` of a request that is refused.
async fn authorized(keys: &authorizer::Keys, sample: &str, token: &str) -> Option<Value> {
    let mut event: Value = serde_json::from_str(&event(sample)).unwrap();
    let placed = serde_json::to_string(token).unwrap();
    event = serde_json::from_str(&event.to_string().replace("REPLACE_WITH_A_TOKEN", placed.trim_matches('"'))).unwrap();
    let request: ApiGatewayCustomAuthorizerRequestTypeRequest = serde_json::from_value(event).ok()?;
    let policy = authorizer::handle(keys, request).await.ok()?;
    Some(serde_json::to_value(policy).unwrap())
}

/// A token with a part changed: its text, or the JSON in it.
fn changed(mutator: &mut Mutator, token: &str) -> String {
    let mut parts: Vec<String> = token.split('.').map(str::to_owned).collect();
    let at = mutator.below(parts.len());
    let json: Option<Value> =
        BASE64_URL_SAFE_NO_PAD.decode(&parts[at]).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    match json {
        Some(mut json) if mutator.below(3) > 0 => {
            if at == 0 && mutator.below(2) == 0 {
                json["alg"] = json!(*mutator.pick(&["none", "None", "HS384", "HS512", "RS256", "ES256", "EdDSA", ""]));
            } else {
                mutator.json(&mut json);
            }
            parts[at] = BASE64_URL_SAFE_NO_PAD.encode(json.to_string());
        }
        _ => parts[at] = mutator.text(&parts[at]),
    }
    parts.join(".")
}

#[tokio::test]
async fn a_changed_token_is_refused() {
    let stage = Stage::start().await;
    let keys = stage.board.tokens();
    let keys = authorizer::Keys::secret(keys.secret(), rules()).unwrap();
    let tokens = ["customer", "agent", "admin"].map(|role| stage.board.token("acme", role, "cus"));
    for token in &tokens {
        assert!(authorized(&keys, "authorizer-rest", token).await.is_some(), "a whole token is let in");
    }
    run("tokens::a_changed_token_is_refused", 2_000, async |seed| {
        let mut mutator = Mutator::seeded(seed);
        let token = mutator.pick(&tokens).clone();
        let changed = changed(&mut mutator, &token);
        let sample = *mutator.pick(&["authorizer-rest", "authorizer-socket"]);
        let policy = authorized(&keys, sample, &changed).await;
        // White space around a token is not its own; a socket's token ends at a comma.
        let sent = changed.split([',', ' ', '\t', '\r', '\n']).find(|part| !part.is_empty()).unwrap_or_default();
        assert!(policy.is_none() || tokens.iter().any(|whole| whole == sent), "{sample}: {changed:?} is let in");
    })
    .await;
}

#[tokio::test]
async fn signed_claims_of_any_kind_make_a_caller_within_bounds_or_none() {
    let stage = Stage::start().await;
    let tokens = stage.board.tokens();
    let keys = authorizer::Keys::secret(tokens.secret(), rules()).unwrap();
    run("tokens::signed_claims", 2_000, async |seed| {
        let mut mutator = Mutator::seeded(seed);
        let mut claims = json!({
            "iss": "switchboard", "aud": "switchboard", "exp": 4_102_444_800_u64, "sub": "cus", "tenant": "acme",
            "role": "agent", "name": "Ana", "nbf": 1, "iat": 1,
        });
        mutator.json(&mut claims);
        let Some(policy) = authorized(&keys, "authorizer-rest", &tokens.sign(&claims)).await else { return };
        let caller = &policy["context"];
        let text = |name: &str| caller[name].as_str().unwrap_or_else(|| panic!("{name} is no text: {policy}"));
        assert!(shared::domain::identity::is_tenant(text("tenant")), "{claims} became {policy}");
        assert!(shared::domain::identity::is_subject(text("subject")), "{claims} became {policy}");
        assert!(["customer", "agent", "admin"].contains(&text("role")), "{claims} became {policy}");
        assert!(text("expires").parse::<u64>().is_ok_and(|at| at > 1_795_000_000), "{claims} became {policy}");
    })
    .await;
}
