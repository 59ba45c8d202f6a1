//! The emulated account: the emulator, the stand-in for OpenAI, and the commands that are run against both.

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use super::{
    FOLDER,
    names::{REGIONS, STACK, artifacts},
    network,
};
use crate::{emulators, output::pass_on, process::Process, tools::Python};

/// The docs whose commands are run.
const DOCS: &str = "docs/operate.md";
/// The opening fence of a code block that this command runs.
const RUN_HERE: &str = "```sh tested-by=\"cargo xtask cloud\"\n";

/// An account with an administrator, whose credentials all commands use.
pub(super) struct Account {
    pub(super) folder: PathBuf,
    /// The base URL of the stand-in for OpenAI.
    pub(super) openai_url: String,
    aws_cli: Python,
    sam: Python,
    credentials: [String; 2],
    /// The emulator ends last.
    _processes: [Process; 2],
}

impl Account {
    /// Starts the emulator, with permissions enforced and TLS, and the stand-in; creates the administrator and a
    /// bucket a region.
    pub(super) fn open() -> Result<Self, String> {
        let folder = Path::new(FOLDER).canonicalize().map_err(|error| format!("{FOLDER}: {error}"))?;
        network::enter(&folder)?;
        let emulator = emulator(&folder)?;
        let (standin, openai_url) = standin(&folder)?;
        let mut account = Self {
            folder,
            openai_url,
            aws_cli: emulators::aws_cli()?,
            sam: Python::ready()?,
            // The emulator's own key of the root user.
            credentials: ["test", "test"].map(str::to_owned),
            _processes: [standin, emulator],
        };
        account.administrator()?;
        for region in REGIONS {
            let place = format!("LocationConstraint={region}");
            account.aws(
                region,
                &["s3api", "create-bucket", "--bucket", &artifacts(region), "--create-bucket-configuration", &place],
            )?;
        }
        Ok(account)
    }

    /// Creates a user who may do everything, and goes on with that user's key.
    fn administrator(&mut self) -> Result<(), String> {
        let user = ["--user-name", "deployer"];
        self.aws(REGIONS[0], &[&["iam", "create-user"], &user[..]].concat())?;
        let policy = ["--policy-arn", "arn:aws:iam::aws:policy/AdministratorAccess"];
        self.aws(REGIONS[0], &[&["iam", "attach-user-policy"], &user[..], &policy].concat())?;
        let key = self.aws(REGIONS[0], &[&["iam", "create-access-key"], &user[..]].concat())?;
        let part = |name: &str| key["AccessKey"][name].as_str().unwrap_or_default().to_owned();
        self.credentials = [part("AccessKeyId"), part("SecretAccessKey")];
        Ok(())
    }

    /// Runs the AWS CLI; returns the JSON that it prints, or null.
    pub(super) fn aws(&self, region: &str, arguments: &[&str]) -> Result<Value, String> {
        let mut aws = self.aws_cli.command("aws");
        self.set(&mut aws, region).args(arguments).args(["--output", "json"]);
        let output = aws.output().map_err(|error| format!("aws: {error}"))?;
        if !output.status.success() {
            let error = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            return Err(format!("aws {}: {error}", arguments.join(" ")));
        }
        Ok(serde_json::from_slice(&output.stdout).unwrap_or_default())
    }

    /// Runs the commands that docs/operate.md gives under a heading, in the folder of the built template.
    pub(super) fn documented(
        &self,
        region: &str,
        heading: &str,
        outputs: &BTreeMap<String, String>,
    ) -> Result<(), String> {
        let docs = fs::read_to_string(DOCS).map_err(|error| format!("{DOCS}: {error}"))?;
        let commands = commands(&docs, heading).ok_or_else(|| format!("{DOCS} has no commands under {heading:?}"))?;
        let mut shell = self.shell(region)?;
        shell.args(["-euxc", &commands]);
        for (name, output) in [("TABLE", "TableName"), ("BUCKET", "PagesBucketName")] {
            shell.env(name, outputs.get(output).map_or("", String::as_str));
        }
        match pass_on(&mut shell, |_| ()) {
            Ok(ended) if ended.succeeded() => Ok(()),
            Ok(ended) => Err(ended.last_lines().join("\n")),
            Err(error) => Err(format!("sh: {error}")),
        }
    }

    /// A shell in the folder of the built template, with `aws` and `sam`.
    pub(super) fn shell(&self, region: &str) -> Result<Command, String> {
        let mut shell = Command::new("sh");
        self.set(&mut shell, region).current_dir(self.folder.join("now"));
        let path = env::var_os("PATH").unwrap_or_default();
        let paths = [self.aws_cli.program(""), self.sam.program("")].into_iter().chain(env::split_paths(&path));
        shell.env("PATH", env::join_paths(paths).map_err(|error| error.to_string())?);
        shell.env("SAM_CLI_TELEMETRY", "0").env("STACK", STACK).env("OPENAI_URL", &self.openai_url);
        Ok(shell)
    }

    /// SAM, with the account's credentials.
    pub(super) fn sam(&self, region: &str) -> Command {
        let mut sam = self.sam.sam();
        self.set(&mut sam, region);
        sam
    }

    /// Sets what a program needs to reach the account.
    pub(super) fn set<'a>(&self, command: &'a mut Command, region: &str) -> &'a mut Command {
        let [id, secret] = &self.credentials;
        let authority = self.folder.join("ca.pem");
        command.env("AWS_ACCESS_KEY_ID", id).env("AWS_SECRET_ACCESS_KEY", secret);
        command.env("AWS_REGION", region).env("AWS_DEFAULT_REGION", region).env("AWS_PAGER", "");
        command.env("AWS_CA_BUNDLE", &authority).env("SSL_CERT_FILE", authority).env("HOME", self.folder.join("home"));
        command.env("AWS_CLI", self.aws_cli.program("aws"))
    }
}

/// The code blocks under a heading that are marked as run here.
fn commands(docs: &str, heading: &str) -> Option<String> {
    let (_, rest) = docs.split_once(&format!("\n### {heading}\n"))?;
    let section = rest.split("\n#").next()?;
    let blocks: Vec<_> = section.split(RUN_HERE).skip(1).filter_map(|block| block.split("```").next()).collect();
    (!blocks.is_empty()).then(|| blocks.concat())
}

/// Starts ministack. It listens on port 443 too where it serves TLS.
fn emulator(folder: &Path) -> Result<Process, String> {
    let mut command = Command::new(emulators::ministack()?);
    command
        .envs([("BIND_HOST", "127.0.0.1"), ("GATEWAY_PORT", "4566"), ("USE_SSL", "1"), ("AUTH", "true")])
        .env("MINISTACK_HOST", format!("{}.amazonaws.com", REGIONS[0]))
        .env("MINISTACK_REGION", REGIONS[0])
        .env("MINISTACK_SSL_CERT", folder.join("leaf.pem"))
        .env("MINISTACK_SSL_KEY", folder.join("leaf.key"))
        // The functions are its children: they trust the authority of this run and no other.
        .env("SSL_CERT_FILE", folder.join("ca.pem"))
        .env("HOME", folder.join("home"))
        .env("TMPDIR", folder.join("temporary"));
    for name in ["AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_SESSION_TOKEN", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
        command.env_remove(name);
    }
    let mut emulator = Process::start(&mut command, &folder.join("ministack.log"))?;
    emulator.until(|line| line.contains("Running on https://127.0.0.1:443 ").then_some(()))?;
    Ok(emulator)
}

/// Starts `switchboard` for the sake of its stand-in; returns the stand-in's base URL.
fn standin(folder: &Path) -> Result<(Process, String), String> {
    let data = folder.join("stand-in");
    let program = env::current_exe().map_err(|error| error.to_string())?.with_file_name("switchboard");
    let mut command = Command::new(program);
    command.args(["--port", "0", "--data-dir"]).arg(&data);
    for name in ["OPENAI_BASE_URL", "OPENAI_API_KEY", "OPENAI_MODEL", "OPENAI_MEMORY"] {
        command.env_remove(name);
    }
    let mut standin = Process::start(&mut command, &folder.join("stand-in.log"))?;
    standin.until(|line| (line == "Ctrl-C ends it.").then_some(()))?;
    let running = fs::read(data.join("running.json")).map_err(|error| format!("running.json: {error}"))?;
    let running: Value = serde_json::from_slice(&running).map_err(|error| format!("running.json: {error}"))?;
    let url = running["openai_url"].as_str().ok_or("running.json names no stand-in")?;
    Ok((standin, url.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::{RUN_HERE, commands};

    #[test]
    fn the_commands_of_a_heading_are_its_shell_blocks() {
        let docs = "# A\n### One\nText\nRUNa\n```\n```sh\nnot run\n```\nRUNb\n```\n### Two\nRUNc\n```\n";
        let docs = &docs.replace("RUN", RUN_HERE);
        assert_eq!(commands(docs, "One").unwrap(), "a\nb\n");
        assert_eq!(commands(docs, "Two").unwrap(), "c\n");
        assert_eq!(commands(docs, "Three"), None);
    }
}
