//! The Python tools, in a virtual environment of the workspace's own: `.tools/python`.

use std::{
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::{apt_get, succeeds};

/// cargo-lambda and zig build for Lambda, cfn-lint and SAM check the template, OpenAI's own client drives the stand-in.
const PACKAGES: [&str; 5] =
    ["cargo-lambda==1.9.2", "ziglang==0.17.1", "cfn-lint==1.58.0", "aws-sam-cli==1.170.0", "openai==3.54.0"];

/// A Python whose environment holds [`PACKAGES`].
pub(crate) struct Python {
    bin: PathBuf,
}

impl Python {
    /// Installs what is missing. Instant when nothing is: the environment keeps the list it was filled from.
    ///
    /// The error says what to install and how.
    pub(crate) fn ready() -> Result<Python, String> {
        let folder = env::current_dir().map_err(|error| error.to_string())?.join(".tools/python");
        let python = Python { bin: folder.join("bin") };
        let filled_from = folder.join("packages.txt");
        let packages = PACKAGES.join("\n");

        let works = succeeds(Command::new(python.path()).arg("--version"));
        if works && fs::read_to_string(&filled_from).is_ok_and(|installed| installed == packages) {
            println!("nothing to install: {} is up to date", folder.display());
            return Ok(python);
        }
        if !works {
            create(&folder)?;
        }
        println!("installing {} into {}", PACKAGES.join(", "), folder.display());
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
        if !succeeds(python.command("python").args(pip).args(PACKAGES)) {
            return Err(format!("`pip install {}` failed; it needs the Python package index", PACKAGES.join(" ")));
        }
        fs::write(&filled_from, packages).map_err(|error| format!("{}: {error}", filled_from.display()))?;
        Ok(python)
    }

    /// The interpreter itself.
    pub(crate) fn path(&self) -> PathBuf {
        self.bin.join("python")
    }

    /// SAM, which tells nobody that it ran, and for which a region must be named though nothing is asked of it.
    pub(crate) fn sam(&self) -> Command {
        let mut sam = self.command("sam");
        sam.env("SAM_CLI_TELEMETRY", "0").env("AWS_DEFAULT_REGION", "us-east-1");
        sam
    }

    /// A program of the environment, which finds the environment's others on its `PATH`.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.bin.join(program));
        command.env("PATH", path_with(&self.bin));
        command
    }
}

/// Debian splits `venv` off Python; with root's rights it is fetched, else asked for.
fn create(folder: &Path) -> Result<(), String> {
    const HOW: &str = "install Python 3.10 or newer with venv (Debian: `apt-get install python3-venv`)";
    if !has_venv() {
        apt_get(&["python3-venv"]);
    }
    if !has_venv() {
        return Err(HOW.to_owned());
    }
    if succeeds(Command::new("python3").args(["-m", "venv", "--clear"]).arg(folder)) {
        Ok(())
    } else {
        Err(format!("`python3 -m venv {}` failed; {HOW}", folder.display()))
    }
}

/// `venv` imports without `python3-venv`, and fails later for want of `ensurepip`.
fn has_venv() -> bool {
    succeeds(Command::new("python3").args(["-c", "import ensurepip, venv"]).stderr(Stdio::null()))
}

fn path_with(first: &Path) -> OsString {
    let mut path = first.as_os_str().to_owned();
    if let Some(rest) = env::var_os("PATH") {
        path.push(":");
        path.push(rest);
    }
    path
}
