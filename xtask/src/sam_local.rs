//! `sam local` in Docker: the built functions in containers, against a running Switchboard.
//!
//! Docker's daemon gets a network namespace of its own: it changes nothing in the machine's network, and nothing that
//! listens there is reached from outside. The base image is a Debian, under the name that SAM looks for: Amazon's own
//! comes from a registry that a test should not need.

use std::{
    env, fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use crate::{
    process::Process,
    report::{Outcome, Report, check},
    tools::{Installed, Python, apt, cargo, install},
};

/// The daemon's data and the base image, kept for the next run.
const TOOLS: &str = ".tools/docker";
/// The functions and the template for SAM, and the data of Switchboard.
const WORK: &str = "target/sam-local";
/// The Docker network of the functions, and this machine's address in it.
const NETWORK: &str = "switchboard";
const SUBNET: &str = "172.30.0.0/24";
const ADDRESS: &str = "172.30.0.1";

/// The events that are played, with the function of each, and a part of its payload.
const EVENTS: [(&str, &str, &str); 5] = [
    ("thread-get", "ThreadFunction", "\\\"customer_id\\\":\\\"cara\\\""),
    ("chat", "ChatFunction", "stand-in, not a model"),
    ("socket-connect", "SocketFunction", "\"sec-websocket-protocol\": \"switchboard.v1\""),
    ("sweep", "SweepFunction", "null"),
    ("authorizer-rest", "AuthorizerFunction", "\"Effect\": \"Allow\""),
];

/// The test alone, after a build of what it needs.
pub(crate) fn sam_local() -> Report {
    let mut report = Report::default();
    let python = install(&mut report, "Python tools", Python::ready);
    report.step("cargo build", || check(cargo().args(["build", "--workspace", "--bins", "--tests"])));
    report.step("sam local", || step(&python));
    report
}

/// Plays events by `sam local invoke`, and requests by `sam local start-api`.
pub(crate) fn step(python: &Installed<Python>) -> Outcome {
    let Ok(python) = python else { return Outcome::CouldNotRun { how: "needs the Python tools above".to_owned() } };
    let docker = match Docker::ready() {
        Ok(docker) => docker,
        Err(how) => return Outcome::CouldNotRun { how },
    };
    match play(&docker, python) {
        Ok(passed) => Outcome::Ran { passed, failed: 0 },
        Err(error) => Outcome::failed(&error),
    }
}

/// A running Docker daemon with the base image and the network.
struct Docker {
    /// `None` once it is stopped.
    daemon: Option<Process>,
    pid: String,
    socket: String,
}

impl Docker {
    /// Installs what is missing and starts the daemon. The error says what to install.
    fn ready() -> Result<Self, String> {
        const HOW: &str = "needs root's rights on Debian, to start a Docker daemon in a network namespace of its own; \
                           leave it out by `--without docker`";
        let programs = ["dockerd", "debootstrap", "nsenter", "ip"];
        let missing = || programs.iter().any(|program| !is_installed(program));
        if missing() && (!apt::install(&["docker.io", "debootstrap", "util-linux", "iproute2"]) || missing()) {
            return Err(HOW.to_owned());
        }
        let tools = env::current_dir().map_err(|error| error.to_string())?.join(TOOLS);
        fs::create_dir_all(&tools).map_err(|error| format!("{}: {error}", tools.display()))?;
        let socket = format!("unix://{}/socket", tools.display());
        // Left by a daemon that was killed: it may name another process by now. Usually missing.
        let _ = fs::remove_file(tools.join("pid"));
        let start = "ip link set lo up && exec dockerd --iptables=false --ip6tables=false --host \"$1\" \
                     --data-root \"$2/data\" --exec-root \"$2/exec\" --pidfile \"$2/pid\"";
        let mut command = Command::new("unshare");
        command.args(["--net", "--", "sh", "-c", start, "dockerd", &socket]).arg(&tools);
        let mut daemon =
            Process::start(&mut command, &tools.join("log")).map_err(|error| format!("{HOW} ({error})"))?;
        daemon
            .until(|line| line.contains("API listen on").then_some(()))
            .map_err(|error| format!("{HOW}; the daemon: {error}"))?;
        let pid = daemon.id();
        let docker = Self { daemon: Some(daemon), pid, socket };
        docker.prepare(&tools)?;
        Ok(docker)
    }

    /// Makes the base image and the network, where they are missing.
    fn prepare(&self, tools: &Path) -> Result<(), String> {
        let image = format!("public.ecr.aws/lambda/provided:al2023-{}", architecture());
        if succeeded(self.docker().args(["image", "inspect", &image])).is_err() {
            let rootfs = tools.join("rootfs");
            if !rootfs.join("etc/ssl/certs/ca-certificates.crt").exists() {
                println!("making a base image with debootstrap");
                let mut debootstrap = Command::new("debootstrap");
                // The functions are linked with this machine's C library.
                debootstrap.args(["--variant=minbase", "--include=ca-certificates", &codename()?]).arg(&rootfs);
                succeeded(&mut debootstrap)?;
            }
            let import = "tar --directory \"$1\" --create . | docker import - \"$2\"";
            let mut shell = Command::new("sh");
            shell.args(["-c", import, "sh"]).arg(&rootfs).arg(&image).env("DOCKER_HOST", &self.socket);
            succeeded(&mut shell)?;
        }
        if succeeded(self.docker().args(["network", "inspect", NETWORK])).is_err() {
            let create = ["network", "create", "--subnet", SUBNET, "--gateway", ADDRESS, NETWORK];
            succeeded(self.docker().args(create))?;
        }
        Ok(())
    }

    fn docker(&self) -> Command {
        let mut docker = Command::new("docker");
        docker.env("DOCKER_HOST", &self.socket);
        docker
    }

    /// The command within the daemon's network.
    fn within(&self, command: &Command) -> Command {
        let mut inside = Command::new("nsenter");
        inside.args(["--target", &self.pid, "--net", "--"]).arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => inside.env(name, value),
                None => inside.env_remove(name),
            };
        }
        inside.env("DOCKER_HOST", &self.socket);
        inside
    }
}

impl Drop for Docker {
    fn drop(&mut self) {
        if let Some(daemon) = self.daemon.take()
            && let Err(error) = daemon.interrupt()
        {
            println!("the Docker daemon: {error}");
        }
    }
}

/// Plays all; returns the number of checks that passed.
fn play(docker: &Docker, python: &Python) -> Result<usize, String> {
    let work = env::current_dir().map_err(|error| error.to_string())?.join(WORK);
    prepare_functions(&work)?;
    let data_dir = work.join("data");
    let switchboard = |arguments: &[&str]| {
        let mut command = Command::new(built("switchboard"));
        command.arg("--data-dir").arg(&data_dir).args(arguments);
        for name in ["OPENAI_BASE_URL", "OPENAI_API_KEY", "OPENAI_MODEL", "OPENAI_MEMORY"] {
            command.env_remove(name);
        }
        docker.within(&command)
    };
    let mut laptop =
        Process::start(&mut switchboard(&["--listen", ADDRESS, "--port", "3000", "--reset"]), &work.join("log"))?;
    laptop.until(|line| (line == "Ctrl-C ends it.").then_some(()))?;
    let exports = printed(&mut switchboard(&["env"]))?;
    let variables = exports.lines().filter_map(|line| line.strip_prefix("export ")?.split_once('='));
    let variables: Vec<_> = variables.map(|(name, value)| (name, value.trim_matches('\''))).collect();
    let sam = |arguments: &[&str]| {
        let mut sam = python.sam();
        sam.envs(variables.iter().copied()).arg("local").args(arguments).arg("--template").arg(work.join("x.yaml"));
        sam.args(["--docker-network", NETWORK, "--skip-pull-image"]);
        docker.within(&sam)
    };

    for (name, function, part) in EVENTS {
        let file = work.join(format!("{name}.json"));
        let event = printed(&mut switchboard(&["event", name]))?;
        fs::write(&file, event).map_err(|error| format!("{}: {error}", file.display()))?;
        let invoked = succeeded(&mut sam(&["invoke", function, "--event", &file.to_string_lossy()]))?;
        let [payload, log] = [invoked.stdout, invoked.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        if !payload.contains(part) {
            return Err(format!("sam local invoke {function}: no {part} in {payload}\n{log}"));
        }
        println!("sam local invoke {function}: ok");
    }

    let mut api = Process::start(&mut sam(&["start-api", "--port", "3001"]), &work.join("start-api.log"))?;
    api.until(|line| line.contains("Running on http://127.0.0.1:3001").then_some(()))?;
    let token = printed(&mut switchboard(&["token", "--tenant", "acme", "--role", "customer", "--sub", "cara"]))?;
    // A token that the authorizer refuses is 502: SAM 1.170 reads no error of an authorizer.
    for (token, status) in [(token.trim(), "200"), ("", "401")] {
        let mut request = python.command("python");
        request.args(["-c", REQUEST, token]);
        let answered = printed(&mut docker.within(&request))?;
        if answered.trim() != status {
            return Err(format!("sam local start-api: GET /threads answered {}, not {status}", answered.trim()));
        }
        println!("sam local start-api: {status}");
    }
    laptop.interrupt()?;
    Ok(EVENTS.len() + 2)
}

/// Prints the status of `GET /threads`, with a token if there is one.
const REQUEST: &str = "\
import sys, urllib.error, urllib.request
headers = {'Authorization': 'Bearer ' + sys.argv[1]} if sys.argv[1] else {}
request = urllib.request.Request('http://127.0.0.1:3001/threads', headers=headers)
try:
    print(urllib.request.urlopen(request, timeout=120).status)
except urllib.error.HTTPError as error:
    print(error.code)
";

/// A folder with each built binary under the name that Lambda looks for, and a template that leads there.
fn prepare_functions(work: &Path) -> Result<(), String> {
    let failed = |path: &Path, error: std::io::Error| format!("{}: {error}", path.display());
    let template = fs::read_to_string("template.yaml").map_err(|error| failed(Path::new("template.yaml"), error))?;
    let folders = template.lines().filter_map(|line| line.trim().strip_prefix("CodeUri: functions/"));
    for name in folders {
        let folder = work.join(name);
        fs::create_dir_all(&folder).map_err(|error| failed(&folder, error))?;
        let binary = built(name);
        let bootstrap = folder.join("bootstrap");
        // Links, because the binaries of a debug build are large. One of an earlier run leads to an older build.
        if bootstrap.exists() {
            fs::remove_file(&bootstrap).map_err(|error| failed(&bootstrap, error))?;
        }
        fs::hard_link(&binary, &bootstrap).map_err(|error| failed(&binary, error))?;
    }
    let template = template
        .replace("CodeUri: functions/", "CodeUri: ")
        .replace("Architectures: [arm64]", &format!("Architectures: [{}]", architecture()));
    let mut file = fs::File::create(work.join("x.yaml")).map_err(|error| failed(work, error))?;
    file.write_all(template.as_bytes()).map_err(|error| failed(work, error))
}

/// A binary that cargo has built beside this program.
fn built(name: &str) -> PathBuf {
    env::current_exe().unwrap_or_default().with_file_name(name)
}

/// This machine's architecture, as Lambda names it.
fn architecture() -> &'static str {
    if env::consts::ARCH == "aarch64" { "arm64" } else { env::consts::ARCH }
}

/// The name of this machine's Debian.
fn codename() -> Result<String, String> {
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let name = release.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME="));
    name.map(str::to_owned).ok_or_else(|| "/etc/os-release names no Debian".to_owned())
}

fn is_installed(program: &str) -> bool {
    Command::new("sh")
        .args(["-c", &format!("command -v {program}")])
        .stdout(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// The standard output of a command that has to succeed.
fn printed(command: &mut Command) -> Result<String, String> {
    Ok(String::from_utf8_lossy(&succeeded(command)?.stdout).into_owned())
}

/// A command that has to succeed. The error has its output.
fn succeeded(command: &mut Command) -> Result<Output, String> {
    let output = command.stdin(Stdio::null()).output();
    let name = command.get_program().display().to_string();
    let output = output.map_err(|error| format!("{name} does not start: {error}"))?;
    if output.status.success() {
        return Ok(output);
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(format!("{name} ended with {}:\n{said}", output.status))
}
