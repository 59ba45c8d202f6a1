//! Node and its packages, in `.tools/node`, and a browser: for the client and the pages, and for the Vercel AI SDK's own wire.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::{apt_get, succeeds};

/// The AI SDK's transport, a WebSocket for a Node without one, AsyncAPI's schema, what drives a browser, and what looks for
/// barriers in a page.
const PACKAGES: [&str; 5] =
    ["ai@6.0.326", "ws@8.23.0", "@asyncapi/specs@6.11.1", "playwright-core@1.65.1", "axe-core@4.14.1"];

/// A folder whose `node_modules` hold [`PACKAGES`].
pub(crate) struct Node {
    folder: PathBuf,
}

impl Node {
    /// Installs what is missing. Instant when nothing is: the folder keeps the list it was filled from.
    ///
    /// The error says what to install and how.
    pub(crate) fn ready() -> Result<Self, String> {
        const HOW: &str = "install Node 18 or newer with npm (Debian: `apt-get install nodejs npm`)";
        let there =
            || ["node", "npm"].iter().all(|it| succeeds(Command::new(it).arg("--version").stderr(Stdio::null())));
        if !(there() || apt_get(&["nodejs", "npm"]) && there()) {
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
        npm.args(["install", "--silent", "--no-audit", "--no-fund", "--no-save", "--prefix"])
            .arg(&folder)
            .args(PACKAGES);
        if !succeeds(&mut npm) {
            return Err(format!("`npm install {}` failed; it needs the npm registry", PACKAGES.join(" ")));
        }
        fs::write(&filled_from, packages).map_err(|error| format!("{}: {error}", filled_from.display()))?;
        Ok(Self { folder })
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }
}

/// A Chromium.
pub(crate) struct Browser {
    program: PathBuf,
}

impl Browser {
    pub(crate) fn ready() -> Result<Self, String> {
        const HOW: &str = "install Chromium (Debian: `apt-get install chromium`), or name one in CHROMIUM";
        let named = env::var_os("CHROMIUM").map(PathBuf::from);
        let found = || {
            let known = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].map(PathBuf::from);
            named.iter().chain(&known).find(|program| program.exists()).cloned()
        };
        let program = found().or_else(|| if apt_get(&["chromium"]) { found() } else { None });
        program.map(|program| Self { program }).ok_or_else(|| HOW.to_owned())
    }

    pub(crate) fn program(&self) -> &Path {
        &self.program
    }
}
