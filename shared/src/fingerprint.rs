//! Fingerprints, which tell equal content from different content.

use std::fmt::Write;

use sha2::{Digest, Sha256};

/// The SHA-256 of `parts` in hex. Each part is preceded by its length, so that no two lists share a digest.
pub fn fingerprint(parts: &[&[u8]]) -> String {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update(part.len().to_be_bytes());
        digest.update(part);
    }
    let mut hex = String::with_capacity(64);
    for byte in digest.finalize() {
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}
