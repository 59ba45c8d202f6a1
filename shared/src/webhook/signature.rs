//! The symmetric signature (version 1) of Standard Webhooks.

use base64::{Engine, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The value of `webhook-signature`. It covers the id and the timestamp too, so that neither can be replaced.
pub(super) fn signature(key: &[u8], id: &str, timestamp: &str, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    for part in [id, ".", timestamp, ".", body] {
        mac.update(part.as_bytes());
    }
    format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_what_others_compute() {
        // printf '%s' 'msg_1.1795341600.{"a":1}' | openssl dgst -sha256 -hmac 0123456789abcdef -binary | base64
        let signed = signature(b"0123456789abcdef", "msg_1", "1795341600", r#"{"a":1}"#);
        assert_eq!(signed, "v1,t/IehCDKX8hemcYp6e8v+ZO54Vo7EofaNVybMUjMm9U=");
    }
}
