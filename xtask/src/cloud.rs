//! `cargo xtask cloud`: the template, deployed by SAM to an emulator of AWS and driven over its REST and WebSocket
//! APIs.
//!
//! Everything runs in a network of its own, without a way out: AWS's host names lead to the emulator, by a hosts file,
//! and its certificates are signed by an authority of this run. So no call can reach AWS. Linux only: the emulator
//! starts the functions as processes of this machine.

mod account;
mod names;
mod network;
mod stack;
mod steps;
mod template;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use clap::Args;
use serde_json::Value;

use crate::{
    emulators,
    output::pass_on,
    report::{Outcome, Report, check},
    tools::{Python, cargo, install},
};

/// The folder for data and logs of the last run.
const FOLDER: &str = ".tools/cloud";
/// The commit of the last release, whose template is deployed first.
const LAST_RELEASE: &str = "96f297e";

#[derive(Args)]
pub(crate) struct Cloud {
    /// Used by the command itself, within the network that it made
    #[arg(long, hide = true)]
    inside: Option<PathBuf>,
    /// Open a shell in the account, with `sam` and `aws`, in place of the checks; `OPENAI_URL` is the stand-in's
    #[arg(long)]
    shell: bool,
}

/// Installs and builds, then runs itself again in a network of its own.
pub(crate) fn cloud(options: &Cloud) -> Report {
    match &options.inside {
        Some(_) if options.shell => steps::shell(),
        Some(tests) => steps::run(tests),
        None => prepare(options.shell),
    }
}

fn prepare(shell: bool) -> Report {
    let mut report = Report::default();
    // Asked before the build, which may replace the file: its path would then be that of a deleted one.
    let this = env::current_exe();
    let installed = [
        install(&mut report, "Python tools", Python::ready).is_ok(),
        install(&mut report, "ministack", emulators::ministack).is_ok(),
        install(&mut report, "AWS CLI", emulators::aws_cli).is_ok(),
    ];
    // The build of `cargo xtask test`: not optimized, so a run after the tests builds nothing.
    let built = report.step("cargo build", || check(cargo().args(["build", "--workspace", "--bins", "--tests"])));
    if built && installed.iter().all(|installed| *installed) {
        report.step("the cloud", || match tests().and_then(|tests| files().map(|()| tests)) {
            Ok(tests) => match &this {
                Ok(this) => in_own_network(this, &tests, shell),
                Err(error) => Outcome::failed(&error.to_string()),
            },
            Err(error) => Outcome::failed(&error),
        });
    }
    report
}

/// Makes the folder of this run: the templates, the functions, certificates and hosts.
fn files() -> Result<(), String> {
    let folder = Path::new(FOLDER);
    // Missing at the first run.
    let _ = fs::remove_dir_all(folder);
    for part in ["home", "temporary"] {
        fs::create_dir_all(folder.join(part)).map_err(|error| format!("{FOLDER}: {error}"))?;
    }
    network::files(folder)?;
    let now = fs::read_to_string("template.yaml").map_err(|error| format!("template.yaml: {error}"))?;
    let earlier = Command::new("git").args(["show", &format!("{LAST_RELEASE}:template.yaml")]).output();
    let earlier = earlier.map_err(|error| format!("git: {error}"))?;
    if !earlier.status.success() {
        return Err(format!("git has no commit {LAST_RELEASE}, the last release: fetch the whole history"));
    }
    // Its permissions are those of its own functions, which counted no budgets.
    let table = "          TABLE: !Ref Table\n";
    let off = ["VISITOR", "CUSTOMER", "CHATBOT", "TENANT"].map(|side| format!("          {side}_BUDGET: 'off'\n"));
    let earlier = String::from_utf8_lossy(&earlier.stdout).into_owned();
    if !earlier.contains(table) {
        return Err("the last release's template names its table otherwise".to_owned());
    }
    let earlier = earlier.replace(table, &format!("{table}{}", off.concat()));
    template::build(&folder.join("earlier"), &earlier, template::Streams::Kept)?;
    template::build(&folder.join("now"), &now, template::Streams::Buffered)
}

/// The path of the test target, which `cargo build` has built.
fn tests() -> Result<PathBuf, String> {
    let mut build = cargo();
    build.args(["test", "--no-run", "--package", "tests", "--test", "switchboard", "--message-format", "json"]);
    let messages = build.stderr(Stdio::null()).output().map_err(|error| error.to_string())?;
    let executable = |line: &str| {
        let message: Value = serde_json::from_str(line).ok()?;
        Some(PathBuf::from(message["executable"].as_str()?))
    };
    let messages = String::from_utf8_lossy(&messages.stdout).into_owned();
    messages.lines().filter_map(executable).next_back().ok_or_else(|| "the tests have no binary".to_owned())
}

/// Runs the steps in new namespaces; their counts are the last line of the output.
fn in_own_network(this: &Path, tests: &Path, shell: bool) -> Outcome {
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--net", "--mount"]).arg(this).arg("cloud").arg("--inside").arg(tests);
    if shell {
        // Its output is the terminal.
        return check(command.arg("--shell"));
    }
    let mut counts = None;
    match pass_on(&mut command, |line| counts = counted(line).or(counts)) {
        Ok(ended) => {
            let (passed, failed) = counts.unwrap_or_default();
            if ended.succeeded() {
                return Outcome::Ran { passed, failed };
            }
            let failed = failed.max(1);
            Outcome::Failed { passed, failed, signal: ended.signal(), lines: ended.last_lines() }
        }
        Err(error) => Outcome::CouldNotRun { how: format!("unshare (Debian: util-linux): {error}") },
    }
}

/// `12 passed, 0 failed` is `(12, 0)`.
fn counted(line: &str) -> Option<(usize, usize)> {
    let (passed, failed) = line.strip_suffix(" failed")?.split_once(" passed, ")?;
    Some((passed.parse().ok()?, failed.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::counted;

    #[test]
    fn the_counts_are_read_from_the_last_line() {
        assert_eq!(counted("12 passed, 3 failed"), Some((12, 3)));
        assert_eq!(counted("deploy: passed (12)"), None);
    }
}
