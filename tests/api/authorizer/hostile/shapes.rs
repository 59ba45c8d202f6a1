//! Tokens of another form, or under another header, than the key's genuine ones.

use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};

use super::{
    hand::{Hand, part},
    list,
};
use crate::api::authorizer::{signer::Signer, signer::pem};

/// A genuine token, bent: parts missing, doubled, swapped, padded, cut short or changed by one character.
pub(super) fn bent(token: &str) -> Vec<String> {
    let parts: Vec<_> = token.split('.').collect();
    let [head, payload, signature] = parts[..] else { panic!("a token has three parts") };
    let mut bent: Vec<String> = [
        "",
        ".",
        "..",
        "...",
        "x",
        "a.b",
        "a.b.c",
        "null",
        "undefined",
        "Bearer",
        "{}",
        "e30.e30.e30",
        "eyJ",
        "%2e%2e",
        "0",
        "-",
        "_._._",
        "e30..",
        "..e30",
    ]
    .map(str::to_owned)
    .into();
    for parts in [
        vec![head],
        vec![head, payload],
        vec![head, payload, ""],
        vec![head, "", signature],
        vec!["", payload, signature],
        vec!["", "", signature],
        vec![payload, head, signature],
        vec![head, signature, payload],
        vec![signature, payload, head],
        vec![head, payload, signature, ""],
        vec!["", head, payload, signature],
        vec![head, payload, signature, signature],
        vec![head, payload, payload, signature],
        vec![head, "", payload, signature],
        vec![head, payload, "", signature],
        vec![head, payload, signature, "", ""],
        vec![head, head, signature],
        vec![payload, payload, signature],
    ] {
        bent.push(parts.join("."));
    }
    for padding in ["=", "==", "%3D", " ", "\t", "+", "/", "~", "\"", "\u{e9}", ","] {
        bent.push(format!("{head}{padding}.{payload}.{signature}"));
        bent.push(format!("{head}.{payload}{padding}.{signature}"));
        bent.push(format!("{head}.{padding}{payload}.{signature}"));
        if !["\t", " ", ","].contains(&padding) {
            bent.push(format!("{head}.{payload}.{signature}{padding}"));
        }
    }
    bent.extend([format!("{token}{token}"), format!("{token} {token}"), format!("\"{token}\""), token.to_uppercase()]);
    bent.extend((1..=24).map(|cut| token[..token.len() - cut].to_owned()));
    for (start, text) in [(0, head), (head.len() + 1, payload), (token.len() - signature.len(), signature)] {
        for place in (start..start + text.len()).step_by(text.len() / 20 + 1) {
            let other = if &token[place..=place] == "A" { "B" } else { "A" };
            bent.push(format!("{}{other}{}", &token[..place], &token[place + 1..]));
        }
    }
    bent
}

/// Headers that name another algorithm, or none, than the key's.
pub(super) fn other_algorithms(genuine: &Hand, claims: &Value) -> Vec<String> {
    let payload = claims.to_string();
    let kid = genuine.header.get("kid");
    let header = |algorithm: Value| {
        let mut header = json!({ "alg": algorithm });
        if let Some(kid) = kid {
            header["kid"] = kid.clone();
        }
        header.to_string()
    };
    let mut forged = Vec::new();
    for algorithm in list(json!([
        "none",
        "None",
        "NONE",
        "nOnE",
        "",
        "none ",
        "null",
        0,
        ["none"],
        {},
        true,
        null,
        "RSA1_5",
        "ES256K",
        "HS1",
        "rs256",
        "hs256",
        "RS256\u{0}",
    ])) {
        let genuine = genuine.token(&payload);
        let signature = genuine.rsplit('.').next().unwrap();
        let unsigned = format!("{}.{}", part(header(algorithm)), part(&payload));
        forged.extend([format!("{unsigned}."), format!("{unsigned}.{signature}"), unsigned]);
    }
    for (word, algorithm) in [("HS256", Algorithm::HS256), ("HS384", Algorithm::HS384), ("HS512", Algorithm::HS512)] {
        let public = pem("rsa.test-public.pem");
        let modulus = Signer::rsa("rsa").jwk()["n"].as_str().unwrap().to_owned();
        let trimmed = String::from_utf8(public.clone()).unwrap().trim().to_owned();
        for secret in [&public[..], trimmed.as_bytes(), modulus.as_bytes(), b"", b"rsa", b"secret", b"\0"] {
            let key = EncodingKey::from_secret(secret);
            let hand = Hand { key, algorithm, header: Value::Null };
            forged.push(hand.signs(header(json!(word)), &payload));
        }
    }
    // The issuer's own key, by an algorithm that it is not published for; and a header that only says so.
    for (word, algorithm) in [("RS384", Algorithm::RS384), ("RS512", Algorithm::RS512), ("PS256", Algorithm::PS256)] {
        let hand = Hand { algorithm, ..Hand::issuer() };
        forged.push(hand.signs(header(json!(word)), &payload));
    }
    for word in ["RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA", "HS384", "HS512"] {
        forged.push(genuine.signs(header(json!(word)), &payload));
    }
    forged
}

/// Tokens of a stranger's key, with key ids and other header members that point to it.
pub(super) fn strangers(claims: &Value) -> Vec<String> {
    let payload = claims.to_string();
    let jwk = Signer::rsa("rsa-next").jwk();
    let stranger = || Hand::rsa("rsa-next", "rsa");
    let kids = list(json!([
        null,
        "",
        "rsa",
        "ec",
        "RSA",
        "rsa ",
        " rsa",
        "rsa\u{0}",
        "rsa-next",
        "../../../dev/null",
        "/dev/null",
        "' OR '1'='1",
        "$(id)",
        "https://evil.example/keys",
        "x".repeat(5000),
        "visitors",
        "*",
        ["rsa"],
        { "rsa": 1 },
        0,
        true,
        "rsa\n",
        "%72sa",
    ]));
    let members = [
        ("jku", json!("https://evil.example/keys")),
        ("jku", json!("http://127.0.0.1:1/keys")),
        ("jku", json!(1)),
        ("x5u", json!("https://evil.example/certificate")),
        ("jwk", jwk.clone()),
        ("jwk", json!({ "keys": [jwk] })),
        ("jwk", json!("rsa")),
        ("x5c", json!(["MIIB"])),
        ("x5t", json!("AAAA")),
        ("x5t#S256", json!("AAAA")),
        ("cty", json!("JWT")),
        ("typ", json!(1)),
        ("url", json!("https://evil.example")),
    ];
    let kids = kids.into_iter().map(|kid| stranger().with("kid", kid));
    let members = members.into_iter().map(|(member, value)| stranger().with(member, value));
    kids.chain(members).map(|hand| hand.token(&payload)).collect()
}

/// Headers under a genuine signature that ask for another reading of the token, or cannot be read.
pub(super) fn odd_headers(genuine: fn() -> Hand, claims: &Value) -> Vec<String> {
    let payload = claims.to_string();
    let members = [
        ("crit", json!(["exp"])),
        ("crit", json!(["b64"])),
        ("crit", json!([])),
        ("crit", json!("b64")),
        ("crit", json!({})),
        ("crit", json!([1])),
        ("crit", json!(["https://evil.example/ext"])),
        ("b64", json!(false)),
        ("b64", json!(true)),
        ("zip", json!("DEF")),
        ("enc", json!("A128GCM")),
    ];
    let mut tokens: Vec<_> =
        members.into_iter().map(|(member, value)| genuine().with(member, value).token(&payload)).collect();
    let text = genuine().header.to_string();
    let inner = &text[1..text.len() - 1];
    for header in [
        String::new(),
        "{}".into(),
        "[]".into(),
        "null".into(),
        format!("[{text}]"),
        format!("{text}{text}"),
        format!("{{{inner},\"alg\":\"none\"}}"),
        format!("{{\"alg\":\"none\",{inner}}}"),
        format!("{{{inner},}}"),
        format!("\u{feff}{text}"),
        text.replace("alg", "ALG"),
        text.replace('"', "'"),
        format!("{{{inner}"),
    ] {
        tokens.push(genuine().signs(header, &payload));
    }
    tokens.push(genuine().signs([text.as_bytes(), &[0xff, 0xfe]].concat(), &payload));
    tokens
}

/// Tokens longer than any header, under a genuine signature.
pub(super) fn too_long(genuine: &Hand, claims: &Value) -> Vec<String> {
    let padded = |length: usize| {
        let mut claims = claims.clone();
        claims["padding"] = json!("x".repeat(length));
        genuine.token(claims.to_string())
    };
    [16 << 10, 64 << 10, 1 << 20].map(padded).into()
}
