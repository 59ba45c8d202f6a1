//! The browsers for the tests of the pages: each the one that a variable names, an installed one, or Debian's.

use std::{
    env,
    path::{Path, PathBuf},
};

use super::apt;

/// A browser engine that the pages are tested in.
#[derive(Clone, Copy)]
pub(crate) enum Engine {
    Chromium,
    Firefox,
    WebKit,
}

/// The programs of an engine, and the packages that bring them.
struct Source {
    name: &'static str,
    /// The variable that may name the program, and by which the tests get it.
    variable: &'static str,
    programs: &'static [&'static str],
    /// Programs that it needs besides, found by their names.
    needs: &'static [&'static str],
    packages: &'static [&'static str],
    /// The sentence for where it is missing, after its name.
    how: &'static str,
}

const CHROMIUM: Source = Source {
    name: "Chromium",
    variable: "CHROMIUM",
    programs: &["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"],
    needs: &[],
    packages: &["chromium"],
    how: "install it (Debian: `sudo apt-get install chromium`, Fedora: `sudo dnf install chromium`), or set CHROMIUM \
          to the path of an installed Chromium or Chrome",
};

const FIREFOX: Source = Source {
    name: "Firefox",
    variable: "FIREFOX",
    programs: &["/usr/bin/firefox-esr", "/usr/bin/firefox"],
    needs: &[],
    packages: &["firefox-esr"],
    how: "install it (Debian: `sudo apt-get install firefox-esr`, Fedora: `sudo dnf install firefox`), set FIREFOX to \
          the path of an installed Firefox, or leave it out by `--without firefox`",
};

/// The driver of `WebKitGTK`, which starts the browser that is installed with it. The engine draws on a display, that
/// of Xvfb.
const WEBKIT: Source = Source {
    name: "WebKit",
    variable: "WEBKIT_DRIVER",
    programs: &["/usr/bin/WebKitWebDriver"],
    needs: &["Xvfb"],
    packages: &["webkit2gtk-driver", "xvfb"],
    how: "install WebKitGTK's driver and Xvfb (Debian: `sudo apt-get install webkit2gtk-driver xvfb`), set \
          WEBKIT_DRIVER to the path of a WebKitWebDriver, with Xvfb on PATH, or leave it out by `--without webkit`",
};

impl Engine {
    pub(crate) const ALL: [Self; 3] = [Self::Chromium, Self::Firefox, Self::WebKit];

    fn source(self) -> &'static Source {
        match self {
            Self::Chromium => &CHROMIUM,
            Self::Firefox => &FIREFOX,
            Self::WebKit => &WEBKIT,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        self.source().name
    }

    /// The variable by which the tests get the program.
    pub(crate) fn variable(self) -> &'static str {
        self.source().variable
    }
}

pub(crate) struct Browser {
    program: PathBuf,
}

impl Browser {
    /// Finds a browser or installs Debian's. The error says what to install.
    pub(crate) fn ready(engine: Engine) -> Result<Self, String> {
        let Source { name, variable, programs, needs, packages, how } = engine.source();
        let named = env::var_os(variable).map(PathBuf::from);
        let found = || {
            let known = programs.iter().map(PathBuf::from);
            let program = named.iter().cloned().chain(known).find(|program| program.exists())?;
            needs.iter().all(|needed| is_on_path(needed)).then_some(program)
        };
        let program = found().or_else(|| if apt::install(packages) { found() } else { None });
        program.map(|program| Self { program }).ok_or_else(|| format!("no {name}; {how}"))
    }

    pub(crate) fn program(&self) -> &Path {
        &self.program
    }
}

fn is_on_path(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|folder| folder.join(program).is_file())
}
