//! Signature Version 4 by AWS's description: what a signed request has to say in `authorization`.

use hmac::{Hmac, KeyInit as _, Mac};
use http::HeaderMap;
use sha2::{Digest, Sha256};

/// The credentials that the tests sign with.
pub const ACCESS_KEY: &str = "AKID";
pub const SECRET_KEY: &str = "SECRET";
pub const SESSION_TOKEN: &str = "SESSION";

/// The region of every ARN in the tests.
pub const REGION: &str = "eu-north-1";

/// The value of `authorization` for a `POST /` to a service, signed over the headers that the request says it signs.
pub fn authorization(service: &str, headers: &HeaderMap, body: &str) -> String {
    authorization_by((ACCESS_KEY, SECRET_KEY), service, headers, body)
}

/// The same, signed with this key.
pub fn authorization_by((id, secret): (&str, &str), service: &str, headers: &HeaderMap, body: &str) -> String {
    let sent = headers["authorization"].to_str().unwrap();
    let signed = sent.split_once("SignedHeaders=").unwrap().1.split(',').next().unwrap();
    for required in ["content-type", "host", "x-amz-date", "x-amz-security-token"] {
        assert!(signed.split(';').any(|name| name == required), "{required} is not signed: {sent}");
    }
    let date = headers["x-amz-date"].to_str().unwrap();
    let day = &date[..8];
    let scope = format!("{day}/{REGION}/{service}/aws4_request");
    let line = |name: &str| format!("{name}:{}\n", headers[name].to_str().unwrap().trim());
    let lines: Vec<_> = signed.split(';').map(line).collect();
    let request = format!("POST\n/\n\n{}\n{signed}\n{}", lines.concat(), hex(&Sha256::digest(body)));
    let to_sign = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{}", hex(&Sha256::digest(request)));
    let first = hmac(format!("AWS4{secret}").as_bytes(), day);
    let key = [REGION, service, "aws4_request"].iter().fold(first, |key, part| hmac(&key, part));
    let signature = hex(&hmac(&key, &to_sign));
    format!("AWS4-HMAC-SHA256 Credential={id}/{scope}, SignedHeaders={signed}, Signature={signature}")
}

fn hmac(key: &[u8], text: &str) -> Vec<u8> {
    Hmac::<Sha256>::new_from_slice(key).unwrap().chain_update(text).finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
}
