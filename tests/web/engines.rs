//! The stories of the pages in each browser engine, as `tests/web/engines.test.mjs` tells them.
//!
//! `CHROMIUM`, `FIREFOX` and `WEBKIT_DRIVER` name the engines; where a variable is missing, its test does nothing. Each
//! prints the number of its stories, which `cargo xtask test` shows in a step for each engine.

use std::env;

use super::pages::{BROWSER, SCREENSHOTS, outcome};

/// Tells the stories in an engine. If one fails, as by a browser starved on a busy machine, all are told once more.
async fn tell(engine: &str, variable: &str) {
    if env::var_os(variable).is_none() {
        return;
    }
    let _turn = BROWSER.lock().await;
    let settings = [("ENGINE", engine), ("SCREENSHOTS", SCREENSHOTS)];
    let mut told = outcome("engines.test.mjs", &settings).await;
    if let Err(first) = &told {
        println!("{engine}, the first time:\n{first}");
        told = outcome("engines.test.mjs", &settings).await;
    }
    match told {
        Ok(said) => said.lines().filter(|line| line.starts_with("the pages in ")).for_each(|line| println!("{line}")),
        Err(said) => {
            println!("{said}");
            panic!("the stories in {engine}");
        }
    }
}

#[tokio::test]
async fn the_pages_work_in_chromium() {
    tell("chromium", "CHROMIUM").await;
}

#[tokio::test]
async fn the_pages_work_in_firefox() {
    tell("firefox", "FIREFOX").await;
}

#[tokio::test]
async fn the_pages_work_in_webkit() {
    tell("webkit", "WEBKIT_DRIVER").await;
}
