//! `web/markdown.js` in Node: hostile text stays text.

use std::{env, process::Command};

/// Runs `tests/web/markdown.fuzz.mjs`, which prints its number of cases and the seed of a case that fails. Its
/// environment has the same settings as the other targets'.
#[test]
fn markdown_makes_harmless_nodes_in_bounded_time() {
    let Some(node) = env::var_os("NODE") else { return };
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/web/markdown.fuzz.mjs");
    let output = Command::new(node).arg(script).output().expect("Node starts");
    print!("{}", String::from_utf8_lossy(&output.stdout));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
