//! nginx, which the tests put in front of Switchboard as a proxy: an installed one, or Debian's package, unpacked.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::{apt, command::succeeds};

pub(crate) struct Nginx {
    program: PathBuf,
}

impl Nginx {
    /// Finds nginx, or unpacks Debian's package into `.tools/nginx`: an installed package would start a server on port
    /// 80. The error says what to install.
    pub(crate) fn ready() -> Result<Self, String> {
        const HOW: &str = "no nginx; install it (Debian: `sudo apt-get install nginx`, Fedora: `sudo dnf install \
                           nginx`, macOS: `brew install nginx`)";
        let folder = env::current_dir().map_err(|error| error.to_string())?.join(".tools/nginx");
        let found = || {
            let installed = ["/usr/sbin/nginx", "/usr/bin/nginx", "/usr/local/bin/nginx", "/opt/homebrew/bin/nginx"];
            let known = installed.map(PathBuf::from).into_iter().chain([folder.join("usr/sbin/nginx")]);
            known.into_iter().find(|program| succeeds(Command::new(program).arg("-v").stderr(Stdio::null())))
        };
        let program = found().or_else(|| if apt::unpack("nginx", &folder) { found() } else { None });
        program.map(|program| Self { program }).ok_or_else(|| HOW.to_owned())
    }

    pub(crate) fn program(&self) -> &Path {
        &self.program
    }
}
