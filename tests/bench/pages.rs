//! The pages, measured in a browser: the time until the demo page is shown, and the scrolling of a long thread.

use std::{env, process::Command};

use local::{Options, demo::ModelChoice};

use crate::board::Board;

/// The script that drives the browser.
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/web/pages.bench.mjs");

pub(crate) fn run() {
    let board = Board::start(Options::default());
    let switchboard = &board.switchboard;
    board.clients.block_on(switchboard.demo(ModelChoice::default())).expect("a demo chatbot");
    let [Some(node), Some(_), Some(_)] = ["NODE", "NODE_TOOLS", "CHROMIUM"].map(env::var_os) else {
        eprintln!("NODE, NODE_TOOLS and CHROMIUM must be set; `cargo xtask bench pages` installs and sets them");
        std::process::exit(2);
    };
    let ran = Command::new(node)
        .arg(SCRIPT)
        .env("SWITCHBOARD_URL", switchboard.url())
        .env("SWITCHBOARD_SOCKET", switchboard.socket_url())
        .env("STANDIN", &board.standin_url)
        .env("CUSTOMER", switchboard.token("acme", "customer", "cus"))
        .env("AGENT", switchboard.token("acme", "agent", "ana"))
        .env("ADMIN", switchboard.token("acme", "admin", "root"))
        .status();
    board.stop();
    assert!(ran.is_ok_and(|status| status.success()), "the browser's script failed");
}
