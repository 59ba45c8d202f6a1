//! The servers of `/v1/responses` that are tried: their packages, and how each is started.

use std::{
    fs, io,
    net::TcpListener,
    path::Path,
    process::Command,
    time::{SystemTime, UNIX_EPOCH},
};

use crate::{
    process::{Process, url_in},
    tools::{Environment, Python},
};

/// The files that servers are started with.
const FILES: &str = "xtask/servers";
/// Every package is listed with its version, and none is built here.
const OPTIONS: &[&str] = &["--no-deps", "--only-binary", ":all:"];

const LLAMA_CPP: Environment = Environment {
    name: "llama.cpp",
    packages: include_str!("../../servers/llama.cpp.txt"),
    options: OPTIONS,
    oldest: (3, 10),
};
const LITE_LLM: Environment = Environment {
    name: "litellm",
    packages: include_str!("../../servers/litellm.txt"),
    options: OPTIONS,
    oldest: (3, 10),
};
const OGX: Environment =
    Environment { name: "ogx", packages: include_str!("../../servers/ogx.txt"), options: OPTIONS, oldest: (3, 12) };

/// A server with a model behind it: a row of the table.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Server {
    /// llama.cpp, whose chat template insists that user and assistant alternate, as Gemma's does.
    Gemma,
    /// llama.cpp, whose chat template insists that a system message comes first, as Qwen's does.
    Qwen,
    /// LiteLLM's proxy in front of the second llama.cpp.
    LiteLlm,
    /// OGX in front of the second llama.cpp. It keeps conversations.
    Ogx,
}

/// A running server, and the variables with which Switchboard uses it.
pub(super) struct Running {
    pub(super) variables: Vec<(&'static str, String)>,
    /// A proxy comes before the server behind it, and so ends first.
    _processes: Vec<Process>,
}

impl Server {
    pub(crate) const ALL: [Self; 4] = [Self::Gemma, Self::Qwen, Self::LiteLlm, Self::Ogx];

    /// The name of its row.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Gemma => "llama.cpp, Gemma's template",
            Self::Qwen => "llama.cpp, Qwen's template",
            Self::LiteLlm => "LiteLLM",
            Self::Ogx => "OGX",
        }
    }

    /// The name of its folder.
    pub(super) fn folder(self) -> &'static str {
        match self {
            Self::Gemma => "gemma",
            Self::Qwen => "qwen",
            Self::LiteLlm => "litellm",
            Self::Ogx => "ogx",
        }
    }

    /// The environments that it needs, llama.cpp's first.
    pub(super) fn environments(self) -> &'static [Environment] {
        match self {
            Self::Gemma | Self::Qwen => &[LLAMA_CPP],
            Self::LiteLlm => &[LLAMA_CPP, LITE_LLM],
            Self::Ogx => &[LLAMA_CPP, OGX],
        }
    }

    /// Starts it with the Pythons of its [`environments`](Self::environments). Its files and logs go to `folder`.
    pub(super) fn start(self, pythons: &[Python], folder: &Path) -> Result<Running, String> {
        let [llama_cpp, rest @ ..] = pythons else { return Err("llama.cpp is not installed".to_owned()) };
        let (weights, template) = if self == Self::Gemma { ("gemma", "gemma") } else { ("smollm2", "qwen") };
        let mut command = llama_cpp.command("python");
        command.arg(format!("{FILES}/llama_server.py")).arg(weights).arg(format!("{FILES}/{template}.jinja"));
        // The assembled weights are kept for later starts, and for other rows.
        command.arg(folder.parent().unwrap_or(folder));
        let (llama, url) = started(&mut command, &folder.join("llama.cpp.log"), "listening on")?;
        let behind = format!("{url}/v1");
        match (self, rest) {
            (Self::LiteLlm, [python]) => {
                let key = format!("sk-{:032x}", nanoseconds());
                let (proxy, url) = started(&mut lite_llm(python, &behind, &key), &folder.join("litellm.log"), UVICORN)?;
                let variables = vec![("OPENAI_BASE_URL", format!("{url}/v1")), ("OPENAI_API_KEY", key)];
                Ok(Running { variables, _processes: vec![proxy, llama] })
            }
            (Self::Ogx, [python]) => {
                let mut ogx = ogx(python, &behind, folder).map_err(|error| error.to_string())?;
                let (proxy, url) = started(&mut ogx, &folder.join("ogx.log"), UVICORN)?;
                let variables = vec![("OPENAI_BASE_URL", format!("{url}/v1"))];
                Ok(Running { variables, _processes: vec![proxy, llama] })
            }
            _ => Ok(Running { variables: vec![("OPENAI_BASE_URL", behind)], _processes: vec![llama] }),
        }
    }
}

/// The words before the URL in the line with which the web server of both proxies says that it listens.
const UVICORN: &str = "Uvicorn running on";

/// Starts a server and waits until it has printed its URL after the words `listens`.
fn started(command: &mut Command, log: &Path, listens: &str) -> Result<(Process, String), String> {
    let mut process = Process::start(command, log)?;
    let url = process.until(|line| line.split_once(listens).and_then(|(_, rest)| url_in(rest)))?;
    Ok((process, url))
}

/// LiteLLM does not start without a key of its own, and would fetch prices of models.
fn lite_llm(python: &Python, behind: &str, key: &str) -> Command {
    let mut command = python.command("litellm");
    command.args(["--config", &format!("{FILES}/litellm.yaml"), "--host", "127.0.0.1", "--port", "0"]);
    command.env("LLAMA_CPP_URL", behind).env("LITELLM_MASTER_KEY", key).env("LITELLM_LOCAL_MODEL_COST_MAP", "True");
    command
}

/// OGX keeps its data in `folder`, and nothing at home. It takes port 0 for no choice, so a free port is looked up;
/// wide lines, so that it does not wrap its URL.
fn ogx(python: &Python, behind: &str, folder: &Path) -> io::Result<Command> {
    let folder = folder.canonicalize()?.join("ogx");
    fs::create_dir_all(&folder)?;
    let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
    let mut command = python.command("ogx");
    command.args(["run", &format!("{FILES}/ogx.yaml"), "--port", &port.to_string(), "--insecure"]);
    command.env("LLAMA_CPP_URL", behind).env("OGX_FOLDER", &folder).env("HOME", &folder).env("COLUMNS", "300");
    Ok(command)
}

/// A number that no earlier start used.
fn nanoseconds() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos())
}
