//! The settings of tokens: what is refused at the start, and clocks that differ.

use ::authorizer::{Keys, Misconfigured, Refusal, Rules};
use jsonwebtoken::get_current_timestamp;
use serde_json::{Value, json};

use super::signer::Signer;

const SECRET: &str = "a secret of the tests, 32 bytes or more";

/// The rules that these variables set.
pub(super) fn rules(settings: &[(&str, &str)]) -> Result<Rules, Misconfigured> {
    Rules::read(|name| settings.iter().find(|(it, _)| *it == name).map(|(_, value)| (*value).to_owned()))
}

#[tokio::test]
async fn a_clock_may_differ_by_the_skew_and_functions_are_told_the_same_end() {
    let now = get_current_timestamp();
    let claims = |exp: u64, nbf: u64| json!({ "sub": "s", "iss": "i", "aud": "a", "exp": exp, "nbf": nbf });
    let settings = |skew: &'static str| {
        let settings = [("JWT_ISSUER", "i"), ("JWT_AUDIENCE", "a"), ("JWT_DEFAULT_ROLE", "customer")];
        [&settings[..], &[("JWT_DEFAULT_TENANT", "acme"), ("JWT_CLOCK_SKEW_SECONDS", skew)]].concat()
    };
    let ask = async |skew: &'static str, claims: Value| {
        let keys = Keys::secret(SECRET, rules(&settings(skew)).unwrap()).unwrap();
        super::rest(&keys, &Signer::secret(SECRET).signs(&claims)).await.map(|answer| answer.context)
    };
    let expires = |seconds: u64| json!(seconds.to_string());
    assert_eq!(ask("300", claims(now - 200, now + 200)).await.unwrap()["expires"], expires(now + 100));
    assert_eq!(ask("0", claims(now + 100, now)).await.unwrap()["expires"], expires(now + 100));
    assert_eq!(ask("0", claims(now - 1, now)).await.unwrap_err(), Refusal::Expired);
    assert_eq!(ask("0", claims(now + 100, now + 100)).await.unwrap_err(), Refusal::TooEarly);
    assert_eq!(ask("60", claims(now - 61, now)).await.unwrap_err(), Refusal::Expired);
}

#[test]
fn settings_that_let_in_nobody_or_the_wrong_ones_are_refused_at_the_start() {
    let refused = |more: &[(&str, &str)]| rules(&[&[("JWT_ISSUER", "i")], more].concat()).err();
    assert_eq!(refused(&[]), Some(Misconfigured::NothingExpected));
    assert_eq!(rules(&[("JWT_AUDIENCE", "a")]).err(), Some(Misconfigured::NothingExpected));
    assert_eq!(refused(&[("JWT_CLIENT_ID", " , ")]), Some(Misconfigured::NothingExpected));
    assert_eq!(refused(&[("JWT_CLIENT_ID", "c")]), None);
    assert_eq!(refused(&[("JWT_AUTHORIZED_PARTY", "p")]), None);
    let with = |name, value| refused(&[("JWT_AUDIENCE", "a"), (name, value)]);
    for map in ["agents", "agents=Agent", "agents=", "a=agent,b=root"] {
        assert_eq!(with("JWT_ROLE_MAP", map), Some(Misconfigured::RoleMap), "{map}");
    }
    assert_eq!(with("JWT_ROLE_MAP", "a = agent , b=admin"), None);
    assert_eq!(with("JWT_DEFAULT_ROLE", "guest"), Some(Misconfigured::DefaultRole));
    assert_eq!(with("JWT_DEFAULT_TENANT", "a#b"), Some(Misconfigured::DefaultTenant));
    for skew in ["301", "-1", "1.5", "soon"] {
        assert_eq!(with("JWT_CLOCK_SKEW_SECONDS", skew), Some(Misconfigured::ClockSkew), "{skew}");
    }
}
