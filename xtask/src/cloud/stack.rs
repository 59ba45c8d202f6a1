//! A stack of the account: deployed, driven by the tests, and deleted.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Value, json};

use super::{
    account::Account,
    names::{REGIONS, STACK, artifacts},
    network,
};
use crate::output::pass_on;

/// SAM's settings, which name the stack.
const SETTINGS: &str = "samconfig.toml";

/// A deployed stack.
pub(super) struct Stack<'a> {
    account: &'a Account,
    pub(super) region: &'static str,
    /// The outputs of the newest deployment.
    pub(super) outputs: BTreeMap<String, String>,
}

impl<'a> Stack<'a> {
    /// Creates or updates the stack by SAM. Parameters that are not given keep their values, or get their defaults.
    pub(super) fn deploy(
        account: &'a Account,
        region: &'static str,
        built: &str,
        parameters: &[(&str, &str)],
    ) -> Result<Self, String> {
        let mut sam = account.sam(region);
        sam.args(["deploy", "--stack-name", STACK, "--region", region, "--s3-bucket", &artifacts(region)]);
        sam.args(["--capabilities", "CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND", "--no-confirm-changeset"]);
        sam.args(["--no-fail-on-empty-changeset", "--no-progressbar", "--template-file"]);
        sam.arg(account.folder.join(built).join("template.yaml"));
        sam.arg("--parameter-overrides");
        sam.args(parameters.iter().map(|(name, value)| format!("{name}={value}")));
        succeeds(&mut sam)?;
        Self::deployed(account, region)
    }

    /// Creates the stack as a newcomer does: answers `sam deploy --guided` by Enter, but for the key, and the base URL
    /// of OpenAI's stand-in, since the network has no way out.
    pub(super) fn guided(account: &'a Account, region: &'static str, key: &str) -> Result<Self, String> {
        let folder = account.folder.join("now");
        let failed = |error: io::Error| format!("{}: {error}", folder.display());
        fs::copy(SETTINGS, folder.join(SETTINGS)).map_err(failed)?;
        // The stack's name and the region come first; Enter answers whatever follows.
        let answers = format!("\n\n{key}\n{}\n{}", account.openai_url, "\n".repeat(100));
        fs::write(folder.join("answers"), answers).map_err(failed)?;
        let mut shell = account.shell(region)?;
        // SAM would ask a terminal for the key, if it had one.
        succeeds(shell.args(["-c", "setsid --wait sam deploy --guided <answers"]))?;
        // Else SAM would take the saved answers for any other deployment of this template.
        fs::remove_file(folder.join(SETTINGS)).map_err(failed)?;
        Self::deployed(account, region)
    }

    fn deployed(account: &'a Account, region: &'static str) -> Result<Self, String> {
        let outputs = outputs(account, region)?;
        for name in ["RestUrl", "SocketUrl"] {
            let host = outputs[name].split('/').nth(2).unwrap_or_default().to_owned();
            network::add_host(&account.folder, &host)?;
        }
        Ok(Self { account, region, outputs })
    }

    /// The test target, for its tests of this name, on this stack.
    pub(super) fn tests(&self, tests: &Path, name: &str) -> Result<Command, String> {
        let secret = self.secret("JwtSecretArn")?;
        let mut outputs = self.outputs.clone();
        if self.region != REGIONS[0]
            && let Some(url) = outputs.get_mut("RestUrl")
        {
            *url = by_path(url);
        }
        let description = json!({
            "outputs": outputs, "secret": secret, "openai_url": self.account.openai_url, "stack": STACK,
        });
        let path: PathBuf = self.account.folder.join(format!("stack-{}.json", self.region));
        fs::write(&path, description.to_string()).map_err(|error| format!("{}: {error}", path.display()))?;
        let mut command = Command::new(tests);
        self.account.set(&mut command, self.region).env("CLOUD", path).args([name, "--test-threads", "2"]);
        Ok(command)
    }

    /// The value of the secret that an output names.
    pub(super) fn secret(&self, output: &str) -> Result<String, String> {
        let arn = self.outputs.get(output).ok_or_else(|| format!("no output {output}"))?;
        let value = self.account.aws(self.region, &["secretsmanager", "get-secret-value", "--secret-id", arn])?;
        Ok(value["SecretString"].as_str().unwrap_or_default().to_owned())
    }

    /// The environment of the function with this logical id.
    pub(super) fn environment(&self, function: &str) -> Result<Value, String> {
        let resource = ["cloudformation", "describe-stack-resource", "--stack-name", STACK];
        let found = self.account.aws(self.region, &[&resource[..], &["--logical-resource-id", function]].concat())?;
        let name = found["StackResourceDetail"]["PhysicalResourceId"].as_str().unwrap_or_default().to_owned();
        let configuration =
            self.account.aws(self.region, &["lambda", "get-function-configuration", "--function-name", &name])?;
        Ok(configuration["Environment"]["Variables"].clone())
    }

    /// Deletes the stack by SAM.
    pub(super) fn delete(&self) -> Result<(), String> {
        let mut sam = self.account.sam(self.region);
        succeeds(sam.args(["delete", "--no-prompts", "--stack-name", STACK, "--region", self.region]))
    }
}

/// The URL under which the emulator serves an API of any region: it knows the host names of one region alone.
fn by_path(url: &str) -> String {
    let (id, _) = url.trim_start_matches("https://").split_once('.').unwrap_or_default();
    match url.rsplit_once('/') {
        Some((host, stage)) => format!("{host}/_aws/execute-api/{id}/{stage}"),
        None => url.to_owned(),
    }
}

fn outputs(account: &Account, region: &str) -> Result<BTreeMap<String, String>, String> {
    let described = account.aws(region, &["cloudformation", "describe-stacks", "--stack-name", STACK])?;
    let stack = &described["Stacks"][0];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let outputs = stack["Outputs"].as_array().into_iter().flatten();
    let outputs: BTreeMap<_, _> =
        outputs.map(|output| (text(&output["OutputKey"]), text(&output["OutputValue"]))).collect();
    if outputs.contains_key("RestUrl") && outputs.contains_key("SocketUrl") {
        Ok(outputs)
    } else {
        Err(format!("status {}, outputs {outputs:?}", stack["StackStatus"]))
    }
}

fn succeeds(command: &mut Command) -> Result<(), String> {
    match pass_on(command, |_| ()) {
        Ok(ended) if ended.succeeded() => Ok(()),
        Ok(ended) => Err(ended.last_lines().join("\n")),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::by_path;

    #[test]
    fn an_api_is_found_by_its_path() {
        let url = "https://3e254482.execute-api.eu-west-1.amazonaws.com/v1";
        assert_eq!(by_path(url), "https://3e254482.execute-api.eu-west-1.amazonaws.com/_aws/execute-api/3e254482/v1");
    }
}
