//! The npm packages of the tests, in `.tools/node`.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::{
    apt,
    command::{run, succeeds},
};

/// The Vercel AI SDK's transport, a WebSocket whose frames a test can disturb, AsyncAPI's schema,
/// Playwright to control a browser, and axe to find barriers in a page.
const PACKAGES: [&str; 5] =
    ["ai@6.0.326", "ws@8.23.0", "@asyncapi/specs@6.11.1", "playwright-core@1.65.1", "axe-core@4.14.1"];

/// A folder whose `node_modules` hold [`PACKAGES`].
pub(crate) struct Node {
    folder: PathBuf,
}

impl Node {
    /// Installs what is missing; does nothing if the folder was filled from the same list.
    ///
    /// The error says what to install and how.
    pub(crate) fn ready() -> Result<Self, String> {
        const HOW: &str = "install Node 20 or newer with npm";
        let there =
            || ["node", "npm"].iter().all(|it| succeeds(Command::new(it).arg("--version").stderr(Stdio::null())));
        if !(there() || apt::install(&["nodejs", "npm"]) && there()) {
            return Err(HOW.to_owned());
        }
        let folder = env::current_dir().map_err(|error| error.to_string())?.join(".tools/node");
        let (filled_from, packages) = (folder.join("packages.txt"), PACKAGES.join("\n"));
        if fs::read_to_string(&filled_from).is_ok_and(|installed| installed == packages) {
            println!("nothing to install: {} is up to date", folder.display());
            return Ok(Self { folder });
        }
        println!("installing {} into {}", PACKAGES.join(", "), folder.display());
        fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let mut npm = Command::new("npm");
        npm.args([
            "install",
            "--loglevel=error",
            "--no-audit",
            "--no-fund",
            "--no-save",
            "--ignore-scripts",
            "--prefix",
        ])
        .arg(&folder)
        .args(PACKAGES);
        run(&mut npm, "`npm install` failed; it needs the npm registry")?;
        fs::write(&filled_from, packages).map_err(|error| format!("{}: {error}", filled_from.display()))?;
        Ok(Self { folder })
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }
}
