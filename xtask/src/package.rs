//! `cargo xtask package`: packs `web/` for npm, and tries the tarball in the tools that its users have.

use std::{
    env::{self, consts},
    path::PathBuf,
    process::Command,
};

use crate::{
    report::{Outcome, Report, check, count_tests},
    tools::{Browser, Engine, Installed, Node, Python, cargo, install},
};

/// Bundlers, type checkers, runtimes, frameworks, and what a project has beside the package.
const PACKAGES: [&str; 16] = [
    "deno@2.9.6",
    "bun@1.4.5",
    "vite@8.4.0",
    "esbuild@0.28.2",
    "typescript@7.0.2",
    "next@16.4.6",
    "react@19.3.1",
    "react-dom@19.3.1",
    "ai@7.0.173",
    "@ai-sdk/react@4.0.177",
    "@ag-ui/client@1.0.0",
    "ws@8.23.0",
    "@types/react@19.3.3",
    "@types/react-dom@19.3.0",
    "@types/node@22.20.7",
    "@types/ws@8.18.2",
];
/// The oldest versions of Node that are supported: one without a `WebSocket`, one with it.
const NODES: [(&str, &str); 2] = [("node20", "20.20.2"), ("node22", "22.23.3")];

/// Installs the tools, builds Switchboard, then tries the package.
pub(crate) fn package() -> Report {
    let mut report = Report::default();
    let python = install(&mut report, "Python tools", Python::ready);
    let node = install(&mut report, "Node tools", || Node::ready(&python));
    let browser = install(&mut report, "Chromium", || Browser::ready(Engine::Chromium));
    if report.step("cargo build", || check(cargo().args(["build", "--package", "local"]))) {
        step(&mut report, &node, Some(&browser));
    }
    report
}

/// Tries the package, on a Switchboard that is built. Each of the tools counts as a check.
pub(crate) fn step(report: &mut Report, node: &Installed<Node>, browser: Option<&Installed<Browser>>) {
    let tools = install(report, "Tools of the package's users", || match node {
        Ok(node) => node.folder_with("package", &packages()),
        Err(_) => Err("needs the Node tools above".to_owned()),
    });
    report.step("the npm package", || match (node, &tools, switchboard()) {
        (Ok(node), Ok(tools), Ok(switchboard)) => {
            let mut tries = Command::new(node.program());
            tries
                .arg("tests/web/package.mjs")
                .env("SWITCHBOARD", switchboard)
                .env("NPM", node.npm())
                .env("NODE_TOOLS", node.folder())
                .env("PACKAGE_TOOLS", tools);
            if let Some(Ok(browser)) = browser {
                tries.env("CHROMIUM", browser.program());
            }
            count_tests(&mut tries)
        }
        _ => Outcome::CouldNotRun { how: "needs the tools above".to_owned() },
    });
}

/// The packages, with the binaries of Node for this machine, which its own package would download by a script.
fn packages() -> Vec<String> {
    let processor = if consts::ARCH == "aarch64" { "arm64" } else { "x64" };
    let system = match (consts::OS, processor) {
        ("macos", "arm64") => "bin-darwin",
        ("macos", _) => "darwin",
        (system, _) => system,
    };
    let nodes = NODES.map(|(name, version)| format!("{name}@npm:node-{system}-{processor}@{version}"));
    PACKAGES.map(str::to_owned).into_iter().chain(nodes).collect()
}

/// The command beside this program, where cargo builds both.
fn switchboard() -> Result<PathBuf, std::io::Error> {
    Ok(env::current_exe()?.with_file_name("switchboard"))
}
