//! Payloads that must not be believed, whoever signed them.

use jsonwebtoken::get_current_timestamp;
use serde_json::{Value, json};

use super::{CANARY, SECRET, VISITOR_SECRET, claims, hand::Hand, list, shapes::odd_headers, visitor_claims};
use crate::api::authorizer::{AUDIENCE, ISSUER};

/// The claims with one of them changed, in every hostile way.
pub(super) fn changed(claims: &Value, changes: &[(&str, Value)]) -> Vec<String> {
    let change = |(claim, values): &(&str, Value)| {
        let with = |value: &Value| {
            let mut claims = claims.clone();
            claims[*claim] = value.clone();
            claims.to_string()
        };
        let mut without = claims.clone();
        without.as_object_mut().unwrap().remove(*claim);
        let is_required = ["sub", "tenant", "role", "exp", "iss", "aud"].contains(claim);
        list(values.clone()).iter().map(with).chain(is_required.then(|| without.to_string())).collect::<Vec<_>>()
    };
    changes.iter().flat_map(change).collect()
}

/// Values of each claim that must not be believed, whoever signed them.
pub(super) fn unbelievable(issuer: &str, audience: &str) -> Vec<(&'static str, Value)> {
    [of_the_token(issuer, audience), of_the_caller()].concat()
}

/// The claims that say where and until when a token counts.
fn of_the_token(issuer: &str, audience: &str) -> Vec<(&'static str, Value)> {
    let now = get_current_timestamp();
    vec![
        (
            "exp",
            json!([
                now - 61,
                now - 86_400,
                0,
                -1,
                -1e300,
                1e300,
                1e-9,
                (now + 3600).to_string(),
                "",
                "never",
                [now + 3600],
                { "at": now },
                true,
                null,
            ]),
        ),
        ("nbf", json!([now + 3600, now + 120, u64::MAX, 1e300, -1, "0", [0], {}, false,])),
        (
            "iss",
            json!([
                [issuer],
                [issuer, "https://evil.example"],
                { "0": issuer },
                format!("{issuer}/"),
                issuer.to_uppercase(),
                format!(" {issuer}"),
                format!("{issuer} "),
                "",
                format!("{issuer}\u{0}"),
                format!("{issuer}.evil.example"),
                &issuer[1..],
                1,
                true,
                null,
                format!("{issuer}#"),
                format!("{issuer}\u{200b}"),
            ]),
        ),
        (
            "aud",
            json!([
                "",
                [],
                [""],
                [[audience]],
                [audience, 1],
                [audience, null],
                { "0": audience },
                audience.to_uppercase(),
                format!("{audience}/"),
                format!(" {audience}"),
                &audience[1..],
                format!("{audience},other"),
                0,
                true,
                null,
                ["other", "another"],
                format!("{audience}\n"),
            ]),
        ),
    ]
}

/// The claims that say who calls.
fn of_the_caller() -> Vec<(&'static str, Value)> {
    let long = |length: usize| "x".repeat(length);
    vec![
        (
            "role",
            json!([
                { "admin": true },
                {},
                [{ "role": "admin" }],
                [["admin"]],
                ["admin", 1],
                ["admin", null],
                ["root"],
                [],
                "root",
                "Admin",
                "ADMIN",
                " admin",
                "admin ",
                "admin\u{0}",
                "admin,agent",
                "\u{430}dmin",
                "",
                0,
                1.5,
                true,
                null,
            ]),
        ),
        (
            "tenant",
            json!([
                "acme#THREAD",
                "#",
                "acme/x",
                "acme x",
                "acme\n",
                "\u{0}",
                "acme\u{7f}",
                "\u{e4}cme",
                "acme%23",
                "*",
                "",
                long(65),
                ["acme"],
                { "id": "acme" },
                1,
                true,
                null,
            ]),
        ),
        ("sub", json!(["", "a\u{0}b", "a\nb", "a\rb", "\u{85}", "\u{7f}", long(129), 1, ["cara"], {}, true, null,])),
        ("name", json!([long(101), "a\u{0}", "a\nb", 1, ["Ana"], {}, true])),
        ("chatbot", json!(["", long(65), "a\nb", 1, ["bot"], {}])),
        (
            "origins",
            json!(["https://shop.example", [""], ["https://a.example https://b.example"], [1], {}, ["\n"], [[]], 1,]),
        ),
    ]
}

/// Payloads that are not one object with distinct names, around claims that would be believed.
pub(super) fn odd_payloads(claims: &Value) -> Vec<Vec<u8>> {
    let text = claims.to_string();
    let inner = &text[1..text.len() - 1];
    let mut payloads: Vec<Vec<u8>> = [
        String::new(),
        "null".into(),
        "true".into(),
        "1".into(),
        format!("\"{CANARY}\""),
        "{}".into(),
        "[]".into(),
        format!("[{text}]"),
        format!("{text}{text}"),
        format!("{text}x"),
        format!("{text}\u{0}"),
        format!("\u{feff}{text}"),
        format!("{{{inner},}}"),
        format!("{{{inner}"),
        format!("{{{inner},\"x\":NaN}}"),
        format!("{{{inner},\"x\":1e999}}"),
        format!("{{{inner},\"x\":Infinity}}"),
        format!("{{{inner},\"x\":\"\\ud800\"}}"),
        format!("{{{inner},x:1}}"),
        format!("/**/{text}"),
        text.replace('"', "'"),
        format!("{{{inner},\"x\":{}1{}}}", "[".repeat(200), "]".repeat(200)),
        format!("{{{inner},\"x\":01}}"),
        format!("{{{inner},\"x\":\"\n\"}}"),
    ]
    .map(String::into_bytes)
    .into();
    for (name, value) in claims.as_object().unwrap() {
        payloads.push(format!("{{\"{name}\":{value},{inner}}}").into_bytes());
        payloads.push(format!("{{{inner},\"{name}\":{value}}}").into_bytes());
        payloads.push(format!("{{\"\\u{:04x}{}\":1,{inner}}}", u32::from(name.as_bytes()[0]), &name[1..]).into_bytes());
    }
    payloads.push([text.as_bytes(), &[0xff]].concat());
    payloads.push(text.bytes().map(|byte| if byte == b'-' { 0xc0 } else { byte }).collect());
    payloads.push(text.encode_utf16().flat_map(u16::to_le_bytes).collect());
    payloads
}

/// Tokens with a visitor's key or key id that claim to be more than a visitor's.
pub(super) fn visitors_who_are_none() -> Vec<String> {
    let mut changes = unbelievable(visitor::ISSUER, visitor::ISSUER);
    changes.retain(|(claim, _)| !["name", "role"].contains(claim));
    changes.push(("role", json!(["agent", "admin", ["customer", "admin"], {}, null])));
    changes.push(("chatbot", json!([null])));
    changes.push(("iss", json!([ISSUER])));
    changes.push(("aud", json!([AUDIENCE])));
    changes.push(("access", json!([-1, 1.5, "1", "Trial", [], {}, true])));
    changes.push(("exp", json!([get_current_timestamp() - 1])));
    let mut tokens: Vec<_> =
        changed(&visitor_claims(), &changes).iter().map(|claims| Hand::visitors().token(claims)).collect();
    for claims in [claims(), visitor_claims()] {
        let claims = claims.to_string();
        // The issuer's keys under the visitors' key id, and the reverse.
        tokens.push(Hand::rsa("rsa", "visitors").token(&claims));
        tokens.push(Hand::secret(SECRET).with("kid", json!("visitors")).token(&claims));
        for kid in [Value::Null, json!("rsa"), json!("Visitors"), json!("visitors "), json!(["visitors"])] {
            tokens.push(Hand::secret(VISITOR_SECRET).with("kid", kid).token(&claims));
        }
    }
    tokens.push(Hand::visitors().token(claims().to_string()));
    tokens.extend(odd_headers(Hand::visitors, &visitor_claims()));
    tokens.extend(odd_payloads(&visitor_claims()).iter().map(|payload| Hand::visitors().token(payload)));
    tokens
}
