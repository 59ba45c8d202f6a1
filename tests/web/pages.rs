//! The client, the pages, the Vercel AI SDK's transport and AG-UI's clients, run by Node and a browser, against a
//! Switchboard of their own.
//!
//! The scripts are in `tests/web`. `NODE_TOOLS` names a folder whose `node_modules` they need, `NODE` the Node that
//! runs them, `CHROMIUM` a browser; without the folder or the browser nothing runs. `cargo xtask test` installs and
//! sets all three. Screenshots are left in `target/screenshots`.

use std::{env, process::Stdio, time::Duration};

use local::{Options, demo::ModelChoice};
use tokio::{process::Command, sync::Mutex, time::timeout};

use tests::stage::Stage;

/// Timeout of a script, after which it counts as hanging.
const TIMEOUT: Duration = Duration::from_mins(8);

pub(super) const SCREENSHOTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/screenshots");

/// Browsers take turns: two at once are slower than one after the other.
pub(super) static BROWSER: Mutex<()> = Mutex::const_new(());

/// Runs a script's tests.
async fn run(script: &str) {
    run_with(script, &[]).await;
}

/// Runs a script that needs a browser too. If it fails, as by a browser starved on a busy machine, it is tried once
/// more.
async fn run_in_browser(script: &str) {
    if env::var_os("CHROMIUM").is_none() {
        return;
    }
    let _turn = BROWSER.lock().await;
    let settings = [("SCREENSHOTS", SCREENSHOTS)];
    if let Err(first) = outcome(script, &settings).await {
        eprintln!("{script}, the first time:\n{first}");
        run_with(script, &settings).await;
    }
}

async fn run_with(script: &str, settings: &[(&str, &str)]) {
    if let Err(said) = outcome(script, settings).await {
        panic!("{said}");
    }
}

/// The output of the script, as an error if one of its tests fails; none without Node's packages.
pub(super) async fn outcome(script: &str, settings: &[(&str, &str)]) -> Result<String, String> {
    let Some(tools) = env::var_os("NODE_TOOLS") else { return Ok(String::new()) };
    let node =
        env::var_os("NODE").expect("NODE_TOOLS is set, so NODE has to name the node program; see `cargo xtask test`");
    let stage = Stage::with(Options::default()).await;
    // The chatbot that the demo page talks to.
    stage.board.demo(ModelChoice::default()).await.unwrap();
    let cited = stage.thread_with_cited_answer().await;
    let mut node = Command::new(node);
    node.arg("--test-reporter=spec")
        .arg(format!("{}/web/{script}", env!("CARGO_MANIFEST_DIR")))
        .env("NODE_TOOLS", tools)
        .env("SWITCHBOARD_URL", stage.board.url())
        .env("SWITCHBOARD_SOCKET", stage.board.socket_url())
        .env("STANDIN", &stage.board.endpoints().openai_url)
        .env("JWT_SECRET", stage.board.tokens().secret())
        .env("CUSTOMER", stage.board.token("acme", "customer", "cus"))
        .env("AGENT", stage.board.token("acme", "agent", "ana"))
        .env("ADMIN", stage.board.token("acme", "admin", "root"))
        .env("CITED", cited)
        .envs(settings.iter().copied())
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let ran = timeout(TIMEOUT, node.output()).await.expect("the script ends in time").unwrap();
    let said = [&ran.stdout, &ran.stderr].map(|said| String::from_utf8_lossy(said).into_owned()).concat();
    if ran.status.success() { Ok(said) } else { Err(said) }
}

#[tokio::test]
async fn the_ai_sdk_streams_a_reply() {
    run("ai.test.mjs").await;
}

#[tokio::test]
async fn assistant_ui_s_transport_gets_an_answer() {
    run("assistant-ui.test.mjs").await;
}

#[tokio::test]
async fn the_log_and_the_messages_of_use_chat_are_merged() {
    run("merge.test.mjs").await;
}

#[tokio::test]
async fn the_store_of_the_hooks_misses_nothing_of_a_thread() {
    run("thread-store.test.mjs").await;
}

/// React and the AI SDK's `useChat`, in a page.
#[tokio::test]
async fn the_react_hooks_hear_the_bot_and_the_people() {
    run_in_browser("react.test.mjs").await;
}

#[tokio::test]
async fn the_documented_lines_of_wscat_work_when_pasted() {
    run("wscat.test.mjs").await;
}

#[tokio::test]
async fn ag_ui_s_clients_run_a_thread() {
    run("agui.test.mjs").await;
}

#[tokio::test]
async fn the_client_hears_each_message_once_and_in_order() {
    run("client.test.mjs").await;
}

/// Without settings the script loses ten thousand sockets of two hundred clients.
#[tokio::test]
async fn the_client_ends_with_the_log_however_often_its_socket_is_lost() {
    run_with("churn.mjs", &[("CLIENTS", "40"), ("THREADS", "5"), ("DISCONNECTS", "600"), ("ROUNDS", "4")]).await;
}

#[tokio::test]
async fn the_client_lives_in_a_page_whose_network_comes_and_goes() {
    run_in_browser("browser.test.mjs").await;
}

#[tokio::test]
async fn the_widget_talks_and_holds_against_hostile_text() {
    run_in_browser("widget.test.mjs").await;
}

#[tokio::test]
async fn the_lines_of_the_docs_put_the_widget_into_a_page() {
    run_in_browser("embed.test.mjs").await;
}

#[tokio::test]
async fn the_console_takes_over_and_gives_back() {
    run_in_browser("console.test.mjs").await;
}

#[tokio::test]
async fn hostile_texts_and_links_harm_no_page() {
    run_in_browser("hostile.test.mjs").await;
}

#[tokio::test]
async fn the_reference_shows_the_api_and_sends_its_requests() {
    run_in_browser("docs.test.mjs").await;
}

/// A visitor and an agent, each in a window of their own, from the first question to the transcript.
#[tokio::test]
async fn the_whole_story_is_told_in_two_windows() {
    run_in_browser("story.test.mjs").await;
}
