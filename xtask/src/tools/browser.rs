//! A Chromium for the tests of the pages: the one that `CHROMIUM` names, an installed one, or Debian's.

use std::{
    env,
    path::{Path, PathBuf},
};

use super::apt;

pub(crate) struct Browser {
    program: PathBuf,
}

impl Browser {
    /// Finds a browser or installs Debian's. The error says what to install.
    pub(crate) fn ready() -> Result<Self, String> {
        const HOW: &str = "no Chromium; install it (Debian: `sudo apt-get install chromium`, Fedora: `sudo dnf install \
                           chromium`), or set CHROMIUM to the path of an installed Chromium or Chrome";
        let named = env::var_os("CHROMIUM").map(PathBuf::from);
        let found = || {
            let known = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].map(PathBuf::from);
            named.iter().chain(&known).find(|program| program.exists()).cloned()
        };
        let program = found().or_else(|| if apt::install(&["chromium"]) { found() } else { None });
        program.map(|program| Self { program }).ok_or_else(|| HOW.to_owned())
    }

    pub(crate) fn program(&self) -> &Path {
        &self.program
    }
}
