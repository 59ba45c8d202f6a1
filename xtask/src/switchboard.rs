//! The binary `switchboard` as its users have it: started by its command, used through its public API.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use serde_json::Value;
use ureq::{Agent, http::Request};

use crate::process::{Process, url_in};

/// The variables that Switchboard reads: a start gets those that it is given, and none of this program's.
const VARIABLES: [&str; 5] = ["OPENAI_BASE_URL", "OPENAI_API_KEY", "OPENAI_MODEL", "OPENAI_MEMORY", "RUST_LOG"];
/// The longest time for one request: several answers of a model on a busy machine.
const TIMEOUT: Duration = Duration::from_mins(3);
/// The tenant of the demo chatbot.
const TENANT: &str = "acme";

/// The roles of callers, each as one person.
#[derive(Clone, Copy)]
pub(crate) enum Role {
    Customer,
    Agent,
    Admin,
}

/// A running Switchboard.
pub(crate) struct Switchboard {
    process: Process,
    url: String,
    data_dir: PathBuf,
    http: Agent,
}

/// A response: its status and its JSON.
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

impl Switchboard {
    /// Starts it on a free port, with these variables and no other. It has printed all of its greeting when this
    /// returns.
    pub(crate) fn start(data_dir: &Path, variables: &[(&str, String)], log: &Path) -> Result<Self, String> {
        let mut command = command(data_dir)?;
        command.args(["--port", "0"]).envs(variables.iter().cloned());
        let mut process = Process::start(&mut command, log)?;
        let url = process.until(|line| line.split_once("listening on").and_then(|(_, rest)| url_in(rest)))?;
        process.until(|line| (line == "Ctrl-C ends it.").then_some(()))?;
        let http = Agent::config_builder().http_status_as_error(false).proxy(None).timeout_global(Some(TIMEOUT));
        Ok(Self { process, url, data_dir: data_dir.to_owned(), http: http.build().into() })
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The demo chatbot as an admin sees it.
    pub(crate) fn demo(&self) -> Result<Value, String> {
        let chatbots = self.call(Role::Admin, "GET", "/chatbots?limit=100", None)?.body;
        let demo = chatbots["data"].as_array().into_iter().flatten().find(|chatbot| chatbot["public"] == true);
        demo.cloned().ok_or_else(|| "there is no demo chatbot; Switchboard's log says why".to_owned())
    }

    /// Stops it with Ctrl-C, then has `switchboard verify` check every log.
    pub(crate) fn stop(self) -> Result<(), String> {
        self.process.interrupt()?;
        let output = command(&self.data_dir)?.arg("verify").output().map_err(|error| error.to_string())?;
        if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stdout).into_owned()) }
    }

    /// Sends a request and reads the JSON of its response.
    pub(crate) fn call(&self, role: Role, method: &str, path: &str, body: Option<&Value>) -> Result<Response, String> {
        let (status, text) = self.send(role, method, path, "application/json", body)?;
        let body =
            serde_json::from_str(&text).map_err(|error| format!("{method} {path}: {status}, {error}: {text}"))?;
        Ok(Response { status, body })
    }

    /// Sends a message as a customer, and reads the events that come as a stream.
    pub(crate) fn stream(&self, thread: &str, message: &Value) -> Result<Vec<Value>, String> {
        let path = format!("/threads/{thread}/chat");
        let (status, text) = self.send(Role::Customer, "POST", &path, "text/event-stream", Some(message))?;
        if status != 200 {
            return Err(format!("{status}: {text}"));
        }
        let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
        data.map(|json| serde_json::from_str(json).map_err(|error| format!("{error}: {json}"))).collect()
    }

    fn send(
        &self,
        role: Role,
        method: &str,
        path: &str,
        accept: &str,
        body: Option<&Value>,
    ) -> Result<(u16, String), String> {
        let failed = |error: ureq::Error| format!("{method} {path}: {error}");
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .header("authorization", format!("Bearer {}", self.token(role)?))
            .header("accept", accept)
            .body(body.map(Value::to_string).unwrap_or_default())
            .map_err(|error| error.to_string())?;
        let mut response = self.http.run(request).map_err(failed)?;
        Ok((response.status().as_u16(), response.body_mut().read_to_string().map_err(failed)?))
    }

    /// A token of this role's person.
    pub(crate) fn token(&self, role: Role) -> Result<String, String> {
        let (role, subject) = match role {
            Role::Customer => ("customer", "cleo"),
            Role::Agent => ("agent", "ana"),
            Role::Admin => ("admin", "ada"),
        };
        let mut command = command(&self.data_dir)?;
        command.args(["token", "--tenant", TENANT, "--role", role, "--sub", subject]);
        let output = command.output().map_err(|error| error.to_string())?;
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }
}

/// The command beside this program, where cargo builds both.
fn command(data_dir: &Path) -> Result<Command, String> {
    let program = env::current_exe().map_err(|error| error.to_string())?.with_file_name("switchboard");
    let mut command = Command::new(program);
    for name in VARIABLES {
        command.env_remove(name);
    }
    command.arg("--data-dir").arg(data_dir);
    Ok(command)
}
